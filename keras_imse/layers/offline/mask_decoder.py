"""Decoder of the magnitude mask."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.conv_norm_act import prelu
from keras_imse.layers.offline.dense_block import DenseBlock
from keras_imse.layers.offline.instance_norm import InstanceNorm
from keras_imse.layers.offline.pointwise import PointwiseConv
from keras_imse.layers.offline.resample import FreqUpsample


class MaskDecoder(OfflineLayer):
    """Dense block → doubled bands → one channel → sigmoid with a slope per band.

    Args:
        channels: Input channels.
        depth: Convolutions in the dense block.
    """

    def __init__(self, channels: int, depth: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.depth = depth
        self.dense_block = DenseBlock(channels, depth, name="dense_block")
        self.upsample = FreqUpsample(channels, name="upsample")
        self.reduce = PointwiseConv(1, use_bias=True, name="reduce")
        self.norm = InstanceNorm(name="norm")
        self.act = prelu()
        self.final = PointwiseConv(1, use_bias=True, name="final")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        one = with_channels(input_shape, 1)
        return [
            (self.dense_block, input_shape),
            (self.upsample, input_shape),
            (self.reduce, input_shape),
            (self.norm, one),
            (self.act, one),
            (self.final, one),
        ]

    def build(self, input_shape: Any) -> None:
        bands = 2 * tf.TensorShape(input_shape)[2]
        self.slope = self.add_weight(name="slope", shape=(bands,), initializer="ones")
        super().build(input_shape)

    def before_final(self, x: tf.Tensor) -> tf.Tensor:
        """Maps the dense block's output to ``(batch, time, bands, 1)`` before the last 1x1."""
        return self.act(self.norm(self.reduce(self.upsample(x))))

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Maps ``(batch, time, bands / 2, channels)`` to a mask.

        Returns:
            ``(batch, time, bands, 1)`` in 0...1; times the mask limit it is the magnitude factor.
        """
        y = self.before_final(self.dense_block(x, training=training))
        # The last 1x1 has one channel, so the slope per band folds into its factor and bias.
        slope = self.slope[None, None, :, None]
        return tf.sigmoid(y * (slope * self.final.kernel) + slope * self.final.bias)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "depth": self.depth}
