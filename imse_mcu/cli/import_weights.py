"""``imse-mcu import-weights``: weights of the published network from a PyTorch checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH


@click.command(
    "import-weights",
    epilog="Example:\n\n  imse-mcu import-weights g_best_pesq_3.399 -o imse.npz",
)
@click.argument("checkpoint", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    metavar="FILE",
    help="File to write: .npz, or .h5 for tf-keras.",
)
@click.option("--model", default="imse", show_default=True, metavar="NAME", help="Model.")
@common_options
def command(session: Session, checkpoint: Path, output: Path, model: str) -> None:
    """Check a PyTorch checkpoint of the published IMSE and make weights for --weights of it.

    Only tensors are read; nothing in the file is run, and PyTorch is not needed.
    """
    from imse_mcu.weight_files import convert

    result = convert(checkpoint, output, model, formats=(".npz", ".h5"), reporter=session.reporter)
    session.emit(result.to_json(), result.describe())
