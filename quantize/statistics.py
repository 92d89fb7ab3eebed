"""Value statistics of tensors, collected in one pass with bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 4096


class HistogramBuilder:
    """Histogram over a symmetric range that doubles when a larger value arrives.

    The range is always a power of two, so that doubling merges pairs of bins exactly.
    """

    def __init__(self) -> None:
        self.limit = 0.0
        self.counts = np.zeros(BINS, np.int64)
        self.minimum = np.inf
        self.maximum = -np.inf
        self.count = 0
        self.total = 0.0
        self.squares = 0.0

    def update(self, values: np.ndarray) -> None:
        """Add values of any shape.

        Raises:
            ValueError: A value is not finite.
        """
        flat = np.ravel(values)
        if flat.size == 0:
            return
        low, high = float(flat.min()), float(flat.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("a value is not finite")
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        self.count += flat.size
        self.total += float(flat.sum(dtype=np.float64))
        self.squares += float(np.square(flat, dtype=np.float64).sum())
        self._grow(max(-low, high))
        scale = BINS / (2.0 * self.limit)
        positions = ((flat + self.limit) * scale).astype(np.int64)
        np.minimum(positions, BINS - 1, out=positions)
        self.counts += np.bincount(positions, minlength=BINS)

    def _grow(self, magnitude: float) -> None:
        needed = max(magnitude, 2.0**-40)
        if self.limit == 0.0:
            self.limit = 2.0 ** np.ceil(np.log2(needed))
        while self.limit < needed:
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[BINS // 4 : BINS - BINS // 4] = merged
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
            counts=self.counts.copy(),
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
        limit: The histogram covers ``-limit`` to ``limit``.
        counts: Histogram counts, ``BINS`` long.
    """

    minimum: float
    maximum: float
    count: int
    mean: float
    power: float
    limit: float
    counts: np.ndarray

    @property
    def variance(self) -> float:
        """Mean square around the mean."""
        return max(self.power - self.mean**2, 0.0)

    @property
    def centers(self) -> np.ndarray:
        """Bin centers, clipped to the values seen."""
        step = 2.0 * self.limit / BINS
        centers = -self.limit + step * (np.arange(BINS) + 0.5)
        return np.clip(centers, self.minimum, self.maximum)

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
