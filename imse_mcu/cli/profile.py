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
    type=float,
    default=2.0,
    show_default=True,
    metavar="PERCENT",
    help="Growth of instructions, flash or RAM above which the exit status is 1.",
)
@common_options
def command(session: Session, build: Path, compare: Path | None, max_regression: float) -> int:
    """Show instructions per function, cost per layer and the memory of BUILD.

    Instructions are those of the build's own run on the emulator; cycles are a model of them.
    """
    from imse_mcu.buildfolder import BuildFolder
    from imse_mcu.profiling import compare_builds, describe, profile_of

    folder = BuildFolder.open(build)
    data = profile_of(folder)
    lines = [describe(data)]
    grown = []
    if compare is not None:
        changes = compare_builds(BuildFolder.open(compare), folder)
        data["changes"] = [change.to_json() for change in changes]
        grown = [c for c in changes if c.percent > max_regression]
        lines += ["", f"against {compare}:", *(f"  {c.describe()}" for c in changes)]
        lines += [f"past the limit of {max_regression:g} %: {c.name}" for c in grown]
    session.emit(data, "\n".join(lines))
    return 1 if grown else 0
