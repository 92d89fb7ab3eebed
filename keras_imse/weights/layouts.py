"""Conversions between PyTorch's and our layout of a tensor, one pair per kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """How one kind of tensor is laid out on both sides.

    Attributes:
        name: Name of the kind.
        to_ours: PyTorch array → our array.
        to_torch: Our array → PyTorch array, the exact inverse.
    """

    name: str
    to_ours: Callable[[Array], Array]
    to_torch: Callable[[Array], Array]


def _shuffle_to_ours(x: Array) -> Array:
    """``(4 c + 2 i + j, inputs, 1, 1)`` → ``(1, 1, inputs, (2 i + j) C + c)``."""
    outputs, inputs = x.shape[:2]
    patches = x.reshape(outputs // 4, 4, inputs)
    return patches.transpose(2, 1, 0).reshape(1, 1, inputs, outputs)


def _shuffle_to_torch(x: Array) -> Array:
    """Inverse of :func:`_shuffle_to_ours`."""
    inputs, outputs = x.shape[2:]
    patches = x.reshape(inputs, 4, outputs // 4)
    return patches.transpose(2, 1, 0).reshape(outputs, inputs, 1, 1)


#: Biases, norm factors: the same on both sides.
VECTOR = Layout("vector", lambda x: x, lambda x: x)
#: Convolution: OIHW ↔ HWIO.
CONV = Layout("convolution", lambda x: x.transpose(2, 3, 1, 0), lambda x: x.transpose(3, 2, 0, 1))
#: Depthwise convolution: (C, 1, H, W) ↔ (H, W, C, 1).
DEPTHWISE = Layout(
    "depthwise", lambda x: x.transpose(2, 3, 0, 1), lambda x: x.transpose(2, 3, 0, 1)
)
#: 1x1 convolution before a pixel shuffle by 2: the channels of a patch change places.
SHUFFLED = Layout("pixel-shuffled 1x1", _shuffle_to_ours, _shuffle_to_torch)
#: PReLU slopes: (C,) ↔ (1, 1, C).
SLOPES = Layout("PReLU slopes", lambda x: x[None, None], lambda x: x[0, 0])
#: One value per band: (F, 1) ↔ (F,).
BANDS = Layout("per band", lambda x: x[:, 0], lambda x: x[:, None])
