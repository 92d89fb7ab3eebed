"""Convolution over time and frequency, centred, with dilation in time or stride in frequency."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_imse.layers.offline.base import OfflineLayer


class CentredConv(OfflineLayer):
    """``time x freq`` convolution with odd kernel and symmetric zero padding.

    Padding is explicit where a stride makes "SAME" lopsided: with stride 2 the first output is
    centred on the first band. A stride must divide the number of bands, and does not go together
    with dilation.

    Args:
        channels: Output channels.
        kernel: ``(frames, bands)``, both odd.
        use_bias: Whether to add a bias per output channel.
        dilation: Spacing of the taps in time.
        freq_stride: Stride over frequency.

    Raises:
        ValueError: Both dilation and stride are asked for.
    """

    def __init__(
        self,
        channels: int,
        kernel: tuple[int, int],
        *,
        use_bias: bool = True,
        dilation: int = 1,
        freq_stride: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if dilation > 1 and freq_stride > 1:
            raise ValueError("a convolution is either dilated or strided")
        self.channels = channels
        self.kernel_size = tuple(kernel)
        self.use_bias = use_bias
        self.dilation = dilation
        self.freq_stride = freq_stride

    def build(self, input_shape: Any) -> None:
        inputs = tf.TensorShape(input_shape)[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, inputs, self.channels),
            initializer="glorot_uniform",
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.channels,), initializer="zeros")
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves ``x`` ``(batch, time, freq, inputs)`` to ``(batch, time, freq', channels)``."""
        dilated = training and self.dilation > 1
        y = self._by_taps(x) if dilated else self._at_once(x)
        return y if self.bias is None else tf.nn.bias_add(y, self.bias)

    def _at_once(self, x: tf.Tensor) -> tf.Tensor:
        """One convolution."""
        padding = "SAME"
        if self.freq_stride > 1:
            side = self.kernel_size[1] // 2
            tail = max(side - (self.freq_stride - 1), 0)
            reach = (self.kernel_size[0] // 2) * self.dilation
            x = tf.pad(x, [[0, 0], [reach, reach], [side, tail], [0, 0]])
            padding = "VALID"
        return tf.nn.conv2d(
            x,
            self.kernel,
            strides=[1, 1, self.freq_stride, 1],
            padding=padding,
            dilations=[1, self.dilation, 1, 1],
        )

    def _by_taps(self, x: tf.Tensor) -> tf.Tensor:
        """One convolution over frequency per tap in time.

        For training: TensorFlow has no gradient of dilated convolutions on CPUs.
        """
        frames = tf.shape(x)[1]
        reach = (self.kernel_size[0] // 2) * self.dilation
        x = tf.pad(x, [[0, 0], [reach, reach], [0, 0], [0, 0]])
        taps = []
        for tap in range(self.kernel_size[0]):
            start = tap * self.dilation
            shifted = x[:, start : start + frames]
            taps.append(tf.nn.conv2d(shifted, self.kernel[tap : tap + 1], 1, "SAME"))
        return tf.add_n(taps)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "kernel": self.kernel_size,
            "use_bias": self.use_bias,
            "dilation": self.dilation,
            "freq_stride": self.freq_stride,
        }
