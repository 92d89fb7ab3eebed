"""``imse-mcu export-weights``: weights of the published network as a PyTorch checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH


@click.command(
    "export-weights",
    epilog="Example:\n\n  imse-mcu export-weights imse.npz -o imse.pth",
)
@click.argument("weights", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    metavar="FILE",
    help="File to write: .pth or .pt for PyTorch, or .npz.",
)
@click.option("--model", default="imse", show_default=True, metavar="NAME", help="Model.")
@common_options
def command(session: Session, weights: Path, output: Path, model: str) -> None:
    """Write weights of the published IMSE under the names and layouts of the authors' code.

    The .pth file holds a state dict under the key 'generator', as the authors' checkpoints do.
    """
    from imse_mcu.weight_files import convert

    formats = (".pth", ".pt", ".npz")
    result = convert(weights, output, model, formats=formats, reporter=session.reporter)
    session.emit(result.to_json(), result.describe())
