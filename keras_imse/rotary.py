"""Angles of the rotary position embedding of the published network (numpy only)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Base of the geometric series of angles.
BASE = 10000.0


def angles(head_size: int) -> NDArray[np.float32]:
    """Returns the angle per position step of the channels of half a head.

    Args:
        head_size: Channels per head; its first half rotates by time, its second by frequency.

    Returns:
        ``(head_size / 2,)`` radians, each value twice (the two channels of a rotated pair).
    """
    series = BASE ** -np.linspace(0.0, 1.0, head_size // 4)
    return np.repeat(series, 2).astype(np.float32)


def pair_rotation(channels: int) -> NDArray[np.float32]:
    """Returns ``R`` with ``(x R)[2i] = -x[2i+1]`` and ``(x R)[2i+1] = x[2i]``."""
    matrix = np.zeros((channels, channels), np.float32)
    even = np.arange(0, channels, 2)
    matrix[even + 1, even] = -1.0
    matrix[even, even + 1] = 1.0
    return matrix
