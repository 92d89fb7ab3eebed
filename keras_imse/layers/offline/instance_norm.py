"""Instance normalisation over time and frequency."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_imse.layers.offline.base import OfflineLayer

#: Added to the variance.
EPSILON = 1e-5


class InstanceNorm(OfflineLayer):
    """``gamma (x - mean) / sqrt(var + eps) + beta`` per item and channel over time and frequency.

    Made of one factor and one offset per channel, so that only a multiplication and an addition
    touch the whole tensor after its statistics are known.
    """

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")
        super().build(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Normalises ``x`` ``(batch, time, freq, channels)``."""
        mean = tf.reduce_mean(x, axis=[1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axis=[1, 2], keepdims=True)
        factor = tf.math.rsqrt(variance + EPSILON) * self.gamma
        offset = self.beta - mean * factor
        return x * factor + offset
