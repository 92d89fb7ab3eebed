"""Choose quantization ranges from statistics: min-max, percentile, least squared error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantize.statistics import TensorStatistics

_SMALLEST_SPAN = 1e-6
_CLIP_STEPS = 48
_SMALLEST_CLIP = 0.01
_QUIET_FRAMES = 0.3


@dataclass(frozen=True)
class Quantization:
    """Type, scale and zero point of a tensor.

    Attributes:
        dtype: ``"int8"`` or ``"int16"``.
        scale: Real value of one step (a float32 value).
        zero_point: Integer that stands for 0.
    """

    dtype: str
    scale: float
    zero_point: int

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest representable value."""
        bits = 8 if self.dtype == "int8" else 16
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        return (low - self.zero_point) * self.scale, (high - self.zero_point) * self.scale


def int8_from_range(low: float, high: float) -> Quantization:
    """Asymmetric int8 quantization that covers a range and represents 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    span = max(high - low, _SMALLEST_SPAN)
    scale = float(np.float32(span / 255.0))
    zero_point = int(np.clip(round(-128 - low / scale), -128, 127))
    return Quantization("int8", scale, zero_point)


def int16_from_range(low: float, high: float) -> Quantization:
    """Symmetric int16 quantization that covers a range."""
    magnitude = max(-low, high, _SMALLEST_SPAN)
    return Quantization("int16", float(np.float32(magnitude / 32767.0)), 0)


def minmax_range(statistics: Sequence[TensorStatistics]) -> tuple[float, float]:
    """Range of everything seen in a group of tensors."""
    return min(s.minimum for s in statistics), max(s.maximum for s in statistics)


def percentile_range(
    statistics: Sequence[TensorStatistics], fraction: float
) -> tuple[float, float]:
    """Union of the tensors' percentile ranges."""
    ranges = [s.percentile(fraction) for s in statistics]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def least_error_range(
    statistics: Sequence[TensorStatistics], *, levels: int = 256
) -> tuple[float, float]:
    """Range with the least quantization noise, clipping included.

    Noise counts relative to the power of the frame that it is in: speech has rare loud frames,
    and a range that holds them all leaves too few steps for the others. Every tensor of a group
    counts the same, so that a quiet one that shares its scale with a loud one is not given up.

    Args:
        statistics: The group's tensors.
        levels: Number of quantization levels.

    Returns:
        (low, high) that contains 0.
    """
    low, high = minmax_range(statistics)
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < _SMALLEST_SPAN:
        return low, high
    factors = np.geomspace(_SMALLEST_CLIP, 1.0, _CLIP_STEPS)
    lows = low * factors if low < 0 else np.zeros(1)
    highs = high * factors if high > 0 else np.zeros(1)
    steps = (highs[None, :] - lows[:, None]) / (levels - 1)
    noise = np.zeros(steps.shape)
    for tensor in statistics:
        weights = tensor.relative_weights(_QUIET_FRAMES)
        below = _clipping(-tensor.centers, weights, -lows)
        above = _clipping(tensor.centers, weights, highs)
        inside = weights.sum() - below[1][:, None] - above[1][None, :]
        noise += below[0][:, None] + above[0][None, :] + np.square(steps) / 12.0 * inside
    row, column = np.unravel_index(int(np.argmin(noise)), noise.shape)
    return float(lows[row]), float(highs[column])


def _clipping(
    values: np.ndarray, weights: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted squared error and weight of what lies above each bound."""
    occupied = weights > 0
    values, weights = values[occupied], weights[occupied]
    beyond = np.maximum(values[None, :] - bounds[:, None], 0.0)
    return np.square(beyond) @ weights, (beyond > 0) @ weights


def weight_scales(weights: np.ndarray, axis: int, *, search: bool) -> np.ndarray:
    """Symmetric int8 scales per slice along an axis.

    Args:
        weights: Real weights.
        axis: The output channel axis.
        search: Look for the clipping with the least squared error instead of the largest value.

    Returns:
        float32 scales, one per slice; a slice of zeros gets the smallest useful scale.
    """
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.float64)
    peaks = np.abs(rows).max(axis=1)
    scales = np.where(peaks > 0, peaks / 127.0, 2.0**-20)
    if search:
        best_error = np.full(rows.shape[0], np.inf)
        best = scales.copy()
        for factor in np.linspace(0.6, 1.0, 41):
            candidate = (scales * factor).astype(np.float32).astype(np.float64)
            levels = np.clip(np.round(rows / candidate[:, None]), -127, 127)
            error = np.square(levels * candidate[:, None] - rows).sum(axis=1)
            better = error < best_error
            best_error = np.where(better, error, best_error)
            best = np.where(better, candidate, best)
        scales = best
    return scales.astype(np.float32)
