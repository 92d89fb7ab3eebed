"""Heat maps as small PNG files; the same input gives the same bytes."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEVELS = 64
#: Colours from low to high: lightness rises evenly, so that it reads in print and with any colour
#: vision.
_ANCHORS = (
    *((5, 4, 20), (34, 18, 84), (83, 30, 121), (134, 42, 120), (186, 58, 101)),
    *((228, 92, 72), (249, 146, 62), (251, 203, 103), (252, 250, 205)),
)


def heat_map(level: NDArray[np.floating]) -> bytes:
    """Draws a heat map.

    Args:
        level: Values from 0 (low) to 1 (high), shape [rows, columns], the first row on top.

    Returns:
        A PNG file with 64 colours.
    """
    import numpy as np

    anchors = np.asarray(_ANCHORS, np.float64)
    where = np.linspace(0, len(anchors) - 1, _LEVELS)
    low = np.minimum(where.astype(int), len(anchors) - 2)
    part = (where - low)[:, None]
    palette = np.rint(anchors[low] * (1 - part) + anchors[low + 1] * part).astype(np.uint8)
    pixels = np.clip(np.rint(level * (_LEVELS - 1)), 0, _LEVELS - 1).astype(np.uint8)
    rows, columns = pixels.shape
    # Each row begins with the number of its filter; 0 is none.
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
