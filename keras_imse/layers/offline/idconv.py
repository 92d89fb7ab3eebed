"""IDConv: inception-style depthwise convolution that embeds a stage's input."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.depthwise import DepthwiseConv
from keras_imse.layers.offline.pointwise import PointwiseConv


class IDConv(OfflineLayer):
    """1x1 convolution, then identity, 3x3, 1xk and kx1 depthwise branches side by side.

    Args:
        channels: Channels of the input and output.
        strip: Length *k* of the strips, odd.
        branch_ratio: Share of the channels that each of the three convolved branches gets.
    """

    def __init__(
        self, channels: int, strip: int = 11, branch_ratio: float = 0.125, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.strip = strip
        self.branch_ratio = branch_ratio
        self.branch = int(channels * branch_ratio)
        self.pointwise = PointwiseConv(channels, use_bias=False, name="pointwise")
        self.square = DepthwiseConv((3, 3), use_bias=True, name="square")
        self.over_freq = DepthwiseConv((1, strip), use_bias=True, name="over_freq")
        self.over_time = DepthwiseConv((strip, 1), use_bias=True, name="over_time")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        branch = with_channels(input_shape, self.branch)
        return [
            (self.pointwise, input_shape),
            (self.square, branch),
            (self.over_freq, branch),
            (self.over_time, branch),
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to the same shape."""
        x = self.pointwise(x)
        sizes = [self.channels - 3 * self.branch, self.branch, self.branch, self.branch]
        identity, square, over_freq, over_time = tf.split(x, sizes, axis=-1)
        return tf.concat(
            [identity, self.square(square), self.over_freq(over_freq), self.over_time(over_time)],
            axis=-1,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "strip": self.strip,
            "branch_ratio": self.branch_ratio,
        }
