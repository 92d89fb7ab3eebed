"""Prints the figures of docs/performance.md that a build and its last run state, as Markdown.

    python scripts/bench.py build/imse-stream-stm32h7

The build must have been run once: imse-mcu run DIR --input examples/noisy.wav.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def figures(folder: Path) -> list[tuple[str, str]]:
    """Returns title and value of every figure.

    Args:
        folder: A build on an emulator, with the record of a run.
    """
    report, record, run = (
        json.loads((folder / name).read_text("utf-8"))
        for name in ("report.json", "build.json", "run.json")
    )
    network, frame = run["network_per_frame"]["mean"], run["frame_per_frame"]["mean"]
    flash, ram, arena = report["flash_bytes"], report["ram_bytes"], report["arena"]
    share = (frame - network) / network
    needed = ram["arena"] + ram["state"] + run["peak_stack_bytes"]
    values: list[tuple[str, Any]] = [
        ("MAC per frame", report["macs_per_frame"]),
        ("network, instructions per frame", round(network)),
        ("with analysis and synthesis", round(frame)),
        ("analysis and synthesis / network", f"{100 * share:.1f} %"),
        ("flash: code of the whole firmware", flash["code"]),
        ("flash: weights", flash["weights"]),
        ("RAM: arena", ram["arena"]),
        ("RAM: state between frames", ram["state"]),
        ("stack used", run["peak_stack_bytes"]),
        ("arena, state and stack used", needed),
        ("RAM: whole firmware, code in RAM included", ram["total"]),
        ("real-time factor, by the cycle model", report["real_time_factor"]),
        ("every frame as the TFLM interpreter", "yes" if run["bit_exact"] else "NO"),
    ]
    if arena is not None:
        bound = arena["lower_bound_bytes"]
        values.insert(7, ("arena: what live values need", bound))
        values.insert(8, ("arena / that", f"{arena['size_bytes'] / bound:.3f}"))
    regions = {
        r["name"]: ", ".join(f"{k} {v:,}" for k, v in r["parts"].items())
        for r in record["regions"]
        if r["used_bytes"]
    }
    texts = [(title, f"{v:,}" if isinstance(v, int) else str(v)) for title, v in values]
    return texts + list(regions.items())


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    rows = figures(parser.parse_args().build)
    print("\n".join(["| | |", "|---|---:|", *(f"| {title} | {value} |" for title, value in rows)]))


if __name__ == "__main__":
    main()
