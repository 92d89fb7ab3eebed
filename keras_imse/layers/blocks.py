"""Blocks of the streaming network: IDConv, attention and feed-forward with residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_imse.config import StreamConfig
from keras_imse.layers.gdfn import CausalGDFN
from keras_imse.layers.idconv import CausalIDConv
from keras_imse.layers.mala import StreamingMALA
from keras_imse.layers.streaming import StateSpec, StreamingLayer, build_scoped


class StreamingBlock(StreamingLayer):
    """``x + IDConv(x)``, then ``x + MALA(x)`` unless light, then ``x + GDFN(x)``.

    Source: IMSE's transformer block; the norms are BatchNorm inside the branches, so that they
    fold into the convolutions that follow.

    Args:
        config: Network configuration.
        channels: Channels of the input and output.
        attention: Whether the block has MALA (a full block) or not (a light block).
        expansion: GDFN expansion.
    """

    def __init__(
        self,
        config: StreamConfig,
        channels: int,
        *,
        attention: bool,
        expansion: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.parts: list[StreamingLayer] = [
            CausalIDConv(channels, config.strip, config.long_strip_dilation, name="idconv")
        ]
        if attention:
            self.parts.append(
                StreamingMALA(
                    channels,
                    config.head_size,
                    config.window_frames,
                    rope=config.rope,
                    floor=config.attention_floor,
                    name="mala",
                )
            )
        self.parts.append(CausalGDFN(channels, expansion, name="gdfn"))

    def build(self, input_shape: Any) -> None:
        for part in self.parts:
            build_scoped(part, input_shape)
        super().build(input_shape)

    def fold_norms(self) -> None:
        for part in self.parts:
            part.fold_norms()

    def state_specs(self, freq: int) -> list[StateSpec]:
        return [
            StateSpec(f"{self.name}/{spec.name}", spec.shape)
            for part in self.parts
            for spec in part.state_specs(freq)
        ]

    def initial_states(self, batch: tf.Tensor, freq: int) -> list[tf.Tensor]:
        return [state for part in self.parts for state in part.initial_states(batch, freq)]

    def initial_state_frames(self, freq: int) -> list[np.ndarray]:
        return [frame for part in self.parts for frame in part.initial_state_frames(freq)]

    def call(
        self, x: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Applies the block to ``x`` ``(batch, time, freq, channels)``."""
        next_states: list[tf.Tensor] = []
        for part in self.parts:
            count = len(part.state_specs(x.shape[2]))
            y, after = part(x, states[:count], training=training)
            states, x = states[count:], x + y
            next_states.extend(after)
        return x, next_states
