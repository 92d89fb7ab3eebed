"""Whole recordings through a network, segment by segment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_imse.enhance_imse import enhance
from keras_imse.errors import AudioError

RANDOM = np.random.default_rng(11)


def _pass_through(features: np.ndarray) -> dict[str, np.ndarray]:
    """A network that changes nothing: factor one, the noisy phase."""
    phase = features[..., 1:]
    return {
        "mask": np.full_like(features[..., :1], 0.5),
        "phase": 3.0 * np.concatenate([np.cos(phase), np.sin(phase)], axis=-1),
    }


@pytest.mark.parametrize("samples", [510, 12_345, 30_700, 30_701, 61_400, 75_000])
def test_a_network_that_changes_nothing_changes_nothing(samples: int) -> None:
    wave = (0.05 * RANDOM.standard_normal(samples)).astype(np.float32)
    result = enhance(wave, _pass_through)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, wave, atol=2e-6)


def test_segments_have_the_published_length_and_level() -> None:
    shapes, powers, steps = [], [], []

    def network(features: np.ndarray) -> dict[str, np.ndarray]:
        shapes.append(features.shape)
        powers.append(np.mean(features[..., 0] ** (2 / 0.3)))
        return _pass_through(features)

    wave = (0.01 * RANDOM.standard_normal(70_000)).astype(np.float32)
    enhance(wave, network, progress=lambda done, total: steps.append((done, total)))
    assert shapes == [(1, 308, 256, 2)] * 3
    assert steps == [(1, 3), (2, 3), (3, 3)]
    # White noise of power one under a Hann window of 510 samples: 510 * 3 / 8 per bin.
    np.testing.assert_allclose(powers, 510 * 3 / 8, rtol=0.1)


def test_other_segment_lengths() -> None:
    shapes = []

    def network(features: np.ndarray) -> dict[str, np.ndarray]:
        shapes.append(features.shape[1])
        return _pass_through(features)

    wave = (0.05 * RANDOM.standard_normal(9_000)).astype(np.float32)
    np.testing.assert_allclose(enhance(wave, network, segment_samples=3_100), wave, atol=2e-6)
    assert shapes == [32, 32, 32]


def test_silence_stays_silence() -> None:
    def never(_features: np.ndarray) -> Any:
        raise AssertionError("the network must not run")

    np.testing.assert_array_equal(enhance(np.zeros(5_000, np.float32), never), np.zeros(5_000))


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros(509), "recording of 509 samples is shorter than one window"),
        (np.zeros((2, 600)), "one row of samples"),
        (np.full(600, np.nan), "no finite numbers"),
    ],
)
def test_bad_recordings_are_refused(wave: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        enhance(wave, _pass_through)


@pytest.mark.parametrize("samples", [30_600, 30_650, 300, 0x7FF])
def test_bad_segment_lengths_are_refused(samples: int) -> None:
    with pytest.raises(AudioError, match="divides by 4") as error:
        enhance(np.ones(5_000), _pass_through, segment_samples=samples)
    proposed = [int(word) for word in error.value.hint.split() if word.isdigit()]
    for good in proposed:
        enhance(np.ones(5_000), _pass_through, segment_samples=good)
    assert len(proposed) == 2


def test_the_small_network_runs_end_to_end(small_model: Any, small_config: Any) -> None:
    wave = (0.05 * RANDOM.standard_normal(700)).astype(np.float32)
    result = enhance(wave, small_model, small_config)
    assert result.shape == wave.shape
    assert np.isfinite(result).all()
    assert np.abs(result - wave).max() > 0
