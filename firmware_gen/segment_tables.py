"""Constant tables of the offline network's C front end: window and transforms of 15 and 17 values.

Like :mod:`firmware_gen.frontend_tables`: the tables are part of the fixed C sources
(``csrc/segment/imse_segment_tables.h``), a test compares the shipped file with
:func:`render_tables`, and ``python -m firmware_gen.segment_tables`` refreshes it.
"""

from __future__ import annotations

import math
from pathlib import Path

from firmware_gen.frontend_tables import float32_literal, literal_lines

N_FFT = 510
TABLES_PATH = Path(__file__).parent / "csrc" / "segment" / "imse_segment_tables.h"

_PER_LINE = 5


def hann_table() -> list[float]:
    """First half of the periodic Hann window, centre included: n = 0..255."""
    return [0.5 - 0.5 * math.cos(2.0 * math.pi * n / N_FFT) for n in range(N_FFT // 2 + 1)]


def turn_table(length: int) -> list[tuple[float, float]]:
    """Cosine and sine of 2 pi m / length, m = 0..length-1."""
    angles = [2.0 * math.pi * m / length for m in range(length)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def render_tables() -> str:
    """Returns the text of ``imse_segment_tables.h``."""
    parts = [
        "/* Constant tables of the offline network's front end, made by",
        " * firmware_gen/segment_tables.py. Do not edit. */",
        "#ifndef IMSE_SEGMENT_TABLES_H",
        "#define IMSE_SEGMENT_TABLES_H",
        "",
        "/* Periodic Hann window of 510 samples, n = 0..255; the rest is its mirror image. */",
        f"static const float imse_hann[{N_FFT // 2 + 1}] = {{",
        f"{literal_lines(map(float32_literal, hann_table()), _PER_LINE)}}};",
    ]
    for length in (15, 17):
        pairs = [
            f"{{{float32_literal(cos)}, {float32_literal(sin)}}}" for cos, sin in turn_table(length)
        ]
        parts += [
            "",
            f"/* Cosine and sine of 2 pi m / {length}. */",
            f"static const float imse_turn_{length}[{length}][2] = {{",
            f"{literal_lines(pairs, 2)}}};",
        ]
    return "\n".join([*parts, "", "#endif /* IMSE_SEGMENT_TABLES_H */", ""])


if __name__ == "__main__":
    TABLES_PATH.write_text(render_tables(), encoding="utf-8")
