"""Selective kernel fusion over one path: the identity, with its inert parameters."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_imse.layers.offline.base import OfflineLayer


class SinglePathSKFF(OfflineLayer):
    """The identity.

    The published network fuses the paths of a stage with a softmax over the paths. It has one
    path, so the weight is one whatever the parameters. They are kept so that checkpoints load
    and save whole; while training they take part with a factor of zero, which gives them the
    zero gradient that they have in the published network.

    Args:
        squeezed: Channels of the inert bottleneck.
    """

    def __init__(self, squeezed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.squeezed = squeezed

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        self.squeeze = self.add_weight(
            name="squeeze", shape=(1, 1, channels, self.squeezed), initializer="glorot_uniform"
        )
        self.slope = self.add_weight(
            name="slope", shape=(1,), initializer=tf.constant_initializer(0.25)
        )
        self.expand = self.add_weight(
            name="expand", shape=(1, 1, self.squeezed, channels), initializer="glorot_uniform"
        )
        super().build(input_shape)

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns ``x`` ``(batch, time, freq, channels)``."""
        if not training:
            return tf.identity(x)
        inert = [tf.reduce_sum(w) for w in (self.squeeze, self.slope, self.expand)]
        return x + 0.0 * tf.add_n(inert)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "squeezed": self.squeezed}
