"""Rotary position embedding over time and frequency, as separable constant tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_imse.rotary import angles, pair_rotation


@dataclass(frozen=True)
class RotaryTables:
    """Factors of the embedding, broadcast against ``(batch, time, freq, channels)``.

    A channel rotates by time or by frequency, never by both: the cosine tables hold one in the
    channels of the other kind, the sine tables zero.

    Attributes:
        cos_time: ``(1, time, 1, channels)``.
        sin_time: ``(1, time, 1, channels)``.
        cos_freq: ``(1, 1, freq, channels)``.
        sin_freq: ``(1, 1, freq, channels)``.
    """

    cos_time: tf.Tensor
    sin_time: tf.Tensor
    cos_freq: tf.Tensor
    sin_freq: tf.Tensor


def rotary_tables(
    frames: int | tf.Tensor, bands: int, channels: int, head_size: int
) -> RotaryTables:
    """Computes the tables.

    Args:
        frames: Frames; a tensor when the graph does not know them.
        bands: Bands.
        channels: Channels of all heads.
        head_size: Channels per head.

    Returns:
        Constants where ``frames`` is a number.
    """
    heads = channels // head_size
    angle, zero = angles(head_size), np.zeros(head_size // 2, np.float32)
    by_time = np.tile(np.concatenate([angle, zero]), heads)
    by_freq = np.tile(np.concatenate([zero, angle]), heads)
    freq = np.arange(bands, dtype=np.float32)[None, None, :, None] * by_freq
    cos_freq, sin_freq = tf.constant(np.cos(freq)), tf.constant(np.sin(freq))
    if isinstance(frames, int):
        time = np.arange(frames, dtype=np.float32)[None, :, None, None] * by_time
        return RotaryTables(
            tf.constant(np.cos(time)), tf.constant(np.sin(time)), cos_freq, sin_freq
        )
    time = tf.cast(tf.range(frames), tf.float32)[None, :, None, None] * by_time
    return RotaryTables(tf.cos(time), tf.sin(time), cos_freq, sin_freq)


def rotate(x: tf.Tensor, tables: RotaryTables) -> tf.Tensor:
    """Rotates each pair of channels of ``x`` ``(batch, time, freq, channels)``.

    The swap of a pair is a 1x1 convolution with a constant signed permutation.
    """
    channels = int(x.shape[-1])
    swap = tf.constant(pair_rotation(channels)[None, None])
    swapped = tf.nn.conv2d(x, swap, 1, "VALID")
    straight = x * tables.cos_time * tables.cos_freq
    return straight + (swapped * tables.sin_time + swapped * tables.sin_freq)
