"""Magnitude-aware linear attention over all time-frequency positions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from keras_imse.imse_config import REFERENCE_FORMS, OpForms
from keras_imse.layers.offline.base import OfflineLayer, known_or_dynamic
from keras_imse.layers.offline.depthwise import DepthwiseConv
from keras_imse.layers.offline.pointwise import PointwiseConv
from keras_imse.layers.offline.rotary import rotary_tables, rotate

#: Added to the normaliser before dividing (reference form).
EPSILON = 1e-6


def head_mask(channels: int, head_size: int) -> np.ndarray:
    """Returns ``(channels, channels)`` with ones where two channels share a head."""
    head = np.arange(channels) // head_size
    return (head[:, None] == head[None, :]).astype(np.float32)


class MALA(OfflineLayer):
    """Linear attention whose output keeps the magnitude of the query.

    With ``q, k = elu + 1``, ``N`` positions, ``s = head_size^-1/2`` and ``q', k'`` rotated by
    position, per head: ``z = s q . mean(k)``, ``KV = (s / N) k'^T v``, ``V = mean(v)`` and
    ``res = (q' KV)(1 + 1 / z) - z V``. With ``A = (q' KV) / z`` the same is ``A + z (A - V)``,
    whose terms cancel far less. Then: ``proj((res + depthwise5x5(v)) o)``.

    The conditioned form computes all heads at once with block-diagonal ``channels x channels``
    matrices and needs no transposes of whole feature maps.

    Args:
        channels: Channels of the input and output.
        head_size: Channels per head.
        forms: Which composition to use.
    """

    def __init__(
        self,
        channels: int,
        head_size: int = 8,
        *,
        forms: OpForms | dict[str, Any] = REFERENCE_FORMS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.head_size = head_size
        self.forms = forms if isinstance(forms, OpForms) else OpForms(**forms)
        self.scale = head_size**-0.5
        self.qkvo = PointwiseConv(4 * channels, use_bias=True, name="qkvo")
        self.lepe = DepthwiseConv((5, 5), use_bias=True, name="lepe")
        self.proj = PointwiseConv(channels, use_bias=True, name="proj")

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        return [(part, input_shape) for part in (self.qkvo, self.lepe, self.proj)]

    def call(self, x: tf.Tensor, input_scale: tf.Tensor | None = None) -> tf.Tensor:
        """Maps ``(batch, time, freq, channels)`` to the same shape.

        Args:
            x: Input.
            input_scale: Factor per input channel, folded into the first convolution.
        """
        q, k, v, gate = tf.split(self.qkvo(x, input_scale=input_scale), 4, axis=-1)
        q = tf.nn.elu(q) + 1.0
        k = tf.nn.elu(k) + 1.0
        frames = known_or_dynamic(x, 1)
        tables = rotary_tables(frames, int(x.shape[2]), self.channels, self.head_size)
        attend = self._conditioned if self.forms.attention == "conditioned" else self._reference
        attended = attend(q, k, v, rotate(q, tables), rotate(k, tables))
        return self.proj((attended + self.lepe(v)) * gate)

    def _reference(
        self, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, q_rot: tf.Tensor, k_rot: tf.Tensor
    ) -> tf.Tensor:
        """The published formula, head by head; everything ``(batch, time, freq, channels)``."""
        shape = tf.shape(q)
        positions = shape[1] * shape[2]
        root = tf.sqrt(self.scale / tf.cast(positions, q.dtype))

        def by_head(x: tf.Tensor) -> tf.Tensor:
            heads = self.channels // self.head_size
            x = tf.reshape(x, [shape[0], positions, heads, self.head_size])
            return tf.transpose(x, [0, 2, 1, 3])

        q, k, v, q_rot, k_rot = (by_head(x) for x in (q, k, v, q_rot, k_rot))
        mean_k = tf.reduce_mean(k, axis=2, keepdims=True)
        z = self.scale * tf.reduce_sum(q * mean_k, axis=-1, keepdims=True)
        kv = tf.matmul(k_rot * root, v * root, transpose_a=True)
        mean_v = tf.reduce_mean(v, axis=2, keepdims=True)
        res = tf.matmul(q_rot, kv) * (1.0 + 1.0 / (z + EPSILON)) - z * mean_v
        return tf.reshape(tf.transpose(res, [0, 2, 1, 3]), shape)

    def _conditioned(
        self, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, q_rot: tf.Tensor, k_rot: tf.Tensor
    ) -> tf.Tensor:
        """``A + z (A - V)`` over all heads; everything ``(batch, time, freq, channels)``."""
        batch, frames, bands = (known_or_dynamic(q, axis) for axis in (0, 1, 2))
        positions = frames * bands
        mask = head_mask(self.channels, self.head_size)

        def flat(x: tf.Tensor) -> tf.Tensor:
            return tf.reshape(x, [batch, positions, self.channels])

        mean_k = tf.reduce_mean(k, axis=[1, 2])
        normaliser = tf.reshape(mean_k, [batch, self.channels, 1]) * (self.scale * mask)
        z = tf.matmul(flat(q), normaliser)
        kv = tf.matmul(flat(k_rot), flat(v), transpose_a=True)
        if isinstance(positions, int):
            kv *= (self.scale / positions) * mask
        else:
            kv *= self.scale / tf.cast(positions, q.dtype) * mask
        weighted = tf.matmul(flat(q_rot), kv)
        if self.forms.division == "rsqrt":
            root = tf.math.rsqrt(z)
            attended = weighted * root * root
        else:
            attended = weighted / z
        mean_v = tf.reshape(tf.reduce_mean(v, axis=[1, 2]), [batch, 1, self.channels])
        res = attended + z * (attended - mean_v)
        return tf.reshape(res, [batch, frames, bands, self.channels])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "head_size": self.head_size,
            "forms": asdict(self.forms),
        }
