"""How a layer runs on whole recordings and frame by frame from one definition.

A causal layer that looks ``k - 1`` frames back takes those frames as a *state* and returns the
next one::

    extended = concat([state, x], axis=time)
    y = valid_convolution_over_time(extended)
    next_state = extended[:, -(k - 1):]

This holds for any number of frames in ``x``: a whole recording with the initial state in front is
the batch form, one frame with the previous state is the streaming form. There is no second code
path to keep equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras


@dataclass(frozen=True)
class StateSpec:
    """One state of a layer.

    Attributes:
        name: Path-like name, unique within a model.
        shape: ``(frames, freq, channels)``.
    """

    name: str
    shape: tuple[int, int, int]


class StreamingLayer(tf_keras.layers.Layer):
    """A layer with explicit state: ``call(x, states) -> (y, next_states)``."""

    def fold_norms(self) -> None:
        """Folds the norms that the converter cannot fold; for inference only."""

    def state_specs(self, freq: int) -> list[StateSpec]:
        """Returns the states for an input with ``freq`` bands, in the order ``call`` takes them."""
        raise NotImplementedError

    def initial_states(self, batch: tf.Tensor, freq: int) -> list[tf.Tensor]:
        """Returns the states before the first frame, each ``(batch, frames, freq, channels)``.

        Zeros unless a layer learned something better (see :class:`StreamingMALA`).
        """
        return [tf.zeros(tf.concat([[batch], spec.shape], 0)) for spec in self.state_specs(freq)]

    def initial_state_frames(self, freq: int) -> list[np.ndarray]:
        """Returns one frame of each initial state, ``(freq, channels)``; all frames are equal."""
        return [np.zeros(spec.shape[1:], np.float32) for spec in self.state_specs(freq)]


class FoldableNorm(tf_keras.layers.BatchNormalization):
    """BatchNorm in front of 1x1 convolutions that can be folded into them.

    The converter folds a norm that follows a convolution; one that precedes several convolutions
    it leaves as a multiplication and an addition. :meth:`fold_into` makes the convolutions do it
    and turns the norm into the identity, exactly.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(epsilon=1e-3, momentum=0.98, **kwargs)
        self.folded = False

    def fold_into(self, convolutions: list[tf_keras.layers.Conv2D]) -> None:
        """Moves scale and shift into 1x1 convolutions with bias that read this norm."""
        if self.folded:
            return
        scale = self.gamma.numpy() / np.sqrt(self.moving_variance.numpy() + self.epsilon)
        shift = self.beta.numpy() - self.moving_mean.numpy() * scale
        for convolution in convolutions:
            kernel = convolution.kernel.numpy()
            convolution.bias.assign_add(shift @ kernel[0, 0])
            convolution.kernel.assign(kernel * scale[:, None])
        self.folded = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return inputs if self.folded else super().call(inputs, training=training)


def build_scoped(layer: tf_keras.layers.Layer, input_shape: Any) -> None:
    """Builds a sublayer under its own name, so that every weight has a unique path."""
    with tf.name_scope(layer.name):
        layer.build(input_shape)


def extend(state: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts the past in front of ``x``.

    Args:
        state: Past frames ``(batch, past, freq, channels)``.
        x: New frames ``(batch, time, freq, channels)``.

    Returns:
        ``(extended, next_state)``, the latter with the last ``past`` frames of the former.
    """
    past = state.shape[1]
    extended = tf.concat([state, x], axis=1)
    return extended, extended[:, -past:]
