"""Losses of speech enhancement on level-normalised signals."""

from __future__ import annotations

import tensorflow as tf

from keras_imse.config import FrontendConfig
from keras_imse.train.settings import LossWeights
from keras_imse.train.spectral import stft


def _compressed(spectrum: tf.Tensor, exponent: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    real, imag = tf.math.real(spectrum), tf.math.imag(spectrum)
    magnitude = tf.sqrt(real * real + imag * imag + 1e-10)
    factor = magnitude ** (exponent - 1.0)
    return magnitude**exponent, real * factor, imag * factor


def enhancement_loss(
    enhanced: tf.Tensor, clean: tf.Tensor, config: FrontendConfig, weights: LossWeights
) -> tf.Tensor:
    """Loss between waveforms ``(batch, samples)`` of equal level.

    The spectrum is taken from the enhanced *waveform*, so that only what overlap-add keeps counts.
    """
    magnitude, real, imag = _compressed(stft(enhanced, config), config.compression)
    magnitude_c, real_c, imag_c = _compressed(stft(clean, config), config.compression)
    loss = weights.magnitude * tf.reduce_mean(tf.square(magnitude - magnitude_c))
    error = tf.square(real - real_c) + tf.square(imag - imag_c)
    loss += weights.complex * tf.reduce_mean(error)
    signal = tf.reduce_sum(tf.square(clean), axis=1) + 1e-3
    noise = tf.reduce_sum(tf.square(enhanced - clean), axis=1) + 1e-3
    ratio_db = tf.math.log(signal / noise) * (10.0 / tf.math.log(10.0))
    # Past 30 dB nothing audible is gained.
    return loss - weights.waveform * tf.reduce_mean(tf.minimum(ratio_db, 30.0))
