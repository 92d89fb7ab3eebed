"""Writes the table of docs/targets.md: every target is built, run on its emulator and measured.

Usage: scripts/targets_table.py [--work DIR] [--reuse] [TARGET ...]

Builds lie in DIR (default build/targets); --reuse takes those that are there. Without targets all
rows are made anew; with targets only theirs, the others stay as they are. Exit status 1 if a target
could not be built, or an image was not bit-exact.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import write_text
from imse_mcu.core.progress import Reporter
from imse_mcu.pipeline import BuildRequest, build
from imse_mcu.planning import plan_one
from imse_mcu.quantization import QuantizationRequest
from targets.loader import list_targets, load_target
from targets.model import Target

PAGE = Path(__file__).resolve().parents[1] / "docs" / "targets.md"
BEGIN, END = "<!-- table: scripts/targets_table.py -->", "<!-- end of the table -->"
HEAD = (
    "| target | core, MHz | built, linked | ran, bit-exact | instructions per frame "
    "| RAM bytes | flash bytes | planned RAM, flash | real-time factor | how run |"
)


def how_run(target: Target) -> str:
    """The emulator in words."""
    emulator = target.board.emulator
    if emulator is None:
        return "not run"
    if emulator.stand_in is not None:
        return f"QEMU {emulator.machine}, its objects; start-up in Unicorn as Cortex-M33 (tests)"
    if emulator.kind == "qemu":
        return f"QEMU {emulator.machine}"
    core = emulator.machine.replace("cortex-m", "Cortex-M")
    return f"Unicorn, {core}, with the board's memory map, clocks and UART"


def report_of(target: Target, work: Path, reuse: bool, reporter: Reporter) -> dict[str, Any]:
    """Build for a target and return the content of its report."""
    folder = work / target.name
    if not (reuse and (folder / "report.json").is_file()):
        request = QuantizationRequest("imse-stream")
        build(BuildRequest(target.name, folder, request, runtime="aot"), reporter)
    data: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return data


def planned(target: Target, report: dict[str, Any], folder: Path) -> str:
    """How far ``imse-mcu plan`` was off."""
    plan = plan_one(BuildFolder.open(folder).host_model().quantized, target)
    pairs = ((plan.ram_bytes, report["ram_bytes"]), (plan.flash_bytes, report["flash_bytes"]))
    return ", ".join(f"{100 * (ours or 0) / real['total'] - 100:+.1f} %" for ours, real in pairs)


def row(target: Target, report: dict[str, Any], folder: Path) -> str:
    """One line of the table."""
    exact = {True: "yes", False: "**no**", None: "no"}[report["bit_exact"]]
    counted = report["instructions_per_frame"]
    cells = [
        f"{target.title} (`{target.name}`)",
        f"{target.mcu.core.replace('cortex-m', 'M')}, {target.mcu.clock_hz / 1e6:g}",
        "yes" if report["flash_bytes"]["total"] else "**no**",
        exact,
        f"{counted:,}" if counted else "-",
        f"{report['ram_bytes']['total']:,}",
        f"{report['flash_bytes']['total']:,}",
        planned(target, report, folder),
        f"{report['real_time_factor']:.2f}",
        how_run(target),
    ]
    return f"| {' | '.join(cells)} |"


def old_rows(page: str) -> dict[str, str]:
    """Rows of the table as it is, by name of the target."""
    lines = page[page.index(BEGIN) : page.index(END)].splitlines()
    return {line.split("`")[1]: line for line in lines if line.startswith("|") and "`" in line}


def main() -> int:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--work", type=Path, default=Path("build/targets"))
    parser.add_argument("--reuse", action="store_true")
    arguments = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    rows = old_rows(page) if arguments.targets else {}
    chosen = [load_target(name) for name in arguments.targets] or list(list_targets())
    status = 0
    for target in chosen:
        try:
            report = report_of(target, arguments.work, arguments.reuse, Reporter())
        except ImseMcuError as error:
            print(f"{target.name}: {error.message}", file=sys.stderr)
            status = 1
            continue
        if report["bit_exact"] is not True:
            status = 1
        rows[target.name] = row(target, report, arguments.work / target.name)
        print(rows[target.name], flush=True)
        table = "\n".join([HEAD, "|---" * 10 + "|", *(rows[name] for name in sorted(rows))])
        start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        write_text(PAGE, f"{page[:start]}\n\n{table}\n\n{page[end:]}")
    return status


if __name__ == "__main__":
    sys.exit(main())
