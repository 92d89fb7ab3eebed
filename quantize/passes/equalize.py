"""Balance ranges across linear operators, exactly, before a scale must be shared.

Two places let a factor per channel in on one side and out on the other without changing the
network: a gate (``linear * other`` read by convolutions), and a convolution whose result only
feeds a depthwise convolution through its state. Scaling weights costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from quantize.calibration import Calibration
from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.passes.linear import CHANNEL_AXIS, has_constants, per_channel, reads_all_channels

_STRENGTH = 0.5
_LARGEST_FACTOR = 8.0


def equalize(model: FlatModel, survey: Calibration, held_states: Collection[str] = ()) -> int:
    """Balance every place that allows it.

    Args:
        model: Float model read from the surveyed flatbuffer, changed in place.
        survey: Statistics of its tensors.
        held_states: States with an initial value, which must keep their meaning.

    Returns:
        Number of places balanced.
    """
    places = 0
    for op in model.ops:
        if op.kind == "MUL":
            places += _gate(model, op, survey)
        elif op.kind == "CONCATENATION":
            places += _state(model, op, survey, held_states)
    return places


def _factors(levels: np.ndarray) -> np.ndarray:
    """Factors that bring uneven channel levels closer together."""
    safe = np.maximum(levels, 1e-6 * max(float(levels.max()), 1e-30))
    center = np.exp(np.mean(np.log(safe)))
    return np.clip((center / safe) ** _STRENGTH, 1.0 / _LARGEST_FACTOR, _LARGEST_FACTOR)


def _gate(model: FlatModel, op: OpNode, survey: Calibration) -> bool:
    """``mul = linear * other``: scale the linear operand's channels, undo in the readers."""
    result = op.outputs[0]
    if not _read_by_convolutions(model, result):
        return False
    if op.operand(0) is op.operand(1) or op.options["activation"] not in ("NONE", "RELU"):
        return False  # a factor would come out as its square, or not at all
    for operand in op.inputs:
        if operand is None or operand.shape != result.shape:
            continue
        scale = _scaler(model, operand, op)
        if scale is not None:
            factors = _factors(survey[result.key].channel_levels)
            scale(factors)
            _undo_in_convolutions(model, result, factors)
            return True
    return False


def _state(model: FlatModel, op: OpNode, survey: Calibration, held_states: Collection[str]) -> bool:
    """``depthwise(concat(state, conv))``: scale the convolution, undo in the depthwise one."""
    state, fresh = op.operand(0), op.operand(1)
    names = [name for name, tensor in model.inputs.items() if tensor is state]
    if len(op.inputs) != 2 or not names or names[0] in held_states:
        return False
    if model.consumers(state) != [op]:
        return False
    depthwise: list[OpNode] = []
    pending = model.consumers(op.outputs[0])
    while pending:
        reader = pending.pop()
        if reader.kind == "PAD":
            pending.extend(model.consumers(reader.outputs[0]))
        elif reader.kind == "DEPTHWISE_CONV_2D" and has_constants(reader):
            depthwise.append(reader)
        elif reader.kind != "STRIDED_SLICE" or not model.is_output(reader.outputs[0]):
            return False
    scale = _scaler(model, fresh, op)
    if scale is None or not depthwise:
        return False
    producer = model.producer(fresh)
    if producer is None or producer.kind not in CHANNEL_AXIS:
        return False
    factors = _factors(survey[fresh.key].channel_levels)
    scale(factors)
    for reader in depthwise:
        weights = reader.constant(1)
        multiplier = weights.shape[3] // len(factors)
        reader.set_constant(1, weights / np.repeat(factors, multiplier))
    return True


def _scaler(
    model: FlatModel, tensor: TensorNode, reader: OpNode
) -> Callable[[np.ndarray], None] | None:
    """A function that scales a tensor's channels in the weights that make it.

    None when the tensor has other readers or is not made by a linear operator, directly or
    through a split of channels.
    """
    if model.is_output(tensor) or model.consumers(tensor) != [reader]:
        return None
    producer = model.producer(tensor)
    if producer is None:
        return None
    if producer.kind in CHANNEL_AXIS:
        if producer.options["activation"] != "NONE" or not has_constants(producer):
            return None
        linear = producer

        def scale_linear(factors: np.ndarray) -> None:
            linear.set_constant(1, linear.constant(1) * per_channel(linear, factors))
            linear.set_constant(2, linear.constant(2) * factors)

        return scale_linear
    if producer.kind in ("SPLIT", "SPLIT_V"):
        source = producer.operand(1 if producer.kind == "SPLIT" else 0)
        inner = _scaler(model, source, producer)
        if inner is None or producer.options["axis"] != len(source.shape) - 1:
            return None
        part = next(i for i, output in enumerate(producer.outputs) if output is tensor)
        start = sum(producer.options["sizes"][:part])
        scale_whole = inner

        def scale_part(factors: np.ndarray) -> None:
            whole = np.ones(source.shape[-1])
            whole[start : start + len(factors)] = factors
            scale_whole(whole)

        return scale_part
    return None


def _read_by_convolutions(model: FlatModel, tensor: TensorNode) -> bool:
    readers = model.consumers(tensor)
    return (
        bool(readers)
        and not model.is_output(tensor)
        and all(
            op.kind == "CONV_2D"
            and op.inputs[0] is tensor
            and has_constants(op)
            and reads_all_channels(op)
            for op in readers
        )
    )


def _undo_in_convolutions(model: FlatModel, tensor: TensorNode, factors: np.ndarray) -> None:
    for reader in model.consumers(tensor):
        reader.set_constant(1, reader.constant(1) / factors)
