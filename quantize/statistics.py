"""Value statistics of tensors, collected in one pass with bounded memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

BINS = 2048
_LOWEST_LEVEL = -40


class HistogramBuilder:
    """Histograms over a symmetric range that doubles when a larger value arrives.

    The range is always a power of two, so that doubling merges pairs of bins exactly. Frames of
    different loudness (octaves of their mean square) are counted apart, so that a frame's values
    can later be weighted by the frame's own power.

    Args:
        channels: Size of the last axis.
    """

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        self.channel_shares = np.zeros(channels)
        self.channel_sums = np.zeros(channels)
        self.frame_count = 0
        self.limit = 0.0
        self.counts: dict[int, np.ndarray] = {}
        self.frames: dict[int, int] = {}
        self.minimum = np.inf
        self.maximum = -np.inf
        self.count = 0
        self.total = 0.0
        self.squares = 0.0

    def update(self, values: np.ndarray, stride: int = 1) -> None:
        """Add frames.

        Args:
            values: One frame per row.
            stride: Every how many rows one goes into the histograms and means; the smallest and
                largest value are those of all rows.

        Raises:
            ValueError: A value is not finite.
        """
        if values.size == 0:
            return
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("a value is not finite")
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        values = values[::stride]
        powers = np.mean(np.square(values, dtype=np.float64), axis=1)
        self.count += values.size
        self.total += float(values.sum(dtype=np.float64))
        self.squares += float(powers.sum()) * values.shape[1]
        self._add_channels(values, powers)
        self._grow(max(-low, high))
        positions = ((values + self.limit) * (BINS / (2.0 * self.limit))).astype(np.int64)
        np.minimum(positions, BINS - 1, out=positions)
        levels = np.maximum(np.floor(np.log2(powers + 2.0**_LOWEST_LEVEL)), _LOWEST_LEVEL)
        for level in np.unique(levels):
            chosen = positions[levels == level]
            key = int(level)
            added = np.bincount(chosen.ravel(), minlength=BINS)
            self.counts[key] = self.counts.get(key, 0) + added
            self.frames[key] = self.frames.get(key, 0) + len(chosen)

    def _add_channels(self, values: np.ndarray, powers: np.ndarray) -> None:
        frames = values.reshape(len(values), -1, self.channels)
        channel_powers = np.mean(np.square(frames, dtype=np.float64), axis=1)
        loud = powers > 0
        self.channel_shares += np.sum(channel_powers[loud] / powers[loud, None], axis=0)
        self.channel_sums += frames.mean(axis=1, dtype=np.float64).sum(axis=0)
        self.frame_count += len(values)

    def _grow(self, magnitude: float) -> None:
        needed = max(magnitude, 2.0**_LOWEST_LEVEL)
        if self.limit == 0.0:
            self.limit = 2.0 ** math.ceil(math.log2(needed))
        while self.limit < needed:
            for key, counts in self.counts.items():
                grown = np.zeros(BINS, np.int64)
                grown[BINS // 4 : BINS - BINS // 4] = counts.reshape(-1, 2).sum(axis=1)
                self.counts[key] = grown
            self.limit *= 2.0

    def finish(self) -> TensorStatistics:
        """The statistics so far."""
        return TensorStatistics(
            minimum=float(self.minimum) if self.count else 0.0,
            maximum=float(self.maximum) if self.count else 0.0,
            count=self.count,
            mean=self.total / self.count if self.count else 0.0,
            power=self.squares / self.count if self.count else 0.0,
            limit=self.limit,
            level_counts={key: self.counts[key] for key in sorted(self.counts)},
            level_frames={key: self.frames[key] for key in sorted(self.frames)},
            channel_levels=np.sqrt(self.channel_shares / max(self.frame_count, 1)),
            channel_means=self.channel_sums / max(self.frame_count, 1),
        )


@dataclass(frozen=True, eq=False)
class TensorStatistics:
    """What calibration saw of one tensor.

    Attributes:
        minimum: Smallest value.
        maximum: Largest value.
        count: Number of values.
        mean: Mean value.
        power: Mean square.
        limit: The histograms cover ``-limit`` to ``limit``.
        level_counts: Histogram counts (``BINS`` long) of the frames whose mean square lies in
            [2^level, 2^(level + 1)), by level.
        level_frames: Number of those frames.
        channel_levels: RMS of every channel relative to its frame's, averaged over frames.
        channel_means: Mean of every channel.
    """

    minimum: float
    maximum: float
    count: int
    mean: float
    power: float
    limit: float
    level_counts: Mapping[int, np.ndarray]
    level_frames: Mapping[int, int]
    channel_levels: np.ndarray
    channel_means: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """Histogram counts of all frames."""
        return np.sum(list(self.level_counts.values()), axis=0)

    @cached_property
    def centers(self) -> np.ndarray:
        """Bin centers, clipped to the values seen."""
        step = 2.0 * self.limit / BINS
        centers = -self.limit + step * (np.arange(BINS) + 0.5)
        return np.clip(centers, self.minimum, self.maximum)

    def relative_weights(self, floor: float) -> np.ndarray:
        """Weight of the values in every bin when each frame's error counts relative to its power.

        Args:
            floor: Frames quieter than this share of the median frame do not weigh more.

        Returns:
            ``BINS`` weights; a squared error summed with them is a mean relative error per frame.
        """
        levels = list(self.level_counts)
        powers = np.exp2(np.array(levels, np.float64) + 0.5)
        frames = np.array([self.level_frames[level] for level in levels], np.float64)
        order = np.searchsorted(np.cumsum(frames), frames.sum() / 2.0)
        median = powers[min(int(order), len(levels) - 1)]
        weights = 1.0 / (powers + floor * median)
        return np.asarray(weights @ np.stack(list(self.level_counts.values())) / self.count)

    def percentile(self, fraction: float) -> tuple[float, float]:
        """Range that holds this fraction of the values on each side.

        Args:
            fraction: For example 0.9999 cuts one value in ten thousand at each end.

        Returns:
            (low, high), inside [minimum, maximum].
        """
        cumulative = np.cumsum(self.counts) / max(self.count, 1)
        low = self.centers[int(np.searchsorted(cumulative, 1.0 - fraction))]
        high = self.centers[min(int(np.searchsorted(cumulative, fraction)), BINS - 1)]
        return float(low), float(high)
