"""Resolve the options of flatbuffer operators into plain dictionaries.

Keys by operator kind (all others carry their scalar options in snake_case):

* CONV_2D: ``padding`` ("SAME" or "VALID"), ``pads`` [top, bottom, left, right], ``strides`` [h, w],
  ``dilations`` [h, w], ``activation``.
* DEPTHWISE_CONV_2D: as CONV_2D plus ``depth_multiplier``.
* AVERAGE_POOL_2D, MAX_POOL_2D: ``padding``, ``pads``, ``strides``, ``filter`` [h, w],
  ``activation``.
* FULLY_CONNECTED: ``activation``, ``keep_num_dims``, ``weights_format``.
* ADD, SUB, MUL, DIV: ``activation``.
* CONCATENATION: ``axis`` (not negative), ``activation``.
* SPLIT, SPLIT_V: ``axis`` (not negative), ``sizes`` of the parts.
* STRIDED_SLICE: ``begin``, ``end``, ``strides`` with masks and negative values resolved to
  per-axis bounds; the raw masks as ``*_mask``.
* SLICE: ``begin``, ``size`` (no negative size).
* RESHAPE: ``new_shape``; TRANSPOSE: ``perm``; PAD, PADV2: ``paddings`` [[before, after], …].
* MEAN, SUM, REDUCE_MAX: ``axes`` (not negative, sorted), ``keep_dims``.
* BATCH_MATMUL: ``adj_x``, ``adj_y``.

``activation`` is "NONE", "RELU", "RELU6", "RELU_N1_TO_1", "TANH" or "SIGN_BIT".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from quantize.errors import ModelFileError

Options = dict[str, Any]
Reader = Callable[[Any, Sequence[Any], Sequence[Any]], Options]


def enum_names(enum: type) -> dict[int, str]:
    """Names of a flatbuffer enumeration by value."""
    return {
        value: name
        for name, value in vars(enum).items()
        if not name.startswith("_") and isinstance(value, int)
    }


_ACTIVATIONS = enum_names(schema.ActivationFunctionType)
_PADDINGS = enum_names(schema.Padding)


def plain_options(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    """Scalar options of an operator without a reader of its own, keys in snake_case."""
    del operands, results
    if options is None:
        return {}
    resolved: Options = {}
    for name, value in sorted(vars(options).items()):
        key = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        if name == "fusedActivationFunction":
            resolved["activation"] = _ACTIVATIONS[value]
        elif isinstance(value, bool | int | float | str):
            resolved[key] = value
    return resolved


def same_pads(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Rows (or columns) that SAME padding adds before and after.

    Args:
        size: Input size.
        kernel: Kernel size.
        stride: Stride.
        dilation: Dilation.

    Returns:
        (before, after); the odd one comes after.
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _activation(options: Any) -> str:
    return _ACTIVATIONS[options.fusedActivationFunction] if options is not None else "NONE"


def _window(
    options: Any, shape: Sequence[int], kernel: Sequence[int], dilations: Sequence[int]
) -> Options:
    padding = _PADDINGS[options.padding]
    strides = [int(options.strideH), int(options.strideW)]
    pads = [0, 0, 0, 0]
    if padding == "SAME":
        pads[0:2] = same_pads(shape[1], kernel[0], strides[0], dilations[0])
        pads[2:4] = same_pads(shape[2], kernel[1], strides[1], dilations[1])
    return {
        "padding": padding,
        "pads": pads,
        "strides": strides,
        "activation": _activation(options),
    }


def _conv(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    dilations = [int(options.dilationHFactor), int(options.dilationWFactor)]
    window = _window(options, operands[0].shape, operands[1].shape[1:3], dilations)
    return {**window, "dilations": dilations}


def _depthwise(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    multiplier = operands[1].shape[3] // operands[0].shape[3]
    return {**_conv(options, operands, results), "depth_multiplier": multiplier}


def _pool(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    kernel = [int(options.filterHeight), int(options.filterWidth)]
    return {**_window(options, operands[0].shape, kernel, [1, 1]), "filter": kernel}


def _fully_connected(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    return {
        "activation": _activation(options),
        "keep_num_dims": bool(options.keepNumDims),
        "weights_format": int(options.weightsFormat),
    }


def _binary(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    return {"activation": _activation(options)}


def _concatenation(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    axis = _positive_axis(int(options.axis), len(results[0].shape))
    return {"axis": axis, "activation": _activation(options)}


def _split(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    axis = _positive_axis(int(_constant(operands[0], "split axis")[0]), len(operands[1].shape))
    return {"axis": axis, "sizes": [int(result.shape[axis]) for result in results]}


def _split_v(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    axis = _positive_axis(int(_constant(operands[2], "split axis")[0]), len(operands[0].shape))
    return {"axis": axis, "sizes": [int(result.shape[axis]) for result in results]}


def _strided_slice(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    shape = operands[0].shape
    begin = _constant(operands[1], "slice begin")
    end = _constant(operands[2], "slice end")
    strides = _constant(operands[3], "slice strides")
    if options.ellipsisMask or options.newAxisMask:
        raise ModelFileError(
            f"STRIDED_SLICE of '{operands[0].name}' uses an ellipsis or new axis, "
            "expected plain slices"
        )
    starts, stops, shrink = [], [], int(options.shrinkAxisMask)
    for axis, step in enumerate(strides):
        bit = 1 << axis
        first = None if options.beginMask & bit else begin[axis]
        last = None if options.endMask & bit else end[axis]
        if shrink & bit:
            position = begin[axis] + (shape[axis] if begin[axis] < 0 else 0)
            start, stop = position, position + 1
        else:
            start, stop, _ = slice(first, last, step).indices(shape[axis])
        starts.append(int(start))
        stops.append(int(stop))
    for axis in range(len(strides), len(shape)):
        starts.append(0)
        stops.append(int(shape[axis]))
    return {
        "begin": starts,
        "end": stops,
        "strides": strides + [1] * (len(shape) - len(strides)),
        "begin_mask": int(options.beginMask),
        "end_mask": int(options.endMask),
        "shrink_axis_mask": shrink,
    }


def _slice(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    begin = _constant(operands[1], "slice begin")
    return {"begin": begin, "size": [int(size) for size in results[0].shape]}


def _reshape(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    return {"new_shape": [int(size) for size in results[0].shape]}


def _transpose(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    return {"perm": _constant(operands[1], "permutation")}


def _pad(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    flat = _constant(operands[1], "paddings")
    return {"paddings": [flat[i : i + 2] for i in range(0, len(flat), 2)]}


def _reduce(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    rank = len(operands[0].shape)
    axes = sorted(_positive_axis(axis, rank) for axis in _constant(operands[1], "axes"))
    return {"axes": axes, "keep_dims": bool(options.keepDims)}


def _batch_matmul(options: Any, operands: Sequence[Any], results: Sequence[Any]) -> Options:
    return {"adj_x": bool(options.adjX), "adj_y": bool(options.adjY)}


def _constant(operand: Any, what: str) -> list[int]:
    if operand is None or operand.data is None:
        raise ModelFileError(f"the {what} of an operator is not constant, expected a constant")
    return [int(value) for value in np.ravel(operand.data)]


def _positive_axis(axis: int, rank: int) -> int:
    return axis + rank if axis < 0 else axis


OPTION_READERS: Mapping[str, Reader] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "FULLY_CONNECTED": _fully_connected,
    "ADD": _binary,
    "SUB": _binary,
    "MUL": _binary,
    "DIV": _binary,
    "CONCATENATION": _concatenation,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
    "PAD": _pad,
    "PADV2": _pad,
    "MEAN": _reduce,
    "SUM": _reduce,
    "REDUCE_MAX": _reduce,
    "BATCH_MATMUL": _batch_matmul,
}
