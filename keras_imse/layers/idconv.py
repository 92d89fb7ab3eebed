"""IDConv: inception depthwise convolution as separable strips, causal form."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from keras_imse.layers.depthwise import CausalDepthwiseConv
from keras_imse.layers.streaming import StateSpec, StreamingLayer, build_scoped


class CausalIDConv(StreamingLayer):
    """1x1 convolution, then identity (5/8), 3x3, 1xk and kx1 depthwise branches (1/8 each).

    Source: IMSE, section "Inception depthwise convolution"; upstream ``InceptionDWConv2d``. The
    3x3 and kx1 branches see only the past; a BatchNorm follows the 1x1 convolution and folds. With
    a long strip, a kx1 branch with dilation takes 1/8 of the identity: attention sums over the
    bands, so this is what remembers each band for a second.

    Args:
        channels: Channels of the input and output.
        strip: Length k of the strips.
        long_strip_dilation: Frames between the taps of the long strip; 0: none.
    """

    def __init__(
        self, channels: int, strip: int = 11, long_strip_dilation: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.branch = channels // 8
        self.pointwise = tf_keras.layers.Conv2D(channels, 1, use_bias=False, name="pointwise")
        self.norm = tf_keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.98, name="norm")
        self.square = CausalDepthwiseConv(self.branch, (3, 3), name="square")
        self.band_strip = CausalDepthwiseConv(self.branch, (1, strip), name="band_strip")
        self.time_strip = CausalDepthwiseConv(self.branch, (strip, 1), name="time_strip")
        self.long_strip = None
        if long_strip_dilation:
            self.long_strip = CausalDepthwiseConv(
                self.branch, (strip, 1), dilation=long_strip_dilation, name="long_strip"
            )

    def build(self, input_shape: Any) -> None:
        build_scoped(self.pointwise, input_shape)
        build_scoped(self.norm, input_shape)
        branch_shape = (*input_shape[:-1], self.branch)
        for layer in (self.square, self.band_strip, self.time_strip):
            build_scoped(layer, branch_shape)
        if self.long_strip is not None:
            build_scoped(self.long_strip, branch_shape)
            past = self.long_strip.kernel.shape[0] - 1
            identity = np.zeros(self.long_strip.kernel.shape, np.float32)
            identity[past] = 1.0  # starts as what it replaces
            self.long_strip.kernel.assign(identity)
        super().build(input_shape)

    def state_specs(self, freq: int) -> list[StateSpec]:
        layers = [self.square, self.time_strip]
        if self.long_strip is not None:
            layers.append(self.long_strip)
        return [
            StateSpec(f"{self.name}/{spec.name}", spec.shape)
            for layer in layers
            for spec in layer.state_specs(freq)
        ]

    def call(
        self, x: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Applies the layer to ``x`` ``(batch, time, freq, channels)``."""
        x = self.norm(self.pointwise(x), training=training)
        g = self.branch
        rest = x.shape[-1] - 3 * g
        if self.long_strip is None:
            identity, square, band, time = tf.split(x, [rest, g, g, g], axis=-1)
            untouched, next_long = [identity], []
        else:
            identity, long, square, band, time = tf.split(x, [rest - g, g, g, g, g], axis=-1)
            long, next_long = self.long_strip(long, states[2:3])
            untouched = [identity, long]
        square, next_square = self.square(square, states[:1])
        band, _ = self.band_strip(band, [])
        time, next_time = self.time_strip(time, states[1:2])
        y = tf.concat([*untouched, square, band, time], axis=-1)
        return y, [*next_square, *next_time, *next_long]
