"""The differentiable front end against the one in numpy."""

from __future__ import annotations

import numpy as np

from keras_imse import offline_audio

RANDOM = np.random.default_rng(8)


def test_batches_equal_the_host() -> None:
    from keras_imse.layers.offline.spectrum import istft, magnitude_phase, stft

    waves = RANDOM.standard_normal((2, 3_100)).astype(np.float32)
    spectra = stft(waves).numpy()
    features = magnitude_phase(waves).numpy()
    assert features.shape == (2, 32, 256, 2)
    for wave, spectrum, feature in zip(waves, spectra, features, strict=True):
        np.testing.assert_allclose(spectrum.T, offline_audio.stft(wave), atol=1e-4)
        magnitude, phase = offline_audio.magnitude_phase(wave)
        # Compression blows up the rounding of float32 in the weakest bins.
        strong = magnitude > 1.0
        np.testing.assert_allclose(feature[..., 0].T, magnitude, atol=1e-3)
        np.testing.assert_allclose(feature[..., 0].T[strong], magnitude[strong], atol=1e-5)
        turn = np.exp(1j * feature[..., 1].T) - np.exp(1j * phase)
        assert np.abs(turn[strong]).max() < 1e-4
    np.testing.assert_allclose(istft(spectra), waves, atol=1e-5)


def test_waves_of_any_direction_length() -> None:
    from keras_imse.layers.offline.spectrum import magnitude_phase, wave_from

    waves = RANDOM.standard_normal((2, 1_100)).astype(np.float32)
    features = magnitude_phase(waves).numpy()
    length = RANDOM.uniform(0.1, 9.0, features.shape[:-1])[..., None]
    phase = features[..., 1:]
    direction = length * np.concatenate([np.cos(phase), np.sin(phase)], axis=-1)
    result = wave_from(features[..., 0], direction.astype(np.float32))
    np.testing.assert_allclose(result, waves, atol=1e-4)


def test_silence_has_finite_gradients() -> None:
    import tensorflow as tf

    from keras_imse.layers.offline.spectrum import magnitude_phase, wave_from

    waves = tf.Variable(np.zeros((1, 1_100), np.float32))
    with tf.GradientTape() as tape:
        features = magnitude_phase(waves)
        direction = tf.zeros_like(features)
        loss = tf.reduce_sum(wave_from(features[..., 0], direction))
        loss += tf.reduce_sum(features[..., 0])
    assert np.isfinite(tape.gradient(loss, waves).numpy()).all()
