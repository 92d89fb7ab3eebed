"""Dense block: dilated convolutions that see all earlier outputs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.conv_norm_act import ConvNormAct


class DenseBlock(OfflineLayer):
    """3x3 convolutions with time dilation 1, 2, 4, ...; newest channels first in the concat.

    Args:
        channels: Channels of the input and of every convolution.
        depth: Number of convolutions.
    """

    def __init__(self, channels: int, depth: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.depth = depth
        self.units = [
            ConvNormAct(channels, (3, 3), dilation=2**i, name=f"unit_{i}") for i in range(depth)
        ]

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [
            (unit, with_channels(input_shape, self.channels * (i + 1)))
            for i, unit in enumerate(self.units)
        ]

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to the same shape."""
        seen = x
        for i, unit in enumerate(self.units):
            x = unit(seen, training=training)
            if i + 1 < self.depth:
                seen = tf.concat([x, seen], axis=-1)
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "depth": self.depth}
