"""Fold per-channel multiplications and additions into the convolutions that follow them.

A normalisation at the entry of a branch becomes ``x * scale + shift`` after conversion, because
``x`` is also needed elsewhere. When everything that reads the result is a convolution without
padding, the scale moves into the weights and the shift into the biases.
"""

from __future__ import annotations

import numpy as np

from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.passes.linear import has_constants, reads_all_channels


def fold_affine(model: FlatModel) -> int:
    """Fold every possible constant MUL, ADD and SUB forward into convolutions.

    Args:
        model: Float model, changed in place.

    Returns:
        Number of operators removed.
    """
    removed = 0
    changed = True
    while changed:
        changed = False
        for op in reversed(model.ops):
            if _fold(model, op):
                removed += 1
                changed = True
                break
    return removed


def _fold(model: FlatModel, op: OpNode) -> bool:
    affine = _affine(op)
    if affine is None:
        return False
    source, scale, shift = affine
    result = op.outputs[0]
    consumers = model.consumers(result)
    if model.is_output(result) or not consumers:
        return False
    for consumer in consumers:
        if consumer.kind != "CONV_2D" or consumer.inputs[0] is not result:
            return False
        if not has_constants(consumer) or not reads_all_channels(consumer):
            return False
        if np.any(shift) and any(consumer.options["pads"]):
            return False
    for consumer in consumers:
        _absorb(consumer, scale, shift)
        consumer.inputs[0] = source
    model.remove_op(op)
    return True


def _affine(op: OpNode) -> tuple[TensorNode, np.ndarray, np.ndarray] | None:
    """(input, scale, shift) per channel if the operator is ``input * scale + shift``."""
    if op.kind not in ("MUL", "ADD", "SUB") or op.options["activation"] != "NONE":
        return None
    first, second = op.inputs
    if first is None or second is None:
        return None
    if op.kind != "SUB" and first.is_constant:
        first, second = second, first
    if first.is_constant or second.data is None or first.shape != op.outputs[0].shape:
        return None
    channels = first.shape[-1] if first.shape else 0
    values = np.ravel(second.data)
    if values.size == 1:
        values = np.repeat(values, channels)
    elif values.size != channels or second.shape[-1] != channels:
        return None
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    if op.kind == "MUL":
        return first, values, zeros
    return first, ones, values if op.kind == "ADD" else -values


def _absorb(conv: OpNode, scale: np.ndarray, shift: np.ndarray) -> None:
    weights, bias = conv.constant(1), conv.constant(2)
    offset = np.einsum("ohwi,i->o", weights.astype(np.float64), shift.astype(np.float64))
    conv.set_constant(1, weights * scale)
    conv.set_constant(2, bias + offset)
