"""Causal depthwise convolution with explicit state."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.streaming import StateSpec, StreamingLayer, extend


class CausalDepthwiseConv(StreamingLayer):
    """Depthwise ``time x freq`` convolution, causal in time, centred in frequency.

    Source: IMSE's depthwise 3x3 / 1x11 / 11x1 / 5x5 convolutions with the future removed.

    Args:
        channels: Channels of the input and output.
        kernel: ``(frames, bands)``; bands must be odd.
        dilation: Frames between two taps over time.
        use_bias: Whether to add a bias per channel.
    """

    def __init__(
        self,
        channels: int,
        kernel: tuple[int, int],
        *,
        dilation: int = 1,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.kernel_size = kernel
        self.dilation = dilation
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        channels = self.channels
        frames, bands = self.kernel_size
        self.kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(frames, bands, channels, 1),
            initializer=tf_keras.initializers.RandomNormal(stddev=(frames * bands) ** -0.5),
        )
        self.bias = (
            self.add_weight(name="bias", shape=(channels,), initializer="zeros")
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def state_specs(self, freq: int) -> list[StateSpec]:
        past = (self.kernel_size[0] - 1) * self.dilation
        return [StateSpec(self.name, (past, freq, self.channels))] if past else []

    def call(self, x: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Convolves ``x`` ``(batch, time, freq, channels)``.

        Returns:
            ``(y, next_states)`` with ``y`` of the shape of ``x``.
        """
        frames, bands = self.kernel_size
        next_states = []
        if frames > 1:
            x, next_state = extend(states[0], x)
            next_states.append(next_state)
        side = bands // 2
        if frames == 1:
            y = tf.nn.depthwise_conv2d(x, self.kernel, [1, 1, 1, 1], "SAME")
        else:
            if side:
                x = tf.pad(x, [[0, 0], [0, 0], [side, side], [0, 0]])
            y = tf.nn.depthwise_conv2d(
                x, self.kernel, [1, 1, 1, 1], "VALID", dilations=[self.dilation, 1]
            )
        if self.bias is not None:
            y = y + self.bias
        return y, next_states
