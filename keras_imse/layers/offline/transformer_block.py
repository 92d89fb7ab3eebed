"""Transformer block: attention and feed-forward, each behind a channel norm."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.imse_config import REFERENCE_FORMS, OpForms
from keras_imse.layers.offline.base import OfflineLayer
from keras_imse.layers.offline.channel_norm import ChannelNorm
from keras_imse.layers.offline.gdfn import GDFN
from keras_imse.layers.offline.mala import MALA


class TransformerBlock(OfflineLayer):
    """``x += MALA(norm(x))``, then ``x += GDFN(norm(x))``.

    The norms' factors per channel fold into the 1x1 convolutions behind them.

    Args:
        channels: Channels of the input and output.
        hidden: Gated channels of the feed-forward network.
        head_size: Channels per attention head.
        forms: Which compositions to use.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        head_size: int = 8,
        *,
        forms: OpForms | dict[str, Any] = REFERENCE_FORMS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        forms = forms if isinstance(forms, OpForms) else OpForms(**forms)
        self.settings = {
            "channels": channels,
            "hidden": hidden,
            "head_size": head_size,
            "forms": asdict(forms),
        }
        self.norm1 = ChannelNorm(name="norm1")
        self.mala = MALA(channels, head_size, forms=forms, name="mala")
        self.norm2 = ChannelNorm(name="norm2")
        self.gdfn = GDFN(channels, hidden, gelu_form=forms.gelu, name="gdfn")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [(part, input_shape) for part in (self.norm1, self.mala, self.norm2, self.gdfn)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to the same shape."""
        x = x + self.mala(self.norm1.normalize(x), input_scale=self.norm1.gamma)
        return x + self.gdfn(self.norm2.normalize(x), input_scale=self.norm2.gamma)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}
