"""Depthwise convolution over time and frequency, centred."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_imse.layers.offline.base import OfflineLayer


class DepthwiseConv(OfflineLayer):
    """``time x freq`` depthwise convolution with odd kernel, stride 1, symmetric zero padding.

    Args:
        kernel: ``(frames, bands)``, both odd.
        use_bias: Whether to add a bias per channel.
    """

    def __init__(self, kernel: tuple[int, int], *, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_size = tuple(kernel)
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        channels = tf.TensorShape(input_shape)[-1]
        taps = self.kernel_size[0] * self.kernel_size[1]
        self.kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, channels, 1),
            initializer=tf.random_uniform_initializer(-(taps**-0.5), taps**-0.5),
        )
        self.bias = (
            self.add_weight(name="bias", shape=(channels,), initializer="zeros")
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Convolves ``x`` ``(batch, time, freq, channels)``, keeping its shape."""
        y = tf.nn.depthwise_conv2d(x, self.kernel, [1, 1, 1, 1], "SAME")
        return y if self.bias is None else tf.nn.bias_add(y, self.bias)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel": self.kernel_size,
            "use_bias": self.use_bias,
        }
