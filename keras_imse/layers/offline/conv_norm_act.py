"""Convolution, instance normalisation, PReLU: the unit of encoder and decoders."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.convolution import CentredConv
from keras_imse.layers.offline.instance_norm import InstanceNorm


def prelu(name: str = "act") -> tf_keras.layers.PReLU:
    """Returns a PReLU with one slope per channel, 0.25 at first."""
    return tf_keras.layers.PReLU(
        alpha_initializer=tf_keras.initializers.Constant(0.25), shared_axes=[1, 2], name=name
    )


class ConvNormAct(OfflineLayer):
    """Convolution with bias → instance norm → PReLU.

    Args:
        channels: Output channels.
        kernel: ``(frames, bands)``, both odd.
        dilation: Spacing of the taps in time.
        freq_stride: Stride over frequency.
    """

    def __init__(
        self,
        channels: int,
        kernel: tuple[int, int],
        *,
        dilation: int = 1,
        freq_stride: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings: dict[str, Any] = {
            "channels": channels,
            "kernel": tuple(kernel),
            "dilation": dilation,
            "freq_stride": freq_stride,
        }
        self.conv = CentredConv(**self.settings, name="conv")
        self.norm = InstanceNorm(name="norm")
        self.act = prelu()

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        inner = with_channels(input_shape, self.conv.channels)
        return [(self.conv, input_shape), (self.norm, inner), (self.act, inner)]

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Maps ``(batch, time, freq, inputs)`` to ``(batch, time, freq / stride, channels)``."""
        return self.act(self.norm(self.conv(x, training=training)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}
