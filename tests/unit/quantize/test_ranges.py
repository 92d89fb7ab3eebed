"""Statistics and the ranges chosen from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantize.ranges import (
    int8_from_range,
    int16_from_range,
    least_error_range,
    minmax_range,
    percentile_range,
    weight_scales,
)
from quantize.statistics import BINS, HistogramBuilder


def _statistics(*batches: np.ndarray, channels: int = 1):
    builder = HistogramBuilder(channels)
    for batch in batches:
        builder.update(np.atleast_2d(batch).astype(np.float32))
    return builder.finish()


def test_histogram_grows_without_losing_values():
    rng = np.random.default_rng(0)
    small, large = rng.normal(0, 0.01, (4, 500)), rng.normal(0, 30, (4, 500))
    statistics = _statistics(small, large)
    assert statistics.count == 4000
    assert statistics.counts.sum() == 4000
    assert statistics.counts.size == BINS
    assert statistics.minimum == pytest.approx(large.min())
    assert statistics.maximum == pytest.approx(large.max())
    assert statistics.power == pytest.approx(np.mean(np.square([small, large])), rel=1e-5)
    inside = np.abs(statistics.centers) < 1.0
    assert statistics.counts[inside].sum() == pytest.approx(
        np.sum(np.abs([small, large]) < 1.0), abs=40
    )


def test_zero_tensor_is_fine():
    statistics = _statistics(np.zeros((3, 10)))
    assert minmax_range([statistics]) == (0.0, 0.0)
    assert least_error_range([statistics]) == (0.0, 0.0)
    assert int8_from_range(0.0, 0.0).scale > 0


def test_not_finite_is_refused():
    builder = HistogramBuilder()
    with pytest.raises(ValueError, match="not finite"):
        builder.update(np.array([[1.0, np.nan]]))


def test_channel_levels_are_relative_to_the_frame():
    frames = np.array([[1.0, 3.0] * 4, [10.0, 30.0] * 4])
    levels = _statistics(frames, channels=2).channel_levels
    assert levels[1] / levels[0] == pytest.approx(3.0)


def test_percentile_cuts_outliers():
    values = np.concatenate([np.random.default_rng(1).uniform(-1, 1, 100_000), [50.0]])
    low, high = percentile_range([_statistics(values)], 0.999)
    assert -1.05 < low < -0.9
    assert 0.9 < high < 1.05


def _relative_error(frames: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    quantized = np.round(np.clip(frames, low, high) / step) * step
    errors = np.mean(np.square(quantized - frames), axis=1)
    return float(np.mean(errors / np.mean(np.square(frames), axis=1)))


def test_least_error_range_beats_minmax_on_rare_loud_frames():
    rng = np.random.default_rng(2)
    frames = rng.normal(size=(200, 400)) * np.where(np.arange(200) < 2, 100.0, 1.0)[:, None]
    statistics = _statistics(frames)
    found = least_error_range([statistics])
    assert _relative_error(frames, *found) < 0.2 * _relative_error(
        frames, *minmax_range([statistics])
    )


def test_least_error_range_of_uniform_values_keeps_them_all():
    values = np.random.default_rng(3).uniform(0, 2, (50, 200))
    low, high = least_error_range([_statistics(values)])
    assert low == 0.0
    assert 1.8 < high <= 2.0


def test_quiet_tensor_that_shares_a_scale_is_not_given_up():
    rng = np.random.default_rng(4)
    loud, quiet = rng.normal(0, 10, (50, 300)), rng.normal(0, 0.5, (50, 300))
    alone = least_error_range([_statistics(loud)])
    shared = least_error_range([_statistics(loud), _statistics(quiet)])
    assert shared[1] - shared[0] < alone[1] - alone[0]


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_int8_represents_zero_and_the_range(a, b):
    low, high = min(a, b), max(a, b)
    quantization = int8_from_range(low, high)
    covered = quantization.range
    assert -128 <= quantization.zero_point <= 127
    assert covered[0] <= 0.0 <= covered[1]
    assert covered[0] <= min(low, 0.0) + quantization.scale
    assert covered[1] >= max(high, 0.0) - quantization.scale


def test_not_negative_range_has_the_lowest_zero_point():
    assert int8_from_range(0.0, 3.0).zero_point == -128


def test_int16_is_symmetric():
    quantization = int16_from_range(-2.0, 1.0)
    assert quantization.zero_point == 0
    assert quantization.scale == pytest.approx(2.0 / 32767)


def test_weight_search_never_does_worse():
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(6, 1, 3, 1000)).astype(np.float32)
    weights[:, 0, 0, 0] = 6.0

    def error(scales: np.ndarray) -> np.ndarray:
        scales = scales.reshape(-1, 1, 1, 1)
        levels = np.clip(np.round(weights / scales), -127, 127)
        return np.square(levels * scales - weights).sum(axis=(1, 2, 3))

    plain, searched = (weight_scales(weights, 0, search=s) for s in (False, True))
    assert np.all(error(searched) <= error(plain) * (1 + 1e-5))
    assert error(searched).sum() < error(plain).sum()


def test_channel_of_zero_weights_has_a_scale():
    weights = np.zeros((2, 1, 1, 4), np.float32)
    assert np.all(weight_scales(weights, 0, search=True) > 0)
