"""Tests of what makes other recordings of the ones there are."""

from __future__ import annotations

import numpy as np
import pytest

from keras_imse.train import augment


def _tone(samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * 1000.0 * np.arange(samples) / 16000.0).astype(np.float32)


@pytest.mark.parametrize("speed", augment.NOISE_SPEEDS + augment.SPEECH_SPEEDS)
def test_speed_moves_the_pitch(speed: int) -> None:
    samples = 16000
    needed = augment.samples_needed(samples, speed)
    played = augment.at_speed(_tone(needed), speed, samples)
    assert played.shape == (samples,)
    assert played.dtype == np.float32
    peak_hz = np.argmax(np.abs(np.fft.rfft(played)))
    assert peak_hz == pytest.approx(1000.0 * speed / augment.NORMAL_SPEED, abs=1.0)


def test_colour_stays_within_its_gains_and_is_smooth() -> None:
    rng = np.random.default_rng(1)
    wave = rng.standard_normal(16000).astype(np.float32)
    coloured = augment.coloured(wave, rng, 12.0)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(coloured)) / np.abs(np.fft.rfft(wave)))[60:]
    assert np.abs(gain_db).max() <= 12.01
    assert np.ptp(gain_db) > 6.0
    assert np.abs(np.diff(gain_db)).max() < 0.6  # per Hz; 24 dB over the octave above 60 Hz


def test_swell_stays_within_its_gains() -> None:
    rng = np.random.default_rng(1)
    gain_db = 20 * np.log10(augment.swelling(np.ones(64000, np.float32), rng, 6.0))
    assert np.abs(gain_db).max() <= 6.01
    assert np.ptp(gain_db) > 3.0
