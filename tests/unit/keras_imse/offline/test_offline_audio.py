"""Spectra, segments and levels of the published network's front end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_imse.errors import AudioError
from keras_imse.offline_audio import (
    enhanced_spectrum,
    istft,
    level_factor,
    magnitude_phase,
    segments,
    stft,
    wave_from,
)

RANDOM = np.random.default_rng(5)


def test_a_frame_is_the_windowed_transform_around_its_centre() -> None:
    wave = RANDOM.standard_normal(4_000)
    result = stft(wave)
    assert result.shape == (256, 41)
    n = np.arange(510)
    kernel = np.exp(-2j * np.pi * np.outer(np.arange(256), n) / 510) * np.sin(np.pi * n / 510) ** 2
    np.testing.assert_allclose(result[:, 7], kernel @ wave[700 - 255 : 700 + 255], atol=1e-9)
    mirrored = np.concatenate([wave[1:256][::-1], wave[:255]])
    np.testing.assert_allclose(result[:, 0], kernel @ mirrored, atol=1e-9)
    np.testing.assert_allclose(istft(result), wave, atol=1e-6)


def test_a_wave_comes_back() -> None:
    wave = (0.1 * RANDOM.standard_normal(30_700)).astype(np.float32)
    np.testing.assert_allclose(wave_from(*magnitude_phase(wave)), wave, atol=1e-5)


def test_too_short_for_a_spectrum() -> None:
    with pytest.raises(AudioError, match="255 samples are too short"):
        stft(np.zeros(255))


@settings(max_examples=200, deadline=None)
@given(samples=st.integers(1, 3_000), length=st.integers(1, 700))
def test_kept_parts_tile_the_recording(samples: int, length: int) -> None:
    position = 0
    for segment in segments(samples, length):
        assert segment.start == position
        assert 0 < segment.keep <= length
        assert segment.start + length <= max(samples, length)
        position += segment.keep
    assert position == samples


def test_the_last_segment_ends_at_the_end() -> None:
    assert [(s.start, s.keep) for s in segments(75, 30)] == [(0, 30), (30, 15), (45, 30)]
    assert [(s.start, s.keep) for s in segments(60, 30)] == [(0, 30), (30, 30)]
    assert [(s.start, s.keep) for s in segments(20, 30)] == [(0, 20)]


def test_level() -> None:
    wave = 0.02 * RANDOM.standard_normal(1_000)
    assert np.std(wave * level_factor(wave)) == pytest.approx(1.0, rel=1e-2)
    assert level_factor(np.zeros(10)) == 0.0


def test_outputs_become_a_spectrum() -> None:
    noisy = np.full((3, 2), 2.0, np.float32)
    mask = np.full((1, 2, 3, 1), 0.25)
    phase = np.zeros((1, 2, 3, 2))
    phase[0, 1, 2] = [0.0, 5.0]
    magnitude, angle = enhanced_spectrum(noisy, mask, phase, 2.0)
    np.testing.assert_allclose(magnitude, 1.0)
    assert angle[2, 1] == pytest.approx(np.pi / 2)
    assert np.count_nonzero(angle) == 1
