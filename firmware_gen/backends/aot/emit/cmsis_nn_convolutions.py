"""Convolutions and fully connected layers that Arm's CMSIS-NN computes.

Borders are in memory already. A fully connected layer arrives as a convolution of rows; see
:func:`dense_layer` for which of Arm's functions computes it.
"""

from __future__ import annotations

import numpy as np

from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit.addresses import SUFFIX
from firmware_gen.backends.aot.emit.cmsis_nn_memory import Scratch, checked_kernel, dims, rotates
from firmware_gen.backends.aot.emit.mve import MveEmitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.multipliers import reduced_mantissa
from firmware_gen.backends.aot.nodes import Convolution, Multiplier, Program, Value
from firmware_gen.backends.aot.source import struct

_CHANNEL_BLOCK = 124  # channels that Arm's Helium depthwise convolution buffers at a time
_MAX_IMAGE = 1 << 16  # Arm's sizes of images are 16-bit
_LONG_SUM = 512  # products of int16 values that Arm sums in 32 bits
_PER_CHANNEL = "arm_fully_connected_per_channel_s8"  # CMSIS-NN 7, which also takes groups, has it
# Up to these Arm's fully connected layers take fewer instructions than its 1x1 convolution.
_ROWS = 3
_ROWS_WITH_HELIUM = 1
_DEPTH_WITH_HELIUM = 64


def computes(library: CmsisNn, program: Program, node: Convolution) -> bool:
    """Whether CMSIS-NN computes a convolution, with the interpreter's results."""
    x, y = program.values[node.inputs[0]], program.values[node.outputs[0]]
    if x.shape[0] != 1 or node.tables or max(*x.shape[1:], *y.shape[1:]) >= _MAX_IMAGE:
        return False
    kind = "depthwise_conv" if node.depthwise else "convolve"
    name = f"arm_{kind}_wrapper_{SUFFIX[x.dtype]}"
    if not library.has(name, f"{name}_get_buffer_size"):
        return False
    grouped = not node.depthwise and node.weights.shape[-1] != x.shape[3]
    if grouped and (x.dtype != "int8" or not library.has(_PER_CHANNEL)):
        return False
    return x.dtype == "int8" or _computes_wide(library, node, name)


def _computes_wide(library: CmsisNn, node: Convolution, name: str) -> bool:
    """Whether Arm's sums of int16 values neither wrap nor have products too many."""
    sizes = np.abs(node.weights.astype(np.int64))
    if node.depthwise:
        sizes = sizes.sum(axis=(0, 1))
    else:
        # Before CMSIS-NN 6 the bias is of another type.
        if not library.mentions(name, "cmsis_nn_bias_data"):
            return False
        sizes = sizes.sum(axis=(1, 2, 3))
        products = node.weights[0].size
        # For the last one of an odd number of channels Arm's then reads on behind the weights.
        if node.weights.shape[0] % 2 and products > _LONG_SUM and products % 4:
            return False
    return all(
        (size << 15) < 1 << 31 and wide_sum_fits(abs(bias) + (size << 15), multiplier)
        for size, bias, multiplier in zip(sizes.tolist(), node.bias, node.multipliers, strict=True)
    )


def wide_sum_fits(largest: int, multiplier: Multiplier) -> bool:
    """Whether Arm's rounding of 64-bit sums, whose last step has 32 bits, is the interpreter's."""
    mantissa, shift = multiplier
    product, places = largest * reduced_mantissa(mantissa), 14 - shift
    return 0 <= places < 63 and product < 1 << 63 and (product >> places) + 1 < 1 << 31


def convolution(library: CmsisNn, emitter: Emitter, node: Convolution) -> list[str] | None:
    """A convolution, or None where Arm has no function for it."""
    x = emitter.value(node.inputs[0])
    wide_ring = x.dtype != "int8" and rotates(emitter.place(x.index))
    if node.outputs[0] in emitter.windows or wide_ring:
        return None
    if not computes(library, emitter.program, node):
        return None
    kernel = dense_layer(library, emitter, node)
    return _fully_connected(emitter, node, kernel) if kernel else _convolution(emitter, node)


def dense_layer(library: CmsisNn, emitter: Emitter, node: Convolution) -> str:
    """Kernel that computes a convolution as a fully connected layer; empty where none is better.

    Arm's functions for fully connected layers take one row at a time, its 1x1 convolution several;
    docs/performance.md has the instructions of both. With Helium the former read sums of the
    weights that the caller makes; they mean what is written here since CMSIS-NN 7, which has the
    function per channel.
    """
    x, depth = emitter.value(node.inputs[0]), node.weights.shape[-1]
    rows = x.shape[1] * x.shape[2]
    plain = x.dtype == "int8" and not node.depthwise and depth == x.shape[3]
    if not plain or node.kernel != (1, 1) or node.strides != (1, 1):
        return ""
    if isinstance(emitter, MveEmitter):
        better = rows <= _ROWS_WITH_HELIUM and depth <= _DEPTH_WITH_HELIUM
        if not better or not library.has(_PER_CHANNEL):
            return ""
    elif rows > _ROWS:
        return ""
    if len(set(node.multipliers)) == 1 and library.has("arm_fully_connected_s8"):
        return "imse_fully_connected_s8_cmsis"
    return "imse_fully_connected_channels_s8_cmsis" if library.has(_PER_CHANNEL) else ""


