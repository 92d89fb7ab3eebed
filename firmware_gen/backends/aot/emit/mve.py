"""Layers that use the Helium (MVE) kernels of Armv8.1-M cores.

A layer falls back to the portable kernel where a rounding needs a left shift, and for the few
operators without a Helium form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm
from typing import ClassVar

import numpy as np

from firmware_gen.backends.aot.emit.mve_packing import (
    ChannelScale,
    by_byte,
    channel_tables,
    mve_scales,
    pack_columns,
    pack_conv,
    pack_depthwise,
    pack_tables,
    rounds_right,
)
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.layout import Placement
from firmware_gen.backends.aot.linear import sum_form
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.nodes import Binary, Convolution, MatMul, Prelu, Program, Table
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.fixedpoint import clamp, multiply

_BLOCK = 16
_FIXED_BLOCKS = 3
_WORDS = 4
_STRIP = 16
_NO_LOOP = Loop(1, (0, 0, 0))


class MveEmitter(Emitter):
    """Writes the layers with the Helium kernels where they apply."""

    replacements: ClassVar[Mapping[str, str]] = {
        name: f"{name}_mve"
        for name in (
            "imse_copy_rows",
            "imse_gather_s8",
            "imse_mean_s8",
            "imse_requant_s16",
            "imse_requant_s16_s8",
            "imse_window_drop_s8",
            "imse_window_mean_s8",
        )
    }

    @staticmethod
    def looks_up(program: Program, node: Convolution) -> bool:
        return not node.depthwise and mve_scales(program, node) is not None

    @staticmethod
    def multiplies(program: Program, node: Binary) -> bool:
        return program.values[node.outputs[0]].dtype == "int8" and rounds_right(node.out)

    # Convolutions

    def convolution(self, node: Convolution) -> list[str]:
        scales = mve_scales(self.program, node)
        if scales is None or node.outputs[0] in self.windows:
            return super().convolution(node)
        if node.depthwise:
            return self._channels_apart(node, scales)
        groups = self.value(node.inputs[0]).shape[3] // node.weights.shape[-1]
        per_group = node.weights.shape[0] // groups
        lines: list[str] = []
        for group in range(groups):
            part = range(group * per_group, (group + 1) * per_group)
            body = self._dense(node, scales, part, groups)
            lines += body if groups == 1 else ["{", *(f"  {line}" for line in body), "}"]
        return lines

    def _dense(
        self, node: Convolution, scales: list[ChannelScale], part: range, groups: int
    ) -> list[str]:
        """Some output channels of a convolution: those of one group."""
        x, y = self.place(node.inputs[0]), self.place(node.outputs[0])
        columns, depth = node.weights.shape[2:]
        suffix = f"_{part.start // len(part)}" if groups > 1 else ""
        chosen = slice(part.start, part.stop)
        merge = node.dilations[1] == 1 and x.strides[2] == depth and columns > 1
        channel = part.start // len(part) * depth
        taps, columns_per_run = self.taps(node, merge=merge, channel=channel)
        loops, pixels, step, pitch = self.pixels(node)
        run = columns_per_run * depth
        blocks = -(-run * len(taps) // _BLOCK)
        packed = pack_conv(
            node.weights[chosen].reshape(len(part), -1),
            scales[chosen],
            self.value(node.rounded).zero_point,
        )
        tables, kind, table = channel_tables(node), "", "0"
        if tables is not None:
            kind = "_table" if tables.ndim == 1 else "_tables"
            if tables.ndim > 1:
                tables = pack_tables(tables[chosen], len(part))
            table = self.source.constant(f"tables_{self.index:03d}{suffix}", tables)
        spot = Placement(y.buffer, y.offset + part.start, y.strides, y.in_newest_row)
        staged = len(part) % 4 != 0 or not self._words(spot, (pitch, *(s.steps[0] for s in loops)))
        size = f"{_BLOCK * blocks}" if blocks <= _FIXED_BLOCKS else ""
        kernel = self.source.kernel(f"imse_conv{size}{kind}_s8_mve")
        self.source.kernel("imse_conv_walk_s8_mve")
        lines = struct(
            "imse_conv_mve_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}{suffix}", packed),
                "tables": table,
                "scratch": f"IMSE_S8({self.scratch(16 * blocks + 4 * -(-len(part) // 4))})",
                "blocks": blocks,
                "taps": len(taps),
                "run": run,
                "pixels": pixels,
                "step": step,
                "out_channels": len(part),
                "out_pitch": pitch,
                "staged": int(staged),
            },
        )
        call = [
            *self.tap_array(node, taps, advance(loops, 1)),
            f"{kernel}(&p, tap, {self.address(spot, 'int8')}{advance(loops, 0)});",
        ]
        return lines + looped(loops, call)

    def _words(self, spot: Placement, steps: tuple[int, ...]) -> bool:
        """Whether all places that are ``steps`` apart are multiples of four bytes."""
        buffer = spot.buffer
        if buffer.kind not in ("arena", "state"):
            return False
        distances = [buffer.offset, spot.offset, *steps]
        if buffer.ring is not None:
            distances.append(buffer.size_bytes // buffer.ring.rows)
        return all(distance % 4 == 0 for distance in distances)

    def _channels_apart(self, node: Convolution, scales: list[ChannelScale]) -> list[str]:
        """A depthwise convolution; few channels are taken as more channels of fewer pixels."""
        channels = node.weights.shape[-1]
        loops, pixels, step, pitch = self.pixels(node)
        taps, _ = self.taps(node, merge=False)
        if self._interleaves(node):
            return self._columns(node, scales, taps)
        wide = lcm(channels, 8)
        repeat = wide // channels
        if step != channels or pixels % repeat or channels > _BLOCK:
            repeat, wide = 1, channels
        own_pitch, copy = pitch if repeat == 1 else wide, []
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        if repeat > 1 and pitch != channels:
            place = f"IMSE_S8({self.scratch(-(-pixels * channels // 4))})"
            copy = [self.copy_rows(out, pitch, place, channels, channels, pixels)]
            out = place
        weights = np.tile(node.weights.reshape(len(taps), channels), (1, repeat))
        packed, params = pack_depthwise(weights, scales * repeat)
        lines = struct(
            "imse_dwconv_mve_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}", packed),
                "params": self.source.constant(f"channels_{self.index:03d}", params),
                "output_offset": self.value(node.outputs[0]).zero_point,
                "low": node.low,
                "high": node.high,
                "taps": len(taps),
                "pixels": pixels // repeat,
                "step": step * repeat,
                "channels": wide,
                "out_pitch": own_pitch,
            },
        )
        call = [
            *self.tap_array(node, taps, advance(loops, 1)),
            f"{self.source.kernel('imse_dwconv_s8_mve')}(&p, tap, {out});",
        ]
        return lines + looped(loops, call + copy)

    def _interleaves(self, node: Convolution) -> bool:
        """Whether the kernel that interleaves columns suits a depthwise convolution."""
        (rows, columns), channels = node.kernel, node.weights.shape[-1]
        loops, pixels, _, pitch = self.pixels(node)
        place = self.place(node.outputs[0])
        words = self._words(place, (pitch, *(loop.steps[0] for loop in loops)))
        near = columns <= _WORDS or (columns <= 2 * _WORDS and node.dilations[1] == 1)
        plain = (node.low, node.high) == (-128, 127) and node.strides[1] == 1
        return (
            plain
            and near
            and words
            and rows <= _WORDS
            and columns > 1
            and rows * columns > _WORDS
            and channels % _WORDS == 0
            and pixels >= _WORDS
        )

    def _columns(
        self, node: Convolution, scales: list[ChannelScale], taps: Sequence[str]
    ) -> list[str]:
        """A depthwise convolution over interleaved columns."""
        loops, pixels, step, pitch = self.pixels(node)
        rows, columns = node.kernel
        strip = min(-(-pixels // _WORDS) * _WORDS, _STRIP)
        lanes = -(-columns // _WORDS) * _WORDS
        packed = pack_columns(node.weights, scales, self.value(node.outputs[0]).zero_point)
        scratch = self.scratch(_BLOCK * (strip + (lanes - 1) * node.dilations[1]))
        lines = struct(
            "imse_dwconv4_mve_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}", packed),
                "scratch": f"IMSE_S8({scratch})",
                "rows": rows,
                "columns": columns,
                "dilation": node.dilations[1],
                "pixels": pixels,
                "strip": strip,
                "step": step,
                "channels": node.weights.shape[-1],
                "out_pitch": pitch,
            },
        )
        self.source.kernel("imse_dwconv4_walk_s8_mve")
        call = [
            *self.tap_array(node, taps[::columns], advance(loops, 1)),
            f"{self.source.kernel(f'imse_dwconv{lanes}_s8_mve')}(&p, tap, "
            f"{self.at(node.outputs[0])}{advance(loops, 0)});",
        ]
        return lines + looped(loops, call)

    # Element-wise

    def binary(self, node: Binary) -> list[str]:
        y = self.value(node.outputs[0])
        suffix = "s16" if y.dtype == "int16" else "s8"
        if node.kind in ("add", "sub"):
            line = self._line(node) if y.dtype == "int8" else None
            return line or self._grid(
                f"imse_add_{suffix}_mve", "imse_add_t", self.binary_members(node), node
            )
        if node.kind != "mul" or not rounds_right(node.out):
            return super().binary(node)
        members = self.binary_members(node)
        if not node.table:
            return self._grid(f"imse_mul_{suffix}_mve", "imse_mul_t", members, node)
        point = self.value(node.looked_up).zero_point
        table = by_byte(node.table).astype(np.int16) - np.int16(point)
        name = self.source.constant(f"table_{self.index:03d}", table)
        return self._grid("imse_mul_table_s8_mve", "imse_mul_t", members, node, name)

    def _line(self, node: Binary) -> list[str] | None:
        """A sum with one multiplication; one operand is looked up."""
        y = self.value(node.outputs[0])
        orders = [node]
        if node.kind == "add":
            orders.append(replace(node, inputs=node.inputs[::-1], a=node.b, b=node.a))
        for order in orders:
            a, b = (self.value(index) for index in order.inputs)
            form = sum_form(order, a, b, y)
            if form is not None:
                shares = np.array(form.shares, np.int32)
                name = self.source.constant(f"shares_{self.index:03d}", shares)
                members = {"shares": f"{name} + 128", "factor": form.factor}
                return self._grid("imse_sum_s8_mve", "imse_sum_mve_t", members, order)
        return None

    def _grid(
        self,
        kernel: str,
        kind: str,
        members: Mapping[str, object],
        node: Binary | Prelu,
        table: str = "",
    ) -> list[str]:
        """A kernel on rows of elements.

        Args:
            kernel: Name of the kernel.
            kind: Type of its parameters.
            members: Their members.
            node: The operator.
            table: Argument behind the parameters.

        Returns:
            Lines of C.
        """
        loops = self.nest(node.outputs[0], node.inputs, (False, False))
        rows = loops.loops[-1] if loops.loops else _NO_LOOP
        outer = loops.loops[:-1]
        grid = struct(
            "imse_grid_t",
            {
                "rows": rows.extent,
                "n": loops.count,
                "a_step": loops.steps[1],
                "b_step": loops.steps[2],
                "a_pitch": rows.steps[1],
                "b_pitch": rows.steps[2],
                "out_pitch": rows.steps[0],
            },
            "grid",
        )
        call = (
            f"{self.source.kernel(kernel)}(&p, {f'{table}, ' if table else ''}&grid, "
            f"{self.at(node.inputs[0])}{advance(outer, 1)}, "
            f"{self.at(node.inputs[1])}{advance(outer, 2)}, "
            f"{self.at(node.outputs[0])}{advance(outer, 0)});"
        )
        return struct(kind, members) + grid + looped(outer, [call])

    def table(self, node: Table) -> list[str]:
        wide = self.value(node.outputs[0]).dtype == "int16"
        values = by_byte(node.table).astype(np.int16 if wide else np.int8)
        name = self.source.constant(f"table_{self.index:03d}", values)
        return self.vector(node, "imse_table_s8_s16_mve" if wide else "imse_table_s8_mve", name)

    def prelu(self, node: Prelu) -> list[str]:
        x, alpha = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        if not rounds_right(node.negative):
            return super().prelu(node)
        positive = [
            clamp(multiply(q - x.zero_point, node.positive) + y.zero_point, -128, 127)
            for q in range(-128, 128)
        ]
        members = {
            "positive": self.source.constant(
                f"positive_{self.index:03d}", by_byte(positive).astype(np.int8)
            ),
            "zero_point": x.zero_point,
            "alpha_offset": -alpha.zero_point,
            "mantissa": node.negative[0],
            "shift": node.negative[1],
            "output_offset": y.zero_point,
        }
        return self._grid("imse_prelu_s8_mve", "imse_prelu_mve_t", members, node)

    # Sums

    def matmul(self, node: MatMul) -> list[str]:
        y = self.value(node.outputs[0])
        if y.dtype != "int8" or not rounds_right(node.out):
            return super().matmul(node)
        a, b = (self.value(index) for index in node.inputs)
        loops, strides = self.matmul_strides(node)
        depth = a.shape[-2 if node.transpose_a else -1]
        sides = [
            (-a.zero_point, y.shape[-2], strides["a_row"], strides["a_col"], strides["out_row"]),
            (-b.zero_point, y.shape[-1], strides["b_col"], strides["b_row"], 1),
        ]
        operands = [f"{self.at(v.index)}{advance(loops, i + 1)}" for i, v in enumerate((a, b))]
        if y.shape[-1] < 4 <= y.shape[-2]:
            # Four columns are computed at a time: the larger side becomes the columns.
            sides.reverse()
            operands.reverse()
        (a_offset, rows, a_row, a_col, out_row), (b_offset, cols, b_col, b_row, out_col) = sides
        padded = -(-depth // 8) * 8
        words = padded * (1 + -(-cols // 4) * 4) // 2
        lines = struct(
            "imse_matmul_mve_t",
            {
                "out": multiplier(node.out),
                "scratch": f"IMSE_S16({self.scratch(words)})",
                "a_offset": a_offset,
                "b_offset": b_offset,
                "output_offset": y.zero_point,
                "rows": rows,
                "depth": depth,
                "cols": cols,
                "a_row": a_row,
                "a_col": a_col,
                "b_row": b_row,
                "b_col": b_col,
                "out_row": out_row,
                "out_col": out_col,
            },
        )
        call = (
            f"{self.source.kernel('imse_matmul_s8_mve')}(&p, {', '.join(operands)}, "
            f"{self.at(y.index)}{advance(loops, 0)});"
        )
        return lines + looped(loops, [call])
