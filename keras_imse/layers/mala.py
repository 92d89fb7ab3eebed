"""Streaming MALA: magnitude-aware linear attention over the last W frames, exact.

Source: IMSE, section "Magnitude-aware linear attention"; upstream ``MALA``. Per head, with
``s = d ** -0.5``, means over all tokens and ``z = s q . mean(k)``, the published form is
``(q KV)(1 + 1/z) - z mean(v)`` with ``KV = s mean(k^T v)``. It equals ``A + z (A - mean(v))``
with ``A = (q KV) / z``, a plain linear attention that stays inside the hull of the values. This
file computes the second form: every intermediate is bounded, which int8 needs.

Linear attention is additive, so a frame is summarised once (``k^T v``, ``k`` and ``v`` averaged
over its bands) and attention over the last W frames needs only the mean of the last W summaries:
constant work per frame, the same result as attending to all tokens of those frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from keras_imse.layers.depthwise import CausalDepthwiseConv
from keras_imse.layers.streaming import (
    FoldableNorm,
    StateSpec,
    StreamingLayer,
    build_scoped,
    extend,
)


def rotary_tables(freq: int, channels: int, head_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and signed sines of the rotary embedding over frequency.

    A pair of channels ``(c, c + channels / 2)`` is turned by ``band * 10000 ** -(j / (p - 1))``
    with ``j`` its index among the ``p = head_size / 2`` pairs of a head, so that a rotation is two
    multiplications, an addition and a swap of halves.

    Args:
        freq: Number of bands.
        channels: Number of channels (all heads).
        head_size: Channels per head.

    Returns:
        Two arrays ``(1, 1, freq, channels)``, float32.
    """
    pairs = head_size // 2
    rates = 10000.0 ** -np.linspace(0.0, 1.0, pairs)
    rates = np.tile(rates, channels // head_size)
    angles = np.arange(freq)[:, None] * rates[None, :]
    cos = np.concatenate([np.cos(angles), np.cos(angles)], axis=-1)
    sin = np.concatenate([-np.sin(angles), np.sin(angles)], axis=-1)
    return cos[None, None].astype(np.float32), sin[None, None].astype(np.float32)


class StreamingMALA(StreamingLayer):
    """MALA over a causal window of frames and all bands.

    Channels are ordered ``(pair half, head, pair)``: head ``h`` owns channels ``h * p + j`` and
    ``channels / 2 + h * p + j`` for ``j < p = head_size / 2``.

    Args:
        channels: Channels of the input and output.
        head_size: Channels per head d.
        window_frames: Window W in frames.
        rope: Whether queries and keys are rotated by frequency before they meet.
        floor: Added to the normaliser ``z`` before dividing.
    """

    def __init__(
        self,
        channels: int,
        head_size: int,
        window_frames: int,
        *,
        rope: bool,
        floor: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.head_size = head_size
        self.heads = channels // head_size
        self.scale = head_size**-0.5
        self.window_frames = window_frames
        self.rope = rope
        self.floor = floor
        self.norm = FoldableNorm(name="norm")
        conv = tf_keras.layers.Conv2D
        self.query = conv(channels, 1, name="query")
        self.key = conv(channels, 1, name="key")
        self.value = conv(channels, 1, name="value")
        self.gate = conv(channels, 1, name="gate")
        self.position = CausalDepthwiseConv(channels, (3, 5), name="position")
        self.project = conv(channels, 1, name="project")

    def build(self, input_shape: Any) -> None:
        channels, freq = self.channels, int(input_shape[-2])
        for layer in (self.norm, self.query, self.key, self.value, self.gate, self.project):
            build_scoped(layer, input_shape)
        build_scoped(self.position, input_shape)
        summary = channels * self.head_size
        self.prior_kv = self.add_weight(name="prior_kv", shape=(summary,), initializer="zeros")
        # Keys are positive; a negative prior would let the normaliser z change its sign.
        self.prior_k = self.add_weight(
            name="prior_k",
            shape=(channels,),
            initializer="ones",
            constraint=tf_keras.constraints.NonNeg(),
        )
        self.prior_v = self.add_weight(name="prior_v", shape=(channels,), initializer="zeros")
        if self.rope:
            cos, sin = rotary_tables(freq, channels, self.head_size)
            # The constant factors of the attention ride on constants that are there anyway.
            self.query_cos, self.query_sin = cos * self.scale, sin * self.scale
            self.key_cos, self.key_sin = cos / freq, sin / freq
        super().build(input_shape)

    def fold_norms(self) -> None:
        self.norm.fold_into([self.query, self.key, self.value, self.gate])

    def state_specs(self, freq: int) -> list[StateSpec]:
        past = self.window_frames - 1
        specs = [
            StateSpec(f"{self.name}/{spec.name}", spec.shape)
            for spec in self.position.state_specs(freq)
        ]
        d, h = self.head_size, self.heads
        return [
            *specs,
            StateSpec(f"{self.name}/summary_kv", (past, 1, h * d * d)),
            StateSpec(f"{self.name}/summary_k", (past, 1, self.channels)),
            StateSpec(f"{self.name}/summary_v", (past, 1, self.channels)),
        ]

    def _priors(self) -> list[tf.Tensor]:
        return [self.prior_kv, self.prior_k, self.prior_v]

    def initial_states(self, batch: tf.Tensor, freq: int) -> list[tf.Tensor]:
        """Zeros for the convolution, the learned prior for every frame of the summaries."""
        specs = self.state_specs(freq)
        states = [tf.zeros(tf.concat([[batch], specs[0].shape], 0))]
        for prior, spec in zip(self._priors(), specs[1:], strict=True):
            shape = tf.concat([[batch], spec.shape], 0)
            states.append(tf.broadcast_to(prior, shape))
        return states

    def initial_state_frames(self, freq: int) -> list[np.ndarray]:
        specs = self.state_specs(freq)
        frames = [np.zeros(specs[0].shape[1:], np.float32)]
        return [*frames, *(prior.numpy()[None, :] for prior in self._priors())]

    @staticmethod
    def _rotate(x: tf.Tensor, cos: np.ndarray, sin: np.ndarray) -> tf.Tensor:
        first, second = tf.split(x, 2, axis=-1)
        return x * cos + tf.concat([second, first], axis=-1) * sin

    def _heads(self, x: tf.Tensor) -> tf.Tensor:
        """(batch, time, freq, channels) -> (batch * time, heads, freq, head_size)."""
        freq, pairs = x.shape[2], self.head_size // 2
        # Four dimensions, not five: CMSIS-NN's int8 transpose takes no more.
        x = tf.reshape(x, (-1, 2 * freq, self.heads, pairs))
        return tf.reshape(tf.transpose(x, (0, 2, 1, 3)), (-1, self.heads, freq, self.head_size))

    def _window_mean(self, extended: tf.Tensor, gain: float) -> tf.Tensor:
        """``gain`` times the mean of the last W frames, for ``(batch, W-1+time, 1, n)``."""
        window = self.window_frames
        if extended.shape[1] == window:
            taps = tf.fill((window, 1, extended.shape[-1], 1), gain / window)
            return tf.nn.depthwise_conv2d(extended, taps, [1, 1, 1, 1], "VALID")
        # The same sum for many frames at once; a convolution would cost W times as much.
        total = tf.cumsum(extended, axis=1)
        before = tf.pad(total[:, :-window], [[0, 0], [1, 0], [0, 0], [0, 0]])
        return (total[:, window - 1 :] - before) * (gain / window)

    def call(
        self, x: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Attends; ``x`` is ``(batch, time, freq, channels)``."""
        position_state, *summary_states = states
        shape = tf.shape(x)
        freq, channels = x.shape[2], self.channels
        h, d = self.heads, self.head_size
        x = self.norm(x, training=training)
        query = tf.nn.elu(self.query(x)) + 1.0
        key = tf.nn.elu(self.key(x)) + 1.0
        value = self.value(x)
        gate = self.gate(x)
        position, next_position = self.position(value, [position_state])

        if self.rope:
            query_rotated = self._rotate(query, self.query_cos, self.query_sin)
            key_rotated = self._rotate(key, self.key_cos, self.key_sin)
        else:
            query_rotated, key_rotated = query * self.scale, key * (1.0 / freq)
        query, query_rotated = self._heads(query), self._heads(query_rotated)
        key, key_rotated = self._heads(key), self._heads(key_rotated)
        value = self._heads(value)

        summary_kv = tf.matmul(key_rotated, value, transpose_a=True)
        summary_k = tf.reduce_mean(key, axis=2)
        summary_v = tf.reduce_mean(value, axis=2)
        means, next_states = [], []
        gains = (1.0, self.scale, 1.0)
        summaries = (summary_kv, summary_k, summary_v)
        for summary, state, gain in zip(summaries, summary_states, gains, strict=True):
            frames = tf.reshape(summary, (shape[0], -1, 1, state.shape[-1]))
            frames.set_shape((None, x.shape[1], 1, state.shape[-1]))
            extended, next_state = extend(state, frames)
            means.append(self._window_mean(extended, gain))
            next_states.append(next_state)
        mean_kv = tf.reshape(means[0], (-1, h, d, d))
        mean_k = tf.reshape(means[1], (-1, h, d, 1))
        mean_v = tf.reshape(means[2], (-1, h, 1, d))

        z = tf.matmul(query, mean_k)
        numerator = tf.matmul(query_rotated, mean_kv)
        inverse = tf.math.rsqrt(z + self.floor)
        attended = numerator * (inverse * inverse)
        result = attended + z * (attended - mean_v)
        result = tf.reshape(result, (-1, h, 2 * freq, d // 2))
        result = tf.reshape(tf.transpose(result, (0, 2, 1, 3)), (shape[0], -1, freq, channels))
        result.set_shape((None, x.shape[1], freq, channels))
        return self.project((result + position) * gate), [*next_position, *next_states]