def _convolution(emitter: Emitter, node: Convolution) -> list[str]:
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    scratch = Scratch(emitter)
    copy_in, source = scratch.image(x.index)
    target, copy_out = scratch.output(y.index)
    (rows, columns), (channels,) = node.kernel, y.shape[3:]
    tile = [f"{{{a}, {b}}}" for b, a in (node.strides, (0, 0), node.dilations)]
    helium, suffix = isinstance(emitter, MveEmitter), SUFFIX[x.dtype]
    if node.depthwise:
        kind, filters = "dwconv", (1, rows, columns, channels)
        size = _depthwise_bytes(node, x, channels, helium=helium)
        multiple = f"{channels // x.shape[3]}, "
    else:
        kind, filters = "conv", (channels, rows, columns, node.weights.shape[-1])
        size = _dense_bytes(rows * columns * x.shape[3], x, helium=helium)
        multiple = ""
    weights = np.ascontiguousarray(node.weights, np.int8).ravel()
    bias = np.array(node.bias, np.int64 if x.dtype == "int16" else np.int32)
    mantissas, shifts = np.array(node.multipliers, np.int32).T
    if node.depthwise and x.dtype == "int16" and helium:
        # Arm's Helium function takes the channels of all these by fours.
        weights, bias, mantissas, shifts = (
            np.pad(values, (0, -channels % 4)) for values in (weights, bias, mantissas, shifts)
        )
    name = f"{emitter.index:03d}"
    lines = struct(
        f"imse_{kind}_cmsis_t",
        {
            "conv": f"{{{-x.zero_point}, {y.zero_point}, {multiple}{', '.join(tile)}, "
            f"{{{node.low}, {node.high}}}}}",
            "input": dims(x.shape),
            "filter": dims(filters),
            "output": dims(y.shape),
            "weights": emitter.source.constant(f"weights_{name}", weights),
            "bias": emitter.source.constant(f"bias_{name}", bias),
            "multiplier": emitter.source.constant(f"multipliers_{name}", mantissas),
            "shift": emitter.source.constant(f"shifts_{name}", shifts),
            "buffer": scratch.buffer(size),
            "buffer_bytes": size,
        },
    )
    call = f"{checked_kernel(emitter, f'imse_{kind}_{suffix}_cmsis')}(&p, {source}, {target});"
    return [*lines, *copy_in, call, *copy_out]


def _dense_bytes(products: int, x: Value, *, helium: bool) -> int:
    """Bytes that Arm's convolution works in: columns of the image, as int16 values."""
    if x.dtype == "int8":
        return 4 * -(-products // 16) * 16
    return 4 * -(-products // 8) * 8 * 2 if helium else 2 * products * 2


def _depthwise_bytes(node: Convolution, x: Value, channels: int, *, helium: bool) -> int:
    """Bytes that Arm's depthwise convolution works in."""
    rows, columns = node.kernel
    taps = rows * columns
    if x.dtype == "int8":
        return taps * (4 * max(_CHANNEL_BLOCK, channels) + channels) + 64
    fast = channels == x.shape[3] and node.dilations == (1, 1) and taps < _LONG_SUM
    if not fast:
        return 0
    return 4 * channels * taps * 2 + 8 if helium else channels * taps * 2


def _fully_connected(emitter: Emitter, node: Convolution, kernel: str) -> list[str]:
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    scratch = Scratch(emitter)
    copy_in, source = scratch.image(x.index)
    target, copy_out = scratch.output(y.index)
    channels, depth = node.weights.shape[0], node.weights.shape[-1]
    weights = np.ascontiguousarray(node.weights.reshape(channels, depth), np.int8)
    bias, columns = np.array(node.bias, np.int32), np.array(node.multipliers, np.int32).T
    sums = "0"
    name = f"{emitter.index:03d}"
    if isinstance(emitter, MveEmitter):
        total = bias - x.zero_point * weights.sum(axis=1, dtype=np.int32)
        sums = emitter.source.constant(f"sums_{name}", total.astype(np.int32))
    lines = struct(
        "imse_fully_connected_cmsis_t",
        {
            "layer": f"{{{-x.zero_point}, 0, {y.zero_point}, {{{node.low}, {node.high}}}}}",
            "rows": x.shape[1] * x.shape[2],
            "depth": depth,
            "channels": channels,
            "weights": emitter.source.constant(f"weights_{name}", weights),
            "bias": emitter.source.constant(f"bias_{name}", bias),
            "sums": sums,
            "multiplier": emitter.source.constant(f"multipliers_{name}", columns[0]),
            "shift": emitter.source.constant(f"shifts_{name}", columns[1]),
        },
    )
    call = f"{checked_kernel(emitter, kernel)}(&p, {source}, {target});"
    return [*lines, *copy_in, call, *copy_out]
