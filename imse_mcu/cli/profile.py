"""``imse-mcu profile``: where a build spends instructions and memory."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH


@click.command(
    "profile",
    epilog="Examples:\n\n  imse-mcu profile build/imse-stream-stm32h7\n\n"
    "  imse-mcu profile new/ --compare old/ --max-regression 2",
)
@click.argument("build", type=PATH)
@click.option("--compare", type=PATH, metavar="DIR", help="An earlier build to compare with.")
@click.option(
    "--max-regression",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="PERCENT",
    help="Growth of instructions, flash or RAM above which the exit status is 1.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Rows of each table; --json has all of them.",
)
@common_options
def command(
    session: Session, build: Path, compare: Path | None, max_regression: float, top: int
) -> int:
    """Show where BUILD spends instructions, flash and RAM.

    Instructions per layer are counted in the build's own run on the emulator, kernels included;
    cycles are a model of them whose source is stated.
    """
    from imse_mcu.buildfolder import BuildFolder
    from imse_mcu.profiling import changed_layers, compare_builds, describe, profile_of

    folder = BuildFolder.open(build)
    data = profile_of(folder)
    lines = [describe(data, top=top)]
    grown = []
    if compare is not None:
        earlier = BuildFolder.open(compare, hint="--compare takes the folder of an earlier build")
        changes, layers = compare_builds(earlier, folder), changed_layers(earlier, folder)
        data["changes"] = [change.to_json() for change in changes]
        data["changed_layers"] = [change.to_json() for change in layers]
        grown = [c for c in changes if c.percent > max_regression]
        lines += ["", f"against {compare}:", *(f"  {c.describe()}" for c in changes)]
        if layers:
            lines += ["layers that changed most:", *(f"  {c.describe()}" for c in layers[:top])]
        lines += [f"past the limit of {max_regression:g} %: {c.name}" for c in grown]
    session.emit(data, "\n".join(lines))
    return 1 if grown else 0
