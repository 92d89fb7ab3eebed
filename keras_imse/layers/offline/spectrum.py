"""Differentiable front end of the published network, for training: batches of waves in TensorFlow.

The same transforms as :mod:`keras_imse.offline_audio`, in float32.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_imse.imse_config import OfflineAudioConfig
from keras_imse.offline_audio import hann


def stft(wave: tf.Tensor, config: OfflineAudioConfig | None = None) -> tf.Tensor:
    """Short-time spectrum: periodic Hann window, centred frames, reflect padding.

    Args:
        wave: ``(batch, samples)``, more than half a window of samples.
        config: Front end.

    Returns:
        complex64 ``(batch, frames, bands)`` with ``frames = samples // hop + 1``.
    """
    config = config or OfflineAudioConfig()
    side = config.n_fft // 2
    padded = tf.pad(wave, [[0, 0], [side, side]], mode="REFLECT")
    frames = tf.signal.frame(padded, config.n_fft, config.hop)
    window = tf.constant(hann(config.n_fft), tf.float32)
    return tf.signal.rfft(frames * window, [config.n_fft])


def istft(spectrum: tf.Tensor, config: OfflineAudioConfig | None = None) -> tf.Tensor:
    """Inverse of :func:`stft`: windowed overlap-add over the sum of squared windows.

    Args:
        spectrum: complex64 ``(batch, frames, bands)``.
        config: Front end.

    Returns:
        ``(batch, (frames - 1) * hop)``.
    """
    config = config or OfflineAudioConfig()
    side, window = config.n_fft // 2, tf.constant(hann(config.n_fft), tf.float32)
    frames = tf.signal.irfft(spectrum, [config.n_fft]) * window
    wave = tf.signal.overlap_and_add(frames, config.hop)
    squares = tf.ones_like(frames[:1]) * tf.square(window)
    weight = tf.signal.overlap_and_add(squares, config.hop)
    return wave[:, side:-side] / weight[:, side:-side]


def magnitude_phase(
    wave: tf.Tensor, config: OfflineAudioConfig | None = None, *, floor: float = 1e-12
) -> tf.Tensor:
    """Returns the network's input of a batch of waves.

    Args:
        wave: ``(batch, samples)``.
        config: Front end.
        floor: Added to the power before the root, so that silence has a gradient.

    Returns:
        Compressed magnitude and phase in radians, ``(batch, frames, bands, 2)``.
    """
    config = config or OfflineAudioConfig()
    spectrum = stft(wave, config)
    real, imag = tf.math.real(spectrum), tf.math.imag(spectrum)
    power = tf.square(real) + tf.square(imag)
    magnitude = tf.pow(power + floor, config.compression / 2)
    # The angle of zero is zero but has no gradient: take the angle of one there.
    phase = tf.math.atan2(imag, tf.where(power > 0.0, real, 1.0))
    return tf.stack([magnitude, phase], axis=-1)


def wave_from(
    magnitude: tf.Tensor, direction: tf.Tensor, config: OfflineAudioConfig | None = None
) -> tf.Tensor:
    """Returns the waves of a compressed magnitude and a direction.

    Args:
        magnitude: Compressed magnitude ``(batch, frames, bands)``.
        direction: Real and imaginary part of any length, ``(batch, frames, bands, 2)``: the
            network's ``phase`` output.
        config: Front end.

    Returns:
        ``(batch, (frames - 1) * hop)``.
    """
    config = config or OfflineAudioConfig()
    unit = direction * tf.math.rsqrt(
        tf.reduce_sum(tf.square(direction), axis=-1, keepdims=True) + np.float32(1e-12)
    )
    linear = tf.pow(magnitude, 1.0 / config.compression)
    return istft(tf.complex(linear * unit[..., 0], linear * unit[..., 1]), config)
