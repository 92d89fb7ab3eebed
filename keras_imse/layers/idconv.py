"""IDConv: inception depthwise convolution as separable strips, causal form."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.depthwise import CausalDepthwiseConv
from keras_imse.layers.streaming import StateSpec, StreamingLayer, build_scoped


class CausalIDConv(StreamingLayer):
    """1x1 convolution, then identity (5/8), 3x3, 1xk and kx1 depthwise branches (1/8 each).

    Source: IMSE, section "Inception depthwise convolution"; upstream ``InceptionDWConv2d``. The
    3x3 and kx1 branches see only the past; a BatchNorm follows the 1x1 convolution and folds.

    Args:
        channels: Channels of the input and output.
        strip: Length k of the strips.
    """

    def __init__(self, channels: int, strip: int = 11, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.branch = channels // 8
        self.pointwise = tf_keras.layers.Conv2D(channels, 1, use_bias=False, name="pointwise")
        self.norm = tf_keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.98, name="norm")
        self.square = CausalDepthwiseConv(self.branch, (3, 3), name="square")
        self.band_strip = CausalDepthwiseConv(self.branch, (1, strip), name="band_strip")
        self.time_strip = CausalDepthwiseConv(self.branch, (strip, 1), name="time_strip")

    def build(self, input_shape: Any) -> None:
        build_scoped(self.pointwise, input_shape)
        build_scoped(self.norm, input_shape)
        branch_shape = (*input_shape[:-1], self.branch)
        for layer in (self.square, self.band_strip, self.time_strip):
            build_scoped(layer, branch_shape)
        super().build(input_shape)

    def state_specs(self, freq: int) -> list[StateSpec]:
        return [
            StateSpec(f"{self.name}/{spec.name}", spec.shape)
            for layer in (self.square, self.time_strip)
            for spec in layer.state_specs(freq)
        ]

    def call(
        self, x: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Applies the layer to ``x`` ``(batch, time, freq, channels)``."""
        x = self.norm(self.pointwise(x), training=training)
        g = self.branch
        identity, square, band, time = tf.split(x, [x.shape[-1] - 3 * g, g, g, g], axis=-1)
        square, next_square = self.square(square, states[:1])
        band, _ = self.band_strip(band, [])
        time, next_time = self.time_strip(time, states[1:2])
        return tf.concat([identity, square, band, time], axis=-1), [*next_square, *next_time]
