"""Common base of the offline layers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras


class OfflineLayer(tf_keras.layers.Layer):
    """A layer whose sub-layers are built when it is built.

    Sub-classes say in :meth:`parts` which sub-layers they own and what each one's input is, so
    that every variable exists (and has a stable path) as soon as the outer layer is built.
    """

    def parts(self, input_shape: tf.TensorShape) -> list[tuple[tf_keras.layers.Layer, Any]]:
        """Returns the sub-layers with their input shapes.

        Args:
            input_shape: Shape of this layer's input, ``(batch, time, freq, channels)``.
        """
        del input_shape
        return []

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape)
        for part, part_shape in self.parts(shape):
            if not part.built:
                with tf.name_scope(part.name):
                    part.build(part_shape)
                part.built = True
        super().build(input_shape)


def with_channels(shape: tf.TensorShape, channels: int) -> tf.TensorShape:
    """Returns ``shape`` with another number of channels."""
    return tf.TensorShape([*shape.as_list()[:-1], channels])


def known_or_dynamic(x: tf.Tensor, axis: int) -> int | tf.Tensor:
    """Returns a dimension as a number where the graph knows it, else as a tensor."""
    size = x.shape[axis]
    return tf.shape(x)[axis] if size is None else int(size)
