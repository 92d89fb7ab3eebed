"""A network that learns to score enhanced magnitudes as PESQ does, to be trained against."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.instance_norm import InstanceNorm

CHANNELS = (16, 32, 64, 128)

PESQ_LOW, PESQ_HIGH = 1.0, 4.5


def pesq_score(pesq: float) -> float:
    """PESQ-WB as the discriminator learns it: 0 is the worst, 1 the best."""
    return (pesq - PESQ_LOW) / (PESQ_HIGH - PESQ_LOW)


class SpectralKernel(tf_keras.layers.Layer):
    """A kernel that is divided by its largest singular value, as a matrix with one row per output.

    The singular vectors follow the kernel by one power iteration per training step.

    Args:
        shape: Shape of the kernel, outputs last.
    """

    def __init__(self, shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.left = self.add_weight(
            name="left", shape=(shape[-1], 1), initializer="random_normal", trainable=False
        )

    def normalized(self, *, training: bool = False) -> tf.Tensor:
        """Returns the kernel of norm one."""
        matrix = tf.transpose(tf.reshape(self.kernel, [-1, self.kernel.shape[-1]]))
        fixed = tf.stop_gradient(matrix)
        left: tf.Tensor = tf.convert_to_tensor(self.left)
        right = tf.math.l2_normalize(tf.matmul(fixed, left, transpose_a=True))
        if training:
            left = tf.math.l2_normalize(tf.matmul(fixed, right))
            self.left.assign(left)
        else:
            left = tf.math.l2_normalize(left)
        norm = tf.matmul(left, tf.matmul(matrix, right), transpose_a=True)
        return self.kernel / norm


class MetricDiscriminator(tf_keras.Model):
    """Scores a magnitude next to its clean reference with 0 ... 1.

    Four strided convolutions with spectral normalisation, the strongest response over all
    positions, two dense layers and a sigmoid.

    Args:
        channels: Channels of the convolutions.
        dropout: Share of the features that training drops.
    """

    def __init__(
        self, channels: tuple[int, ...] = CHANNELS, dropout: float = 0.3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        layers = tf_keras.layers
        inputs = (2, *channels[:-1])
        self.stages = [
            (
                SpectralKernel((4, 4, before, width)),
                InstanceNorm(),
                layers.PReLU(shared_axes=[1, 2]),
            )
            for before, width in zip(inputs, channels, strict=True)
        ]
        wide = channels[-1]
        self.hidden = SpectralKernel((wide, wide // 2))
        self.dropout = layers.Dropout(dropout)
        self.activation = layers.PReLU()
        self.score = SpectralKernel((wide // 2, 1))
        self.bias = self.add_weight(name="bias", shape=(1,), initializer="zeros")

    def call(self, reference: tf.Tensor, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Scores magnitudes.

        Args:
            reference: Clean compressed magnitude ``(batch, frames, bands)``.
            magnitude: The one to score, as ``reference``.
            training: Whether to drop features and update the norms.

        Returns:
            ``(batch,)``.
        """
        x = tf.stack([reference, magnitude], axis=-1)
        for kernel, norm, activation in self.stages:
            x = activation(norm(tf.nn.conv2d(x, kernel.normalized(training=training), 2, "SAME")))
        x = tf.matmul(tf.reduce_max(x, axis=[1, 2]), self.hidden.normalized(training=training))
        x = self.activation(self.dropout(x, training=training))
        return tf.sigmoid(tf.matmul(x, self.score.normalized(training=training)) + self.bias)[:, 0]
