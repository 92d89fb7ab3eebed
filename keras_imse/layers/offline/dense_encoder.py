"""Dense encoder: from magnitude and phase to features at half the bands."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.conv_norm_act import ConvNormAct
from keras_imse.layers.offline.dense_block import DenseBlock


class DenseEncoder(OfflineLayer):
    """1x1 unit → dense block → 1x3 unit with stride 2 over frequency.

    Args:
        channels: Output channels.
        depth: Convolutions in the dense block.
    """

    def __init__(self, channels: int, depth: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.depth = depth
        self.dense_conv_1 = ConvNormAct(channels, (1, 1), name="dense_conv_1")
        self.dense_block = DenseBlock(channels, depth, name="dense_block")
        self.dense_conv_2 = ConvNormAct(channels, (1, 3), freq_stride=2, name="dense_conv_2")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        inner = with_channels(input_shape, self.channels)
        return [
            (self.dense_conv_1, input_shape),
            (self.dense_block, inner),
            (self.dense_conv_2, inner),
        ]

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Maps ``(batch, time, bands, 2)`` to ``(batch, time, bands / 2, channels)``."""
        return self.dense_conv_2(self.dense_block(self.dense_conv_1(x), training=training))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "depth": self.depth}
