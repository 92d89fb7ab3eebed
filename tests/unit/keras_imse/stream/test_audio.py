"""Front end: perfect reconstruction, level, agreement of numpy and TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_imse import audio
from keras_imse.config import FrontendConfig
from keras_imse.train import spectral

CONFIG = FrontendConfig()


def _wave(samples: int = 16000, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(5)
    tone = np.sin(2 * np.pi * 440 * np.arange(samples) / 16000)
    return (level * (tone + 0.3 * rng.standard_normal(samples))).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 5000])
def test_analysis_and_synthesis_reconstruct(samples: int) -> None:
    wave = _wave(samples)
    out = audio.synthesize(audio.analyze(wave, CONFIG), samples, CONFIG)
    np.testing.assert_allclose(out, wave, atol=1e-6)


def test_neutral_mask_changes_only_dc() -> None:
    wave = _wave()
    spectrum = audio.analyze(wave, CONFIG)
    frames = len(spectrum)
    out = audio.apply_mask(
        spectrum,
        np.full((frames, 256), 0.5, np.float32),
        np.zeros((frames, 256, 2), np.float32),
        CONFIG,
    )
    np.testing.assert_allclose(out[:, 1:], spectrum[:, 1:], rtol=1e-5, atol=1e-6)
    assert not out[:, 0].any()


def test_features_do_not_depend_on_level() -> None:
    quiet, _ = audio.features_of(_wave(level=0.003), CONFIG)
    loud, _ = audio.features_of(_wave(level=0.6), CONFIG)
    np.testing.assert_allclose(quiet, loud, atol=2e-3)


def test_level_follows_a_jump_at_once_and_silence_is_bounded() -> None:
    powers = np.concatenate([np.zeros(50), np.full(50, 0.04)]).astype(np.float32)
    gains = audio.level_gains(powers, CONFIG.level)
    assert gains[49] == pytest.approx(0.1 / np.sqrt(1e-7), rel=1e-4)
    assert gains[50] <= 0.1 / np.sqrt(0.05 * 0.04) * 1.0001


def test_tensorflow_front_end_is_the_same() -> None:
    wave = _wave(16000)[: 256 * 60]
    features, spectrum = audio.features_of(wave, CONFIG)
    gains = audio.level_gains(audio.hop_powers(wave, CONFIG), CONFIG.level)
    spectrum_tf = spectral.stft(tf.constant(wave[None]), CONFIG)
    np.testing.assert_allclose(spectrum_tf[0], spectrum, atol=2e-4)
    features_tf = spectral.compressed_features(spectrum_tf, tf.constant(gains[None]), CONFIG)
    np.testing.assert_allclose(features_tf[0], features, atol=2e-3)
    rng = np.random.default_rng(2)
    mask = rng.uniform(size=(len(spectrum), 256)).astype(np.float32)
    phase = rng.normal(size=(len(spectrum), 256, 2)).astype(np.float32)
    expected = audio.synthesize(audio.apply_mask(spectrum, mask, phase, CONFIG), len(wave), CONFIG)
    masked = spectral.apply_mask(spectrum_tf, mask[None, ..., None], phase[None], CONFIG)
    np.testing.assert_allclose(spectral.istft(masked, len(wave), CONFIG)[0], expected, atol=1e-5)


def test_pcm_rounds_half_away_and_saturates() -> None:
    samples = np.array([0.5, -0.5, 1.5, 40000, -40000], np.float32)
    got = audio.to_pcm16(samples / np.float32(32768))
    np.testing.assert_array_equal(got, [1, -1, 2, 32767, -32768])
