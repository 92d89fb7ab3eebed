"""Decoder of the phase, as real and imaginary part."""

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


class PhaseDecoder(OfflineLayer):
    """Dense block → doubled bands → norm and PReLU → real and imaginary part.

    The angle itself (``atan2``) is left to whoever uses the output.

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
        self.norm = InstanceNorm(name="norm")
        self.act = prelu()
        self.real_imag = PointwiseConv(2, use_bias=True, name="real_imag")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        names = (self.dense_block, self.upsample, self.norm, self.act, self.real_imag)
        return [(part, with_channels(input_shape, self.channels)) for part in names]

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Maps ``(batch, time, bands / 2, channels)`` to ``(batch, time, bands, 2)``."""
        dense = self.dense_block(x, training=training)
        return self.real_imag(self.act(self.norm(self.upsample(dense))))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "depth": self.depth}
