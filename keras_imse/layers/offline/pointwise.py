"""1x1 convolution with an optional factor per input channel folded into its kernel."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_imse.layers.offline.base import OfflineLayer


class PointwiseConv(OfflineLayer):
    """1x1 convolution.

    Args:
        channels: Output channels.
        use_bias: Whether to add a bias per output channel.
    """

    def __init__(self, channels: int, *, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        inputs = tf.TensorShape(input_shape)[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(1, 1, inputs, self.channels), initializer="glorot_uniform"
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.channels,), initializer="zeros")
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def call(self, x: tf.Tensor, input_scale: tf.Tensor | None = None) -> tf.Tensor:
        """Convolves ``x``.

        Args:
            x: ``(batch, time, freq, inputs)``.
            input_scale: Factor per input channel ``(inputs,)``, multiplied into the kernel.

        Returns:
            ``(batch, time, freq, channels)``.
        """
        kernel = self.kernel
        if input_scale is not None:
            kernel = kernel * input_scale[None, None, :, None]
        y = tf.nn.conv2d(x, kernel, 1, "VALID")
        return y if self.bias is None else tf.nn.bias_add(y, self.bias)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "use_bias": self.use_bias}
