"""A gate for continuous integration: reads report.json and fails past a budget.

imse-mcu build --target stm32h7 -o build/firmware
python examples/budget.py build/firmware/report.json --ram-kib 192 --flash-kib 256 --real-time 0.5
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Prints a line per limit; returns 1 past one, 2 where the report lacks a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--ram-kib", type=float)
    parser.add_argument("--flash-kib", type=float)
    parser.add_argument("--real-time", type=float, help="real-time factor by the cycle model")
    parser.add_argument("--audio-snr-db", type=float, help="int8 audio against float, at least")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text("utf-8"))
    ram, flash = report["ram_bytes"]["total"], report["flash_bytes"]["total"]
    figures = [
        ("RAM in KiB", ram and ram / 1024, options.ram_kib, 1),
        ("flash in KiB", flash and flash / 1024, options.flash_kib, 1),
        ("real-time factor", report["real_time_factor"], options.real_time, 1),
        ("audio SNR in dB", report["int8_vs_float"]["audio_snr_db"], options.audio_snr_db, -1),
    ]
    status = 0
    if report["bit_exact"] is not True:
        print("bit-exact: no" if report["bit_exact"] is False else "bit-exact: not run")
        status = 1
    for name, value, limit, sign in figures:
        if limit is None:
            continue
        if value is None:
            print(f"{name}: not in the report; build without --no-compile")
            return 2
        good = sign * value <= sign * limit
        print(f"{name}: {value:.3f}, limit {limit:g}: {'good' if good else 'PAST THE LIMIT'}")
        status = status if good else 1
    return status


if __name__ == "__main__":
    sys.exit(main())
