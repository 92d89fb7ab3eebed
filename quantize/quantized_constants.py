"""Integer forms of constants: weights, biases and constant operands."""

from __future__ import annotations

import numpy as np

from quantize.errors import QuantizeError
from quantize.flatmodel import OpNode, TensorNode
from quantize.ranges import weight_scales

_BIAS_LIMIT = 2**30


def quantize_weights(op: OpNode, position: int, axis: int, *, search: bool) -> TensorNode:
    """Symmetric int8 weights with one scale per output channel.

    Args:
        op: Convolution or fully connected operator with float weights.
        position: Operand position of the weights.
        axis: Output channel axis.
        search: Search the scale with the least squared error.

    Returns:
        The int8 tensor (not yet attached); its ``scales`` are per channel.
    """
    values = op.constant(position)
    scales = weight_scales(values, axis, search=search)
    return _weights_with_scales(op, position, axis, scales)


def _weights_with_scales(op: OpNode, position: int, axis: int, scales: np.ndarray) -> TensorNode:
    values = op.constant(position)
    shape = [1] * values.ndim
    shape[axis] = -1
    levels = np.round(values.astype(np.float64) / scales.astype(np.float64).reshape(shape))
    return TensorNode(
        name=op.operand(position).name,
        shape=tuple(values.shape),
        dtype="int8",
        data=np.clip(levels, -127, 127).astype(np.int8),
        scales=tuple(float(scale) for scale in scales),
        zero_points=(0,) * len(scales),
        axis=axis,
    )


def corrected_bias(
    op: OpNode, weights: TensorNode, position: int, bias_position: int, input_means: np.ndarray
) -> np.ndarray:
    """The bias that gives an output channel the mean that the float weights would give it.

    The errors of rounded weights are constants: over inputs whose mean is not zero they add up to
    an offset of the output channel. Padding is not told apart from values.

    Args:
        op: Operator with float weights and bias.
        weights: Its quantized weights.
        position: Operand position of the weights.
        bias_position: Operand position of the bias.
        input_means: Mean of every input channel.

    Returns:
        The float bias, one value per output channel.
    """
    exact = op.constant(position)
    shape = [-1 if axis == weights.axis else 1 for axis in range(exact.ndim)]
    errors = np.asarray(weights.data, np.float64) * np.array(weights.scales).reshape(shape) - exact
    if op.kind == "DEPTHWISE_CONV_2D":
        multiplier = exact.shape[3] // len(input_means)
        offsets = errors.sum(axis=(0, 1, 2)) * np.repeat(input_means, multiplier)
    else:
        offsets = errors.sum(axis=tuple(range(1, exact.ndim - 1))) @ input_means
    return np.asarray(op.constant(bias_position) - offsets)


def quantize_bias(
    op: OpNode,
    weights: TensorNode,
    weights_position: int,
    bias_position: int,
    input_scale: float,
    dtype: str = "int32",
) -> TensorNode:
    """Attach the bias; its scale is input scale times weight scale per channel.

    A channel whose weights are so small that its bias would overflow gets a larger weight scale.

    Args:
        op: Operator with a float bias, changed in place.
        weights: Quantized weights.
        weights_position: Operand position of the weights.
        bias_position: Operand position of the bias.
        input_scale: Scale of the operator's input.
        dtype: ``int32``, or ``int64`` where the operator's input is int16.

    Returns:
        The weights to attach, with new scales where the bias demanded it.
    """
    bias = op.constant(bias_position).astype(np.float64)
    scales = np.array(weights.scales, np.float32)
    needed = (np.abs(bias) / (_BIAS_LIMIT * input_scale)).astype(np.float32)
    if dtype == "int32" and np.any(needed > scales):
        scales = np.maximum(scales, needed)
        weights = _weights_with_scales(op, weights_position, weights.axis, scales)
    bias_scales = np.float32(input_scale) * scales
    op.inputs[bias_position] = TensorNode(
        name=op.operand(bias_position).name,
        shape=(len(bias),),
        dtype=dtype,
        data=np.round(bias / bias_scales.astype(np.float64)).astype(dtype),
        scales=tuple(float(scale) for scale in bias_scales),
        zero_points=(0,) * len(bias),
        axis=0,
    )
    return weights


def quantize_operand_constant(
    tensor: TensorNode, dtype: str, op_name: str, zero_scale: float = 1.0
) -> TensorNode:
    """Symmetric integer form of a constant operand of an element-wise operator.

    A scalar is represented exactly (up to float32): it becomes the largest integer.

    Args:
        tensor: Float constant.
        dtype: ``"int8"`` or ``"int16"``.
        op_name: Operator, for messages.
        zero_scale: Scale of a constant that is all zeros; sums stop where an operand's scale
            dwarfs the result's.

    Returns:
        The integer constant.

    Raises:
        QuantizeError: A value is not finite.
    """
    values = tensor.data
    if values is None or not np.all(np.isfinite(values)):
        raise QuantizeError(f"constant '{tensor.name}' of {op_name} is not finite")
    limit = 127 if dtype == "int8" else 32767
    peak = float(np.max(np.abs(values))) if values.size else 0.0
    scale = np.float32(peak / limit if peak > 0 else zero_scale)
    levels = np.clip(np.round(values.astype(np.float64) / float(scale)), -limit, limit)
    return TensorNode(
        name=tensor.name,
        shape=tensor.shape,
        dtype=dtype,
        data=levels.astype(dtype),
        scales=(float(scale),),
        zero_points=(0,),
    )
