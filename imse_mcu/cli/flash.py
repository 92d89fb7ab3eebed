"""``imse-mcu flash``: program a board with a build."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH

if TYPE_CHECKING:
    from targets.runners import FlashReport


@click.command(
    "flash",
    epilog="Examples:\n\n  imse-mcu flash build/imse-stream-stm32h7\n\n"
    "  imse-mcu flash build/imse-stream-stm32h7 --runner openocd --dry-run",
)
@click.argument("build", type=PATH)
@click.option(
    "--runner",
    metavar="NAME",
    help="pyocd, openocd, stlink, stm32cubeprogrammer, jlink or gdb; default: the best installed.",
)
@click.option(
    "--probe", metavar="SERIAL", help="Debug probe; for gdb [SERVER@]HOST:PORT of the server."
)
@click.option("--no-verify", is_flag=True, help="Do not compare the flash with the image.")
@click.option("--no-reset", is_flag=True, help="Do not start the new image.")
@click.option("--dry-run", is_flag=True, help="Only show the commands.")
@common_options
def command(
    session: Session,
    build: Path,
    runner: str | None,
    probe: str | None,
    no_verify: bool,
    no_reset: bool,
    dry_run: bool,
) -> None:
    """Program a board with the image of BUILD, verify it and start it."""
    from imse_mcu.buildfolder import BuildFolder
    from targets.runners import FlashImage, FlashRequest, choose_runner

    folder = BuildFolder.open(build)
    target = folder.target()
    image = FlashImage(*(folder.artifact(kind) for kind in ("elf", "bin", "hex")))
    chosen = choose_runner(target, runner)
    request = FlashRequest(target, image, probe, verify=not no_verify, reset=not no_reset)
    with session.reporter.stage(f"programming {target.title} with {chosen.name}"):
        report = chosen.flash(request, dry_run=dry_run)
    data = {**report.to_json(), "target": target.name, "image": str(image.elf)}
    session.emit(data, _text(report, target.title))


def _text(report: FlashReport, title: str) -> str:
    """Describes what was done for people."""
    if report.dry_run:
        lines = [f"would program {title} with {report.runner}:"]
        for step in report.steps:
            lines += [f"  # {step.title}", f"  {shlex.join(step.argv)}"]
            lines += [
                f"  #   {name}: {line}"
                for name, content in step.files.items()
                for line in content.splitlines()
            ]
        return "\n".join(lines)
    done = [
        "programmed",
        *(["verified"] if report.verified else []),
        *(["started"] if report.reset else []),
    ]
    return f"{title}: {', '.join(done)} with {report.runner}"
