"""Gated depthwise feed-forward network."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.offline.base import OfflineLayer, with_channels
from keras_imse.layers.offline.depthwise import DepthwiseConv
from keras_imse.layers.offline.gelu import gelu
from keras_imse.layers.offline.pointwise import PointwiseConv


class GDFN(OfflineLayer):
    """1x1 to twice the hidden channels → depthwise 3x3 → ``gelu(a) b`` → 1x1; no biases.

    Args:
        channels: Channels of the input and output.
        hidden: Gated channels.
        gelu_form: Form of the gate, see :func:`keras_imse.layers.offline.gelu.gelu`.
    """

    def __init__(
        self, channels: int, hidden: int, *, gelu_form: str = "erf", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.hidden = hidden
        self.gelu_form = gelu_form
        self.project_in = PointwiseConv(2 * hidden, use_bias=False, name="project_in")
        self.depthwise = DepthwiseConv((3, 3), use_bias=False, name="depthwise")
        self.project_out = PointwiseConv(channels, use_bias=False, name="project_out")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [
            (self.project_in, input_shape),
            (self.depthwise, with_channels(input_shape, 2 * self.hidden)),
            (self.project_out, with_channels(input_shape, self.hidden)),
        ]

    def call(self, x: tf.Tensor, input_scale: tf.Tensor | None = None) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to the same shape.

        Args:
            x: Input.
            input_scale: Factor per input channel, folded into the first convolution.
        """
        x = self.depthwise(self.project_in(x, input_scale=input_scale))
        gate, value = tf.split(x, 2, axis=-1)
        return self.project_out(gelu(gate, self.gelu_form) * value)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "hidden": self.hidden,
            "gelu_form": self.gelu_form,
        }
