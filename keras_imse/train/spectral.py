"""Differentiable front end in TensorFlow, equal to :mod:`keras_imse.audio`."""

from __future__ import annotations

import tensorflow as tf

from keras_imse.audio import analysis_window
from keras_imse.config import FrontendConfig


def stft(wave: tf.Tensor, config: FrontendConfig) -> tf.Tensor:
    """Short-time spectrum ``(batch, frames, n_fft / 2 + 1)`` of ``(batch, samples)``.

    The number of samples must be a multiple of the hop.
    """
    padded = tf.pad(wave, [[0, 0], [config.hop, config.hop]])
    frames = tf.signal.frame(padded, config.n_fft, config.hop)
    return tf.signal.rfft(frames * analysis_window(config.n_fft))


def istft(spectrum: tf.Tensor, samples: int, config: FrontendConfig) -> tf.Tensor:
    """Waveform ``(batch, samples)`` of a short-time spectrum."""
    frames = tf.signal.irfft(spectrum) * analysis_window(config.n_fft)
    wave = tf.signal.overlap_and_add(frames, config.hop)
    return wave[:, config.hop : config.hop + samples]


def compressed_features(spectrum: tf.Tensor, gains: tf.Tensor, config: FrontendConfig) -> tf.Tensor:
    """Network input ``(batch, frames, bands, 3)``."""
    first = config.first_bin
    scaled = spectrum[:, :, first : first + config.bands] * tf.cast(gains[:, :, None], tf.complex64)
    magnitude = tf.maximum(tf.abs(scaled), config.magnitude_floor)
    factor = magnitude ** (config.compression - 1.0)
    real, imag = tf.math.real(scaled) * factor, tf.math.imag(scaled) * factor
    return tf.stack([magnitude**config.compression, real, imag], axis=-1)


def apply_mask(
    spectrum: tf.Tensor, mask: tf.Tensor, phase: tf.Tensor, config: FrontendConfig
) -> tf.Tensor:
    """Enhanced short-time spectrum ``(batch, frames, n_fft / 2 + 1)``."""
    real, imag = 1.0 + phase[..., 0], phase[..., 1]
    scale = 2.0 * mask[..., 0] * tf.math.rsqrt(real * real + imag * imag + 1e-8)
    factor = tf.complex(scale * real, scale * imag)
    first, bands = config.first_bin, config.bands
    above = config.n_fft // 2 + 1 - first - bands
    return spectrum * tf.pad(factor, [[0, 0], [0, 0], [first, above]])
