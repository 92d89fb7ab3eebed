"""Losses of the published recipe, on spectra ``(batch, frames, bands)``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

_TURN = 2.0 * math.pi


@dataclass(frozen=True)
class PolarSpectrum:
    """A spectrum as the network sees it.

    Attributes:
        magnitude: Compressed magnitude ``(batch, frames, bands)``.
        phase: Phase in radians ``(batch, frames, bands)``.
    """

    magnitude: tf.Tensor
    phase: tf.Tensor

    @property
    def parts(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Real and imaginary part of the compressed spectrum."""
        return self.magnitude * tf.cos(self.phase), self.magnitude * tf.sin(self.phase)


def anti_wrapped(angle: tf.Tensor) -> tf.Tensor:
    """Distance of angles from the nearest whole turn, 0 ... pi."""
    return tf.abs(angle - _TURN * tf.round(angle / _TURN))


def phase_loss(enhanced: tf.Tensor, clean: tf.Tensor) -> tf.Tensor:
    """Anti-wrapped error of instantaneous phase, group delay and angular frequency.

    Group delay is the difference of neighbouring bands, angular frequency that of neighbouring
    frames; the first band and frame count as they are, as in the published code.

    Args:
        enhanced: Phase ``(batch, frames, bands)``.
        clean: As ``enhanced``.
    """

    def differences(phase: tf.Tensor, axis: int) -> tf.Tensor:
        padding = [[0, 0], [0, 0], [0, 0]]
        padding[axis] = [1, 0]
        begin = [0, 0, 0]
        size = [-1, -1, -1]
        size[axis] = tf.shape(phase)[axis]
        return phase - tf.slice(tf.pad(phase, padding), begin, size)

    loss = tf.reduce_mean(anti_wrapped(clean - enhanced))
    for axis in (2, 1):
        error = differences(clean, axis) - differences(enhanced, axis)
        loss += tf.reduce_mean(anti_wrapped(error))
    return loss


def magnitude_loss(enhanced: tf.Tensor, clean: tf.Tensor) -> tf.Tensor:
    """Mean squared error of compressed magnitudes."""
    return tf.reduce_mean(tf.square(clean - enhanced))


def complex_loss(enhanced: PolarSpectrum, clean: PolarSpectrum) -> tf.Tensor:
    """Mean squared error of real and imaginary part of compressed spectra, added."""
    errors = [
        tf.reduce_mean(tf.square(a - b)) for a, b in zip(enhanced.parts, clean.parts, strict=True)
    ]
    return errors[0] + errors[1]


def time_loss(enhanced: tf.Tensor, clean: tf.Tensor) -> tf.Tensor:
    """Mean absolute error of waves ``(batch, samples)``."""
    return tf.reduce_mean(tf.abs(clean - enhanced))
