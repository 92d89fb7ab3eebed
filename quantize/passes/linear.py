"""Convolutions whose weights and biases a pass may change channel by channel."""

from __future__ import annotations

import numpy as np

from quantize.flatmodel import OpNode

#: Kinds of such convolutions, and the axis of the weights that the results' channels are on.
CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}


def has_constants(op: OpNode) -> bool:
    """Whether a convolution has weights and a bias, and these are constant."""
    return len(op.inputs) == 3 and all(
        tensor is not None and tensor.is_constant for tensor in op.inputs[1:]
    )


def reads_all_channels(op: OpNode) -> bool:
    """Whether every result of a CONV_2D is of all channels of its input, not of a group of them."""
    return op.constant(1).shape[3] == op.operand(0).shape[3]


def per_channel(op: OpNode, factors: np.ndarray) -> np.ndarray:
    """Factors of the channels of a convolution's results, in a shape to multiply its weights by."""
    shape = [1] * 4
    shape[CHANNEL_AXIS[op.kind]] = -1
    return factors.reshape(shape)
