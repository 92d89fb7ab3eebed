"""GDFN: gated depthwise feed-forward network, causal form."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.layers.depthwise import CausalDepthwiseConv
from keras_imse.layers.streaming import FoldableNorm, StateSpec, StreamingLayer, build_scoped


class CausalGDFN(StreamingLayer):
    """BatchNorm, 1x1 to twice the hidden width, depthwise 3x3, gate, 1x1.

    Source: IMSE / Restormer ``FeedForward``. The gate is hard-swish instead of GELU: TFLite Micro
    has no GELU, and the piecewise form is exact in integer arithmetic.

    Args:
        channels: Channels of the input and output.
        expansion: Hidden channels as a multiple of the input's.
    """

    def __init__(self, channels: int, expansion: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = hidden = int(channels * expansion)
        self.norm = FoldableNorm(name="norm")
        self.widen = tf_keras.layers.Conv2D(2 * hidden, 1, name="widen")
        self.depthwise = CausalDepthwiseConv(2 * hidden, (3, 3), name="depthwise")
        self.narrow = tf_keras.layers.Conv2D(channels, 1, use_bias=False, name="narrow")

    def build(self, input_shape: Any) -> None:
        hidden = self.hidden
        build_scoped(self.norm, input_shape)
        build_scoped(self.widen, input_shape)
        build_scoped(self.depthwise, (*input_shape[:-1], 2 * hidden))
        build_scoped(self.narrow, (*input_shape[:-1], hidden))
        super().build(input_shape)

    def fold_norms(self) -> None:
        self.norm.fold_into([self.widen])

    def state_specs(self, freq: int) -> list[StateSpec]:
        return [
            StateSpec(f"{self.name}/{spec.name}", spec.shape)
            for spec in self.depthwise.state_specs(freq)
        ]

    def call(
        self, x: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Applies the layer to ``x`` ``(batch, time, freq, channels)``."""
        y, next_states = self.depthwise(self.widen(self.norm(x, training=training)), states)
        gate, value = tf.split(y, 2, axis=-1)
        gate = gate * tf.nn.relu6(gate + 3.0) * (1.0 / 6.0)
        return self.narrow(gate * value), next_states
