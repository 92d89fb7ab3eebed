"""One stage of the U-Net: transformer blocks and the single-path fusion."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import tensorflow as tf
import tf_keras

from keras_imse.imse_config import REFERENCE_FORMS, OpForms
from keras_imse.layers.offline.base import OfflineLayer
from keras_imse.layers.offline.skff import SinglePathSKFF
from keras_imse.layers.offline.transformer_block import TransformerBlock


class Stage(OfflineLayer):
    """Transformer blocks one after the other.

    Args:
        channels: Channels of the input and output.
        hidden: Gated channels of the feed-forward networks.
        blocks: Number of blocks.
        head_size: Channels per attention head.
        squeezed: Channels of the inert fusion bottleneck.
        forms: Which compositions to use.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        blocks: int = 4,
        head_size: int = 8,
        squeezed: int = 4,
        forms: OpForms | dict[str, Any] = REFERENCE_FORMS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        forms = forms if isinstance(forms, OpForms) else OpForms(**forms)
        self.settings = {
            "channels": channels,
            "hidden": hidden,
            "blocks": blocks,
            "head_size": head_size,
            "squeezed": squeezed,
            "forms": asdict(forms),
        }
        self.blocks = [
            TransformerBlock(channels, hidden, head_size, forms=forms, name=f"block_{i}")
            for i in range(blocks)
        ]
        self.skff = SinglePathSKFF(squeezed, name="skff")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [(part, input_shape) for part in (*self.blocks, self.skff)]

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to the same shape."""
        for block in self.blocks:
            x = block(x)
        return self.skff(x, training=training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.settings}
