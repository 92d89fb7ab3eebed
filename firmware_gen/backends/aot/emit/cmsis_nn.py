"""Layers that Arm's CMSIS-NN computes; what it has no function for is left to our kernels.

Arm's functions take dense images: a view, or rows of a ring buffer, is copied to scratch first.
Borders are in memory already. A fully connected layer arrives as a convolution of rows; see
:func:`_dense_layer` for which of Arm's functions computes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit.mve import MveEmitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.layout import Buffer, Placement, contiguous
from firmware_gen.backends.aot.nodes import (
    AveragePool,
    Binary,
    Convolution,
    MatMul,
    Program,
    Value,
)
from firmware_gen.backends.aot.source import advance, looped, struct

_CHECK = "imse_cmsis_nn_check"
_CHANNEL_BLOCK = 124  # channels that Arm's Helium depthwise convolution buffers at a time
_MAX_IMAGE = 1 << 16  # Arm's sizes of images are 16-bit
# Up to these Arm's fully connected layers take fewer instructions than its 1x1 convolution.
_ROWS = 3
_ROWS_WITH_HELIUM = 1
_DEPTH_WITH_HELIUM = 64


def cmsis_nn_emitter(base: type[Emitter], library: CmsisNn) -> type[Emitter]:
    """An emitter that calls CMSIS-NN.

    Args:
        base: Emitter of our kernels for the rest.
        library: Which functions there are.
    """

    class CmsisNnEmitter(base):  # type: ignore[valid-type,misc]
        """Writes the layers with CMSIS-NN where it has a function."""

        def status(self) -> str:
            return "imse_cmsis_nn_status" if _CHECK in self.source.kernels else "0"

        @staticmethod
        def looks_up(program: Program, node: Convolution) -> bool:
            return not _computes(library, program, node) and base.looks_up(program, node)

        def convolution(self, node: Convolution) -> list[str]:
            window = node.outputs[0] in self.windows
            if window or not _computes(library, self.program, node):
                return list(super().convolution(node))
            kernel = _dense_layer(library, self, node)
            return _fully_connected(self, node, kernel) if kernel else _convolution(self, node)

        def matmul(self, node: MatMul) -> list[str]:
            values = [self.value(index) for index in (*node.inputs, *node.outputs)]
            batches = {value.shape[:-2] for value in values}
            plain = all(value.dtype == "int8" for value in values) and len(batches) == 1
            if not plain or not library.has("arm_batch_matmul_s8"):
                return list(super().matmul(node))
            return _matmul(self, node)

        def average_pool(self, node: AveragePool) -> list[str]:
            x, y = (self.value(index) for index in (node.inputs[0], node.outputs[0]))
            names = ("arm_avgpool_s8", "arm_avgpool_s8_get_buffer_size")
            if not library.has(*names) or x.shape[0] != 1 or node.pads != (0, 0):
                return list(super().average_pool(node))
            return _average_pool(self, node, x, y)

        def binary(self, node: Binary) -> list[str]:
            name = {"add": "arm_elementwise_add_s8", "mul": "arm_elementwise_mul_s8"}.get(node.kind)
            values = [self.value(index) for index in (*node.inputs, *node.outputs)]
            plain = all(value.dtype == "int8" for value in values) and not node.table
            if name is None or not plain or not library.has(name):
                return list(super().binary(node))
            return _pair(self, node) or list(super().binary(node))

    return CmsisNnEmitter


def _computes(library: CmsisNn, program: Program, node: Convolution) -> bool:
    """Whether CMSIS-NN computes a convolution."""
    x, y = program.values[node.inputs[0]], program.values[node.outputs[0]]
    if x.dtype != "int8" or x.shape[0] != 1 or node.tables:
        return False
    if max(*x.shape[1:], *y.shape[1:]) >= _MAX_IMAGE:
        return False
    if node.depthwise:
        name = "arm_depthwise_conv_wrapper_s8"
        return library.has(name, f"{name}_get_buffer_size")
    name = "arm_convolve_wrapper_s8"
    return node.weights.shape[-1] == x.shape[3] and library.has(name, f"{name}_get_buffer_size")


def _dense_layer(library: CmsisNn, emitter: Emitter, node: Convolution) -> str:
    """Kernel that computes a convolution as a fully connected layer; empty where none is better.

    Arm's functions for fully connected layers take one row at a time, its 1x1 convolution several;
    docs/performance.md has the instructions of both. With Helium the former read sums of the
    weights that the caller makes; they mean what is written here since CMSIS-NN 7, which has the
    function per channel.
    """
    x, depth = emitter.value(node.inputs[0]), node.weights.shape[-1]
    rows = x.shape[1] * x.shape[2]
    per_channel = "arm_fully_connected_per_channel_s8"
    if node.depthwise or node.kernel != (1, 1) or node.strides != (1, 1):
        return ""
    if isinstance(emitter, MveEmitter):
        better = rows <= _ROWS_WITH_HELIUM and depth <= _DEPTH_WITH_HELIUM
        if not better or not library.has(per_channel):
            return ""
    elif rows > _ROWS:
        return ""
    if len(set(node.multipliers)) == 1 and library.has("arm_fully_connected_s8"):
        return "imse_fully_connected_s8_cmsis"
    return "imse_fully_connected_channels_s8_cmsis" if library.has(per_channel) else ""


class _Scratch:
    """Dense copies and Arm's buffer, behind each other in the scratch memory of a layer."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self.used = 0

    def take(self, size: int) -> Placement:
        """Dense memory of ``size`` bytes."""
        start = self.emitter.scratch_offset + self.used
        self.used += -(-size // 16) * 16
        self.emitter.scratch(self.used // 4)
        return Placement(Buffer("arena", -1, size, offset=start), 0, (1,))


def _dense_input(emitter: Emitter, scratch: _Scratch, node: Convolution) -> tuple[list[str], str]:
    """Lines that bring a convolution's input into dense memory, and its address."""
    x = emitter.value(node.inputs[0])
    place = emitter.place(x.index)
    rotates = place.buffer.ring is not None and not place.in_newest_row
    if not rotates and _is_dense(place, x.shape):
        return [], emitter.at(x.index)
    taken = scratch.take(x.elements)
    target = Placement(taken.buffer, 0, contiguous(x.shape))
    address = emitter.address(target, "int8")
    if not rotates:
        return emitter.copy(target, place, x.shape, "int8"), address
    lines = []
    for row in range(x.shape[1]):
        base = emitter.ring_row(place, row, place.offset)
        to = f"{address} + {row * x.shape[2] * x.shape[3]}"
        depth, width = x.shape[3], x.shape[2]
        lines.append(emitter.copy_rows(to, depth, base, place.strides[2], depth, width))
    return lines, address


def _output(emitter: Emitter, scratch: _Scratch, y: Value) -> tuple[str, list[str]]:
    """Where a dense result goes, and lines that bring it to its place."""
    place = emitter.place(y.index)
    if _is_dense(place, y.shape):
        return emitter.at(y.index), []
    taken = scratch.take(y.elements)
    source = Placement(taken.buffer, 0, contiguous(y.shape))
    return emitter.address(source, "int8"), emitter.copy(place, source, y.shape, "int8")


def _is_dense(place: Placement, shape: tuple[int, ...]) -> bool:
    wanted = contiguous(shape)
    return all(a == b or n == 1 for a, b, n in zip(place.strides, wanted, shape, strict=True))


def _dims(shape: Sequence[int]) -> str:
    return f"{{{', '.join(map(str, shape))}}}"


def _convolution(emitter: Emitter, node: Convolution) -> list[str]:
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    scratch = _Scratch(emitter)
    copy_in, source = _dense_input(emitter, scratch, node)
    target, copy_out = _output(emitter, scratch, y)
    (rows, columns), (channels,) = node.kernel, y.shape[3:]
    tile = [f"{{{a}, {b}}}" for b, a in (node.strides, (0, 0), node.dilations)]
    taps = rows * columns
    if node.depthwise:
        kind, filters = "dwconv", (1, rows, columns, channels)
        size = taps * (4 * max(_CHANNEL_BLOCK, channels) + channels) + 64
        multiple = f"{channels // x.shape[3]}, "
    else:
        kind, filters = "conv", (channels, rows, columns, x.shape[3])
        size = 4 * -(-taps * x.shape[3] // 16) * 16
        multiple = ""
    buffer = emitter.address(scratch.take(size), "int8")
    weights = np.ascontiguousarray(node.weights, np.int8)
    columns_of = np.array(node.multipliers, np.int32).T
    name = f"{emitter.index:03d}"
    lines = struct(
        f"imse_{kind}_cmsis_t",
        {
            "conv": f"{{{-x.zero_point}, {y.zero_point}, {multiple}{', '.join(tile)}, "
            f"{{{node.low}, {node.high}}}}}",
            "input": _dims(x.shape),
            "filter": _dims(filters),
            "output": _dims(y.shape),
            "weights": emitter.source.constant(f"weights_{name}", weights),
            "bias": emitter.source.constant(f"bias_{name}", np.array(node.bias, np.int32)),
            "multiplier": emitter.source.constant(f"multipliers_{name}", columns_of[0]),
            "shift": emitter.source.constant(f"shifts_{name}", columns_of[1]),
            "buffer": buffer,
            "buffer_bytes": size,
        },
    )
    call = f"{_kernel(emitter, f'imse_{kind}_s8_cmsis')}(&p, {source}, {target});"
    return [*lines, *copy_in, call, *copy_out]


def _fully_connected(emitter: Emitter, node: Convolution, kernel: str) -> list[str]:
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    scratch = _Scratch(emitter)
    copy_in, source = _dense_input(emitter, scratch, node)
    target, copy_out = _output(emitter, scratch, y)
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
    return [*lines, *copy_in, f"{_kernel(emitter, kernel)}(&p, {source}, {target});", *copy_out]


def _matmul(emitter: Emitter, node: MatMul) -> list[str]:
    """A product of matrices that lie behind each other, the second one transposed."""
    a, b = (emitter.value(index) for index in node.inputs)
    y = emitter.value(node.outputs[0])
    scratch = _Scratch(emitter)
    copies, spots = [], []
    for operand, turned in ((a, node.transpose_a), (b, not node.transpose_b)):
        place, shape = emitter.place(operand.index), operand.shape
        if turned:
            strides = (*place.strides[:-2], place.strides[-1], place.strides[-2])
            shape = (*shape[:-2], shape[-1], shape[-2])
            place = Placement(place.buffer, place.offset, strides, place.in_newest_row)
        if _is_dense(place, shape):
            spots.append(emitter.address(place, "int8"))
            continue
        taken = scratch.take(operand.elements)
        dense = Placement(taken.buffer, 0, contiguous(shape))
        copies += emitter.copy(dense, place, shape, "int8")
        spots.append(emitter.address(dense, "int8"))
    target, copy_out = _output(emitter, scratch, y)
    rows, cols = y.shape[-2:]
    depth = a.shape[-2 if node.transpose_a else -1]
    count = y.elements // (rows * cols)
    lines = struct(
        "imse_matmul_cmsis_t",
        {
            "layer": f"{{{-a.zero_point}, {-b.zero_point}, {y.zero_point}, {{-128, 127}}}}",
            "a": _dims((1, count, rows, depth)),
            "b": _dims((1, count, cols, depth)),
            "output": _dims((1, count, rows, cols)),
            "multiplier": node.out[0],
            "shift": node.out[1],
            "sums": emitter.address(scratch.take(4 * cols), "int8"),
        },
    )
    call = f"{_kernel(emitter, 'imse_matmul_s8_cmsis')}(&p, {', '.join(spots)}, {target});"
    return [*lines, *copies, call, *copy_out]


def _kernel(emitter: Emitter, name: str) -> str:
    emitter.source.kernel(_CHECK)
    return emitter.source.kernel(name)


def _average_pool(emitter: Emitter, node: AveragePool, x: Value, y: Value) -> list[str]:
    place = emitter.place(x.index)
    if not _is_dense(place, x.shape) or not _is_dense(emitter.place(y.index), y.shape):
        return Emitter.average_pool(emitter, node)
    size = 4 * x.shape[3]
    stride, window = node.strides, node.window
    lines = struct(
        "imse_average_pool_cmsis_t",
        {
            "pool": f"{{{{{stride[1]}, {stride[0]}}}, {{0, 0}}, {{{node.low}, {node.high}}}}}",
            "input": _dims(x.shape),
            "filter": _dims((1, *window, 1)),
            "output": _dims(y.shape),
            "buffer": emitter.address(_Scratch(emitter).take(size), "int8"),
            "buffer_bytes": size,
        },
    )
    kernel = _kernel(emitter, "imse_average_pool_s8_cmsis")
    return [*lines, f"{kernel}(&p, {emitter.at(x.index)}, {emitter.at(y.index)});"]


def _pair(emitter: Emitter, node: Binary) -> list[str] | None:
    """A sum or product of vectors; None where an operand is broadcast."""
    loops = emitter.nest(node.outputs[0], node.inputs, (True, True))
    if loops.steps != (1, 1, 1) or len(loops.loops) > 1:
        return None
    a, b, y = (emitter.value(index) for index in (*node.inputs, *node.outputs))
    adds = node.kind == "add"
    lines = struct(
        "imse_pair_cmsis_t",
        {
            "a_offset": -a.zero_point,
            "a_mantissa": node.a[0],
            "a_shift": node.a[1],
            "b_offset": -b.zero_point,
            "b_mantissa": node.b[0],
            "b_shift": node.b[1],
            "left_shift": multipliers.left_shift(y) if adds else 0,
            "out_offset": y.zero_point,
            "out_mantissa": node.out[0],
            "out_shift": node.out[1],
            "low": node.low,
            "high": node.high,
        },
    )
    spots = [
        f"{emitter.at(index)}{advance(loops.loops, place)}"
        for place, index in ((1, a.index), (2, b.index), (0, y.index))
    ]
    kernel = _kernel(emitter, f"imse_{node.kind}_s8_cmsis")
    return lines + looped(loops.loops, [f"{kernel}(&p, {', '.join(spots)}, {loops.count});"])
