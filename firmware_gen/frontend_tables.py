"""Constant tables of the C front end: a quarter wave for window and FFT, rounded from float64.

The tables are part of the fixed C sources (``csrc/frontend/imse_frontend_tables.h``) so that the
host and every target read the same bits; this module is where they come from, and a test compares
the shipped file with what :func:`render_tables` returns. Refresh it with
``python -m firmware_gen.frontend_tables``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from pathlib import Path

N_FFT = 512
HALF = N_FFT // 2
RADIX = 4
TABLES_PATH = Path(__file__).parent / "csrc" / "frontend" / "imse_frontend_tables.h"

_PER_LINE = 5


def float32_literal(value: float) -> str:
    """Returns the C literal of ``value`` rounded to float32; it reads back to the same bits."""
    rounded = struct.unpack("<f", struct.pack("<f", value))[0]
    return f"{rounded + 0.0:.8e}f"


def sine_table() -> list[float]:
    """Quarter wave sin(pi * n / 512), n = 0..256: sqrt-Hann window and all twiddles."""
    return [math.sin(math.pi * n / N_FFT) for n in range(HALF + 1)]


def digit_reversal_table() -> list[int]:
    """Base-4 digit reversal of 0..255; it is its own inverse."""
    table = []
    for n in range(HALF):
        reversed_n, rest = 0, n
        for _ in range(4):
            reversed_n = reversed_n * RADIX + rest % RADIX
            rest //= RADIX
        table.append(reversed_n)
    return table


def literal_lines(values: Iterable[str], per_line: int) -> str:
    """Returns comma separated literals in indented lines."""
    items = list(values)
    rows = [items[i : i + per_line] for i in range(0, len(items), per_line)]
    return ",\n".join("    " + ", ".join(row) for row in rows)


def render_tables() -> str:
    """Returns the text of ``imse_frontend_tables.h``."""
    sine = literal_lines(map(float32_literal, sine_table()), _PER_LINE)
    reversal = literal_lines((str(n) for n in digit_reversal_table()), 16)
    return f"""\
/* Constant tables of the front end, made by firmware_gen/frontend_tables.py. Do not edit. */
#ifndef IMSE_FRONTEND_TABLES_H
#define IMSE_FRONTEND_TABLES_H

#include <stdint.h>

/* sin(pi * n / 512), n = 0..256. */
static const float imse_sine[{HALF + 1}] = {{
{sine}}};

/* Base-4 digit reversal of 0..255. */
static const uint8_t imse_digit_reversal[{HALF}] = {{
{reversal}}};

#endif /* IMSE_FRONTEND_TABLES_H */
"""


if __name__ == "__main__":
    TABLES_PATH.write_text(render_tables(), encoding="utf-8")
