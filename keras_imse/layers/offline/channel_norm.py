"""Bias-free layer normalisation over channels."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_imse.layers.offline.base import OfflineLayer

#: Added to the variance.
EPSILON = 1e-5


class ChannelNorm(OfflineLayer):
    """``gamma x / sqrt(var(x) + eps)`` over channels: the mean is *not* subtracted.

    The variance is the usual one (around the mean). ``gamma`` folds into the 1x1 convolution
    that always follows: call :meth:`normalize` and hand ``gamma`` to the convolution.
    """

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        super().build(input_shape)

    def normalize(self, x: tf.Tensor) -> tf.Tensor:
        """Returns ``x / sqrt(var(x) + eps)``, same shape as ``x``, without ``gamma``."""
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=-1, keepdims=True)
        return x * tf.math.rsqrt(variance + EPSILON)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalises ``x`` ``(batch, time, freq, channels)``."""
        return self.normalize(x) * self.gamma
