"""Plain text for people: tables and figures."""

from __future__ import annotations

from collections.abc import Sequence


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)
) -> str:
    """Lays out a table.

    Args:
        header: Column titles.
        rows: Cells, one sequence per row, as long as the header.
        left: Indices of left-aligned columns; the others are right-aligned.

    Returns:
        Lines without trailing blanks, joined by newlines.
    """
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    out = []
    for number, line in enumerate(lines):
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
        if number == 0:
            out.append("  ".join("-" * width for width in widths))
    return "\n".join(out)


def size(count: int) -> str:
    """Returns a number of bytes for people, for example ``74.3 KiB``."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / (1024 * 1024):.2f} MiB"


def count(value: float) -> str:
    """Returns a large count for people, for example ``1.57 M``."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.3g}"


def short_name(tensor: str) -> str:
    """Returns a tensor's name without what the converter adds: the layer that made it.

    Args:
        tensor: Name such as ``net_frame/step/a/conv/BiasAdd;net_frame/step/a/conv/Conv2D1``.
    """
    first = tensor.partition(";")[0]
    return first.partition("/step/")[2] or first
