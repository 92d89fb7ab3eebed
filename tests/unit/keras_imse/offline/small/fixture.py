"""Weights and input of the small recording, from fixed seeds (numpy only)."""

from __future__ import annotations

import zlib

import numpy as np

#: Frames of the recording.
FRAMES = 12
#: Transformer blocks per stage.
STAGE_BLOCKS = 1
#: Bands.
BANDS = 32


def small_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the weights of one tensor, float32; they depend on its PyTorch name only.

    Args:
        name: PyTorch name.
        shape: PyTorch shape.
    """
    random = np.random.RandomState(zlib.crc32(name.encode()))
    values = random.standard_normal(tuple(shape))
    fan_in = int(np.prod(shape[1:])) if len(shape) == 4 else 16
    values = values / np.sqrt(fan_in)
    if len(shape) == 1 and name.endswith("weight"):
        values = 1.0 + values
    return values.astype(np.float32)


def noisy_input(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns magnitude and phase ``(bands, frames)``, float32.

    Args:
        frames: Number of frames.
    """
    random = np.random.RandomState(0)
    magnitude = np.abs(random.standard_normal((BANDS, frames))) ** 0.3
    phase = random.uniform(-np.pi, np.pi, (BANDS, frames))
    return magnitude.astype(np.float32), phase.astype(np.float32)
