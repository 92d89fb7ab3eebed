"""What nodes compute, on arrays of int64: the interpreter's arithmetic with a node's constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch

import numpy as np

from firmware_gen.backends.aot import tables
from firmware_gen.backends.aot.multipliers import (
    RANGES,
    left_shift,
    reduced_mantissa,
    square_shift,
)
from firmware_gen.backends.aot.nodes import (
    Binary,
    Convolution,
    MatMul,
    Mean,
    Multiplier,
    Node,
    Prelu,
    Program,
    Requantize,
    Reshape,
    Table,
    Value,
    WideLogistic,
)


def node_results(
    program: Program, given: Callable[[int], np.ndarray | None]
) -> dict[int, np.ndarray]:
    """Results of all nodes.

    Args:
        program: A program as it is lowered.
        given: Values to compute with in place of a node's result, by index; None where there are
            none.

    Returns:
        int64 arrays by index of the value.
    """
    results: dict[int, np.ndarray] = {}
    for node in program.nodes:
        operands, values = [], []
        for index in node.inputs:
            value = program.values[index]
            data = value.data if value.data is not None else given(index)
            operands.append((results[index] if data is None else data).astype(np.int64))
            values.append(value)
        y = program.values[node.outputs[0]]
        results[y.index] = _compute(node, operands, values, y)
    return results


def scaled(values: np.ndarray, factor: Multiplier) -> np.ndarray:
    """32-bit values times a factor: rounded at bit 31, half up, then half away from zero."""
    mantissa, shift = factor
    left, right = max(shift, 0), max(-shift, 0)
    wide = ((values << left) + (1 << 31)) % (1 << 32) - (1 << 31)
    high = (wide * mantissa + (1 << 30)) >> 31
    return (high + (1 << right >> 1) - ((high < 0) & (right > 0))) >> right


def scaled_sums(values: np.ndarray, factor: Multiplier) -> np.ndarray:
    """64-bit values times a factor with a 16-bit mantissa, rounded once."""
    total = 15 - factor[1]
    return (values * reduced_mantissa(factor[0]) + (1 << (total - 1))) >> total


def _scaled_to(values: np.ndarray, factor: Multiplier, y: Value) -> np.ndarray:
    """Sums of products in the type of a result."""
    sums = scaled_sums(values, factor) if y.dtype == "int16" else scaled(values, factor)
    return np.clip(sums + y.zero_point, *RANGES[y.dtype])


@singledispatch
def _compute(node: Node, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    raise NotImplementedError(node.label)


@_compute.register
def _(node: Reshape, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    return x[0].reshape(y.shape)


@_compute.register
def _(node: Table, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    return np.array(node.table, np.int64)[x[0] + 128]


@_compute.register
def _(node: Requantize, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    moved = scaled(x[0] - values[0].zero_point, node.out) + y.zero_point
    return np.clip(moved, *RANGES[y.dtype])


@_compute.register
def _(node: Binary, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    a, b = (operand - value.zero_point for operand, value in zip(x, values, strict=True))
    if node.kind == "mul":
        total = a * b
    elif node.kind == "squared_difference":
        shift = square_shift(y)
        total = (scaled(a << shift, node.a) - scaled(b << shift, node.b)) ** 2
    else:
        sign, shift = {"add": 1, "sub": -1}[node.kind], left_shift(y)
        total = scaled(a << shift, node.a) + sign * scaled(b << shift, node.b)
    return np.clip(scaled(total, node.out) + y.zero_point, node.low, node.high)


@_compute.register
def _(node: Prelu, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    a, slope = (operand - value.zero_point for operand, value in zip(x, values, strict=True))
    positive, negative = scaled(a, node.positive), scaled(a * slope, node.negative)
    return np.clip(np.where(a >= 0, positive, negative) + y.zero_point, *RANGES[y.dtype])


@_compute.register
def _(node: WideLogistic, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    steps = (x[0] * node.factor + (1 << node.shift >> 1)) >> node.shift
    table = np.array(tables.wide_sigmoid(), np.int64)
    place, rest = np.abs(steps) >> 9, np.abs(steps) & 511
    low, high = table[np.minimum(place, 254)], table[np.minimum(place, 254) + 1]
    fine = np.where(place < 255, (low << 9) + rest * (high - low), 0x7FFF << 10)
    return (np.where(steps >= 0, fine + 512, (1 << 25) - fine + 511)) >> 10


@_compute.register
def _(node: MatMul, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    a, b = (operand - value.zero_point for operand, value in zip(x, values, strict=True))
    a = np.swapaxes(a, -1, -2) if node.transpose_a else a
    b = np.swapaxes(b, -1, -2) if node.transpose_b else b
    return _scaled_to(a @ b, node.out, y)


@_compute.register
def _(node: Mean, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    sums = (x[0] - values[0].zero_point).sum(axis=node.axes)
    return np.clip(scaled(sums, node.out) + y.zero_point, *RANGES[y.dtype]).reshape(y.shape)


@_compute.register
def _(node: Convolution, x: Sequence[np.ndarray], values: Sequence[Value], y: Value) -> np.ndarray:
    """Without borders, strides and dilations."""
    windows = np.lib.stride_tricks.sliding_window_view(
        x[0] - values[0].zero_point, node.kernel, axis=(1, 2)
    )
    form = "nhwcij,ijc->nhwc" if node.depthwise else "nhwcij,oijc->nhwo"
    sums = np.einsum(form, windows.astype(float), node.weights.astype(float), optimize=True)
    sums = sums.astype(np.int64) + np.array(node.bias)
    channels = [
        _scaled_to(sums[..., channel], factor, y) for channel, factor in enumerate(node.multipliers)
    ]
    return np.clip(np.stack(channels, -1), node.low, node.high)
