"""Halving and doubling of time and frequency between U-Net levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.depthwise import DepthwiseConv
from keras_imse.layers.offline.pointwise import PointwiseConv


def unshuffle_selector(channels: int) -> np.ndarray:
    """Returns the constant that turns a 1x1 kernel into a 2x2 kernel with stride 2.

    Entry ``[i, j, c, 4 c + 2 i + j]`` is one: output channel ``4 c + 2 i + j`` is channel ``c``
    at offset ``(i, j)`` of each 2x2 patch, the channel order of the published network.

    Args:
        channels: Channels before the unshuffle.

    Returns:
        ``(2, 2, channels, 4 channels)``.
    """
    selector = np.zeros((2, 2, channels, 4 * channels), np.float32)
    for i in range(2):
        for j in range(2):
            c = np.arange(channels)
            selector[i, j, c, 4 * c + 2 * i + j] = 1.0
    return selector


class Downsample(OfflineLayer):
    """Depthwise 3x3 → 1x1 → pixel unshuffle by 2, the last two as one strided convolution.

    Args:
        channels: Output channels, a multiple of 4.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.depthwise = DepthwiseConv((3, 3), use_bias=False, name="depthwise")
        self.pointwise = PointwiseConv(channels // 4, use_bias=False, name="pointwise")
        self.selector = unshuffle_selector(channels // 4)

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [(self.depthwise, input_shape), (self.pointwise, input_shape)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, time, freq, inputs)`` to ``(batch, time / 2, freq / 2, channels)``."""
        kernel = tf.einsum("kc,ijco->ijko", self.pointwise.kernel[0, 0], self.selector)
        return tf.nn.conv2d(self.depthwise(x), kernel, 2, "VALID")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}


class Upsample(OfflineLayer):
    """Depthwise 3x3 → 1x1 → pixel shuffle by 2.

    The 1x1 kernel keeps its output channels in the order of ``depth_to_space``
    (offset in the patch first, channel last); checkpoints of the published network are permuted
    when they are read.

    Args:
        channels: Output channels.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.depthwise = DepthwiseConv((3, 3), use_bias=False, name="depthwise")
        self.pointwise = PointwiseConv(4 * channels, use_bias=False, name="pointwise")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [(self.depthwise, input_shape), (self.pointwise, input_shape)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, time, freq, inputs)`` to ``(batch, 2 time, 2 freq, channels)``."""
        return tf.nn.depth_to_space(self.pointwise(self.depthwise(x)), 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}


class FreqUpsample(OfflineLayer):
    """Doubles the bands: 1x1 to four times the channels, pixel shuffle, depthwise 1x3.

    The published network shuffles by 2 over time and frequency and then drops every second frame
    with a stride, so half of the 1x1 output never matters. Only the half that does is computed;
    the unused weights stay in the kernel.

    Args:
        channels: Channels of the input and output.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.pointwise = PointwiseConv(4 * channels, use_bias=False, name="pointwise")
        self.depthwise = DepthwiseConv((1, 3), use_bias=False, name="depthwise")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [
            (self.pointwise, input_shape),
            (self.depthwise, with_channels(input_shape, self.channels)),
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to ``(batch, time, 2 freq, channels)``."""
        kernel = self.pointwise.kernel[..., : 2 * self.channels]
        y = tf.nn.conv2d(x, kernel, 1, "VALID")
        frames = -1 if x.shape[1] is None else int(x.shape[1])
        batch = tf.shape(x)[0] if x.shape[0] is None else int(x.shape[0])
        y = tf.reshape(y, [batch, frames, 2 * int(x.shape[2]), self.channels])
        return self.depthwise(y)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}
