"""Layers that use the DSP kernels.

A layer falls back to the portable kernel when its rounding parameters or its layout do not suit
the fast one: multipliers of one half or more, sums that could exceed 30 bits, fused activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import lcm

import numpy as np

from firmware_gen.backends.aot.emit.dsp_packing import (
    FULL_RANGE,
    SUM_LIMIT,
    channel_scales,
    pack_dense,
    pack_depthwise,
    pack_three_rows,
    scale_parameters,
    wide_scales,
)
from firmware_gen.backends.aot.emit.dsp_pairs import PairLayers
from firmware_gen.backends.aot.layout import Placement
from firmware_gen.backends.aot.linear import sum_form
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.multipliers import EXACT_HALF
from firmware_gen.backends.aot.nodes import (
    AveragePool,
    Binary,
    Convolution,
    MatMul,
    Mean,
    Prelu,
    Program,
    Value,
)
from firmware_gen.backends.aot.rings import Ring
from firmware_gen.backends.aot.source import advance, looped, struct
from firmware_gen.backends.fixedpoint import clamp, multiply

_SHORT_RUN = 4
_STRIP_COLUMNS = 26
_MEAN_ROWS = 256  # as many int8 values fit a sum of 16 bits
_POOL_WINDOW = 128  # as many are divided exactly


class DspEmitter(PairLayers):
    """Writes the layers with the DSP kernels where they apply."""

    @staticmethod
    def looks_up(program: Program, node: Convolution) -> bool:
        groups = program.values[node.inputs[0]].shape[3] // node.weights.shape[-1]
        even = node.weights.shape[0] // max(groups, 1) % 2 == 0
        return not node.depthwise and even and channel_scales(program, node) is not None

    @staticmethod
    def multiplies(program: Program, node: Binary) -> bool:
        y = program.values[node.outputs[0]]
        full = (node.low, node.high) == FULL_RANGE
        return y.dtype == "int8" and full and scale_parameters(node.out, y.zero_point) is not None

    def convolution(self, node: Convolution) -> list[str]:
        wide = wide_scales(self.program, node)
        if wide is not None and node.outputs[0] not in self.windows:
            layer = self.wide_depthwise if node.depthwise else self.wide_convolution
            return layer(node, wide)
        scales = channel_scales(self.program, node)
        if node.outputs[0] in self.windows or scales is None:
            return super().convolution(node)
        if node.depthwise:
            return self._strips(node, scales)
        channels, depth = node.weights.shape[0], node.weights.shape[-1]
        groups = self.value(node.inputs[0]).shape[3] // depth
        if groups == 1:
            return self._part(node, scales, range(channels), 0, "")
        lines: list[str] = []
        for group in range(groups):
            part = range(group * channels // groups, (group + 1) * channels // groups)
            body = self._part(node, scales, part, group * depth, f"_{group}")
            lines += ["{", *(f"  {line}" for line in body), "}"]
        return lines

    def _part(
        self,
        node: Convolution,
        scales: list[tuple[int, int, int, int]],
        part: range,
        channel: int,
        suffix: str,
    ) -> list[str]:
        """Some output channels; the last one of an odd number is left to the portable kernel."""
        if len(part) % 2 == 0:
            return self._dense(node, scales, part, channel, suffix)
        last = self.conv_part(node, part[-1:], channel, f"{suffix}_last")
        lines = ["{", *(f"  {line}" for line in last)]
        if len(part) > 1:
            head = self._dense(node, scales, part[:-1], channel, suffix)
            lines += ["}", "{", *(f"  {line}" for line in head)]
        return [*lines, "}"]

    def _dense(
        self,
        node: Convolution,
        scales: list[tuple[int, int, int, int]],
        part: range,
        channel: int,
        suffix: str,
    ) -> list[str]:
        """An even number of output channels that depend on input channels from ``channel`` on."""
        x, y = self.place(node.inputs[0]), self.place(node.outputs[0])
        columns, depth = node.weights.shape[2:]
        chosen = slice(part.start, part.stop)
        merge = node.dilations[1] == 1 and x.strides[2] == depth and columns > 1
        taps, columns_per_run = self.taps(node, merge=merge, channel=channel)
        loops, pixels, step, pitch = self.pixels(node)
        run = columns_per_run * depth
        weights = node.weights[chosen].reshape(len(part), len(taps), run)
        packed = pack_dense(weights, scales[chosen])
        tables = np.array(node.tables, np.int8).reshape(-1, 256)
        table = "NULL"
        if node.tables:
            tables = tables if len(tables) == 1 else tables[chosen]
            table = f"{self.source.constant(f'tables_{self.index:03d}{suffix}', tables)} + 128"
        lines = struct(
            "imse_conv_dsp_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}{suffix}", packed),
                "tables": table,
                "table_step": 256 if len(tables) > 1 else 0,
                "scratch": self.scratch(4 * len(taps) * -(-run // 4)),
                "taps": len(taps),
                "run": run,
                "pixels": pixels,
                "step": step,
                "out_pitch": pitch,
            },
        )
        spot = Placement(y.buffer, y.offset + part.start, y.strides, y.in_newest_row)
        out = f"{self.address(spot, 'int8')}{advance(loops, 0)}"
        self.source.kernel("imse_pixels_s8_dsp")
        moved = advance(loops, 1)
        return lines + looped(loops, self.tapped("imse_conv_s8_dsp", node, taps, moved, out))

    def _strips(self, node: Convolution, scales: list[tuple[int, int, int, int]]) -> list[str]:
        """A depthwise convolution; few channels are taken as more channels of fewer pixels."""
        channels = node.weights.shape[-1]
        loops, pixels, step, pitch = self.pixels(node)
        if channels != self.value(node.inputs[0]).shape[3] or node.kernel == (1, 1):
            return super().convolution(node)
        if self._slides(node):
            return self._three_rows(node, scales)
        taps, _ = self.taps(node, merge=False)
        wide = lcm(channels, 4)
        repeat = wide // channels
        if repeat > 1 and (step != channels or pixels % repeat):
            return super().convolution(node)
        own_pitch = pitch if repeat == 1 else wide
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        copy: list[str] = []
        if repeat > 1 and pitch != channels:
            place = f"IMSE_S8({self.scratch(-(-pixels * channels // 4))})"
            copy = [self.copy_rows(out, pitch, place, channels, channels, pixels)]
            out = place
        weights = np.tile(node.weights.reshape(len(taps), channels), (1, repeat))
        lines = struct(
            "imse_dwconv_dsp_t",
            {
                "weights": self.source.constant(
                    f"weights_{self.index:03d}", pack_depthwise(weights, scales * repeat)
                ),
                "taps": len(taps),
                "pixels": pixels // repeat,
                "step": step * repeat,
                "channels": wide,
                "out_pitch": own_pitch,
            },
        )
        call = self.tapped("imse_dwconv_s8_dsp", node, taps, advance(loops, 1), out)
        return lines + looped(loops, call + copy)

    def _slides(self, node: Convolution) -> bool:
        """Whether neighbouring pixels of a depthwise convolution share expanded columns."""
        rows, columns = node.kernel
        neighbours = node.strides[1] == 1 and node.dilations[1] == 1
        return rows == 3 and columns >= 3 and neighbours and node.weights.shape[-1] % 4 == 0

    def _three_rows(self, node: Convolution, scales: list[tuple[int, int, int, int]]) -> list[str]:
        columns, channels = node.weights.shape[1:]
        loops, pixels, step, pitch = self.pixels(node)
        taps, _ = self.taps(node, merge=False)
        strips = -(-pixels // max(_STRIP_COLUMNS - columns + 1, 1))
        strip = -(-pixels // strips)
        lines = struct(
            "imse_dwconv3_dsp_t",
            {
                "weights": self.source.constant(
                    f"weights_{self.index:03d}",
                    pack_three_rows(node.weights, [q[0] for q in scales]),
                ),
                "params": self.source.records(
                    f"channels_{self.index:03d}", "imse_scale_t", [(0, *q[1:]) for q in scales]
                ),
                "scratch": self.scratch(6 * (strip + columns - 1)),
                "columns": columns,
                "pixels": pixels,
                "strip": strip,
                "step": step,
                "channels": channels,
                "out_pitch": pitch,
            },
        )
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        moved = advance(loops, 1)
        rows = self.tapped("imse_dwconv3_s8_dsp", node, taps[::columns], moved, out)
        return lines + looped(loops, rows)

    def binary(self, node: Binary) -> list[str]:
        y = self.value(node.outputs[0])
        parameters = scale_parameters(node.out, y.zero_point)
        full = (node.low, node.high) == FULL_RANGE
        other = node.kind not in ("add", "mul", "sub")
        if y.dtype == "int16" and node.kind not in ("minimum", "maximum"):
            return self.wide_pair(node) or super().binary(node)
        if y.dtype == "int8" and node.kind == "div":
            return self.quotient(node) or super().binary(node)
        if y.dtype == "int8" and node.kind == "squared_difference":
            return self.square(node) or super().binary(node)
        if y.dtype != "int8" or parameters is None or not full or other:
            return super().binary(node)
        if node.kind == "mul":
            return self._product(node, parameters)
        swapped = replace(node, a=node.b, b=node.a)
        return (
            self._line(node, node.inputs)
            or (self._line(swapped, node.inputs[::-1]) if node.kind == "add" else None)
            or self._sum(node, parameters)
            or super().binary(node)
        )

    def _product(self, node: Binary, parameters: tuple[int, int, int]) -> list[str]:
        rows = self._product_rows(node, node.inputs, parameters)
        rows = rows or self._product_rows(node, node.inputs[::-1], parameters)
        if rows is not None:
            return rows
        a, b = (self.value(index) for index in node.inputs)
        mantissa, add, shift = parameters
        members: dict[str, object] = {
            "a_offset_twice": -2 * a.zero_point,
            "b_offset": -b.zero_point,
            "mantissa": mantissa,
            "add": add,
            "shift": shift,
        }
        kernel, stepped = "imse_mul_s8_dsp", "imse_mul_stepped_s8_dsp"
        if node.table:
            kernel, stepped = "imse_mul_table_s8_dsp", ""
            point = self.value(node.looked_up).zero_point
            doubled = 2 * (np.array(node.table, np.int16) - np.int16(point))
            del members["a_offset_twice"]
            members["table"] = self.source.constant(f"table_{self.index:03d}", doubled)
        return self._pairwise(kernel, stepped, members, node, node.inputs)

    def _product_rows(
        self, node: Binary, inputs: tuple[int, ...], parameters: tuple[int, int, int]
    ) -> list[str] | None:
        """A product of rows with one value each, or None."""
        loops = self.nest(node.outputs[0], inputs, (False, False))
        if node.table or loops.steps != (1, 1, 0) or not loops.loops or loops.count % 4:
            return None
        (a, b), rows, outer = inputs, loops.loops[-1], loops.loops[:-1]
        mantissa, add, shift = parameters
        members = {
            "a_offset_twice": -2 * self.value(a).zero_point,
            "b_zero_point": self.value(b).zero_point,
            "mantissa": mantissa,
            "add": add,
            "shift": shift,
            "rows": rows.extent,
            "n": loops.count,
            "a_gap": rows.steps[1] - loops.count,
            "b_pitch": rows.steps[2],
            "out_gap": rows.steps[0] - loops.count,
        }
        call = (
            f"{self.source.kernel('imse_mul_rows_s8_dsp')}(&p, {self.at(a)}{advance(outer, 1)}, "
            f"{self.at(b)}{advance(outer, 2)}, {self.at(node.outputs[0])}{advance(outer, 0)});"
        )
        return struct("imse_mul_rows_dsp_t", members) + looped(outer, [call])

    def _pairwise(
        self,
        kernel: str,
        stepped: str,
        members: Mapping[str, object],
        node: Binary,
        inputs: tuple[int, ...],
    ) -> list[str]:
        """A kernel on two vectors.

        Args:
            kernel: For operands that lie behind each other, or nothing.
            stepped: For operands with any step; without one, elements are taken one by one.
            members: Of the kernel's parameters, without the number of elements.
            node: The operator.
            inputs: First and second operand.

        Returns:
            Lines of C.
        """
        dense = not stepped
        loops = self.nest(node.outputs[0], inputs, (dense, dense))
        out = f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}"
        first, second = (
            f"{self.at(index)}{advance(loops.loops, i + 1)}" for i, index in enumerate(inputs)
        )
        if kernel and loops.steps[1:] == (1, 1):
            call = f"{self.source.kernel(kernel)}(&p, {first}, {second}, {out});"
        else:
            call = (
                f"{self.source.kernel(stepped)}(&p, {first}, {loops.steps[1]}, "
                f"{second}, {loops.steps[2]}, {out});"
            )
        kind = f"imse_{'mul' if node.kind == 'mul' else 'sum' if not stepped else 'add'}_dsp_t"
        return struct(kind, {**members, "n": loops.count}) + looped(loops.loops, [call])

    def _line(self, node: Binary, inputs: tuple[int, ...]) -> list[str] | None:
        """A sum with one multiplication; the second operand is looked up."""
        y = self.value(node.outputs[0])
        form = sum_form(node, self.value(inputs[0]), self.value(inputs[1]), y)
        loops = self.nest(node.outputs[0], inputs, (True, True))
        if form is None or loops.steps != (1, 1, 1) or loops.count < _SHORT_RUN:
            return None
        members = {
            "shares": self.source.constant(
                f"shares_{self.index:03d}", np.array(form.shares, np.int32)
            ),
            "factor": form.factor,
        }
        return self._pairwise("imse_sum_s8_dsp", "", members, node, inputs)

    def _sum(self, node: Binary, parameters: tuple[int, int, int]) -> list[str] | None:
        first, second = node.inputs
        swapped = node.a != EXACT_HALF
        big, small = (second, first) if swapped else (first, second)
        big_factor, small_factor = (node.b, node.a) if swapped else (node.a, node.b)
        if big_factor != EXACT_HALF:
            return None
        big_value, small_value = self.value(big), self.value(small)
        subtract = node.kind == "sub"
        big_sign = -1 if subtract and swapped else 1
        small_sign = -1 if subtract and not swapped else 1
        offset = -big_value.zero_point * big_sign * (1 << 20)
        shares = [
            2 * small_sign * multiply((q - small_value.zero_point) << 20, small_factor) + offset
            for q in range(-128, 128)
        ]
        mantissa, add, shift = parameters
        members = {
            "small": self.source.constant(f"shares_{self.index:03d}", np.array(shares, np.int32)),
            "big_factor": big_sign * (1 << 20),
            "mantissa": mantissa,
            "add": add,
            "shift": shift,
        }
        kernel = "imse_add_s8_dsp" if big_sign > 0 else ""
        return self._pairwise(kernel, "imse_add_stepped_s8_dsp", members, node, (big, small))

    def prelu(self, node: Prelu) -> list[str]:
        x, alpha = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        parameters = scale_parameters(node.negative, y.zero_point)
        loops = self.nest(node.outputs[0], node.inputs, (True, False))
        rows = loops.loops[-1] if loops.loops else Loop(1, (0, 0, 0))
        outer = loops.loops[:-1]
        same_slopes = all(loop.steps[2] == 0 for loop in loops.loops)
        if parameters is None or alpha.data is None or loops.steps[2] != 1 or not same_slopes:
            return super().prelu(node)
        positive = [
            clamp(multiply(q, node.positive) + y.zero_point, -128, 127)
            for q in range(128 - x.zero_point)
        ]
        slopes = 2 * (alpha.data.astype(np.int32).ravel() - alpha.zero_point)
        mantissa, add, shift = parameters
        lines = struct(
            "imse_prelu_dsp_t",
            {
                "positive": self.source.constant(
                    f"positive_{self.index:03d}", np.array(positive, np.int8)
                ),
                "slopes": self.source.constant(f"slopes_{self.index:03d}", slopes),
                "n": loops.count,
                "in_pitch": rows.steps[1],
                "out_pitch": rows.steps[0],
                "zero_point": x.zero_point,
                "mantissa": mantissa,
                "add": add,
                "shift": shift,
            },
        )
        call = (
            f"{self.source.kernel('imse_prelu_s8_dsp')}(&p, {self.at(x.index)}"
            f"{advance(outer, 1)}, {self.at(y.index)}{advance(outer, 0)}, {rows.extent});"
        )
        return lines + looped(outer, [call])

    def matmul(self, node: MatMul) -> list[str]:
        y = self.value(node.outputs[0])
        parameters = scale_parameters(node.out, y.zero_point)
        depth, cols = self._matmul_size(node, y)
        if y.dtype == "int16":
            return self.wide_product(node, depth, cols) or super().matmul(node)
        if y.dtype != "int8" or parameters is None or depth * 255 * 255 >= SUM_LIMIT:
            return super().matmul(node)
        a, b = (self.value(index) for index in node.inputs)
        loops, strides = self.matmul_strides(node)
        mantissa, add, shift = parameters
        quads = -(-depth // 4)
        members = {
            "out": f"{{0, {mantissa}, {add}, {shift}}}",
            "scratch": self.scratch(4 * quads + -(-cols // 2) * (4 * quads + 8)),
            "a_offset": -a.zero_point,
            "b_offset": -b.zero_point,
            "rows": y.shape[-2],
            "depth": depth,
            "cols": cols,
            **strides,
        }
        self.source.kernel("imse_pixels_s8_dsp")
        kernel = self.source.kernel("imse_matmul_s8_dsp")
        if cols % 2:
            kernel = "imse_matmul_odd_s8_dsp"
        return self.matmul_call(kernel, "imse_matmul_dsp_t", members, node, loops)

    def mean_kernel(self, node: Mean, shape: Mapping[str, int]) -> tuple[str, list[str]]:
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        if node.table:
            return self.mean_of_table(node, shape)
        parameters = scale_parameters(node.out, y.zero_point)
        rows = shape["blocks"] * shape["rows"]
        fits = shape["column_pitch"] == 1 and shape["columns"] % 4 == 0 and rows <= _MEAN_ROWS
        if x.dtype != "int8" or parameters is None or not fits:
            return super().mean_kernel(node, shape)
        bias = -2 * rows * x.zero_point
        members: dict[str, object] = {
            "out": f"{{{bias}, {', '.join(map(str, parameters))}}}",
            **shape,
        }
        del members["column_pitch"]
        return "imse_mean_s8_dsp", struct("imse_mean_dsp_t", members)

    def average_pool_kernel(self, node: AveragePool) -> str:
        name = super().average_pool_kernel(node)
        channels = self.value(node.outputs[0]).shape[3]
        fits = node.window[0] * node.window[1] <= _POOL_WINDOW and channels % 4 == 0
        return f"{name}_dsp" if fits else name

    def window(self, node: Convolution, ring: Ring) -> list[str]:
        scales = channel_scales(self.program, node)
        weights = node.weights[0, 0]
        if scales is None or len(set(scales)) > 1 or np.ptp(weights):
            return super().window(node, ring)
        members = {
            "out": f"{{{', '.join(map(str, scales[0]))}}}",
            "weight": 2 * int(weights[0]),
            "channels": weights.size,
        }
        lines = struct("imse_window_mean_dsp_t", members)
        return [*lines, self.window_call("imse_window_mean_s8_dsp", node, ring)]

    def _matmul_size(self, node: MatMul, y: Value) -> tuple[int, int]:
        a = self.value(node.inputs[0])
        return a.shape[-2 if node.transpose_a else -1], y.shape[-1]
