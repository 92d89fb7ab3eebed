"""Convolutions that use the Helium (MVE) kernels."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

import numpy as np

from firmware_gen.backends.aot.emit.mve_packing import (
    ChannelScale,
    channel_tables,
    mve_scales,
    pack_columns,
    pack_conv,
    pack_depthwise,
    pack_tables,
    pack_wide_conv,
    wide_scales,
)
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.layout import Placement
from firmware_gen.backends.aot.multipliers import RANGES
from firmware_gen.backends.aot.nodes import Convolution
from firmware_gen.backends.aot.source import advance, looped, struct

_BLOCK = 16
_FIXED_BLOCKS = 3
_WORDS = 4
_STRIP = 16


class MveConvolutionLayers(Emitter):
    """Convolutions of int8 and int16 values with the Helium kernels where they apply."""

    def convolution(self, node: Convolution) -> list[str]:
        wide = self.value(node.inputs[0]).dtype == "int16"
        scales = wide_scales(self.program, node) if wide else mve_scales(self.program, node)
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
        """Some output channels of a convolution: those of one group. All lengths are bytes."""
        x, y = self.place(node.inputs[0]), self.place(node.outputs[0])
        size = self.value(node.inputs[0]).itemsize
        columns, depth = node.weights.shape[2:]
        suffix = f"_{part.start // len(part)}" if groups > 1 else ""
        merge = node.dilations[1] == 1 and x.strides[2] == depth and columns > 1
        channel = part.start // len(part) * depth
        taps, columns_per_run = self.taps(node, merge=merge, channel=channel)
        loops, pixels, step, pitch = self.pixels(node)
        run = columns_per_run * depth * size
        blocks = -(-run * len(taps) // _BLOCK)
        weights = node.weights[part.start : part.stop].reshape(len(part), -1)
        chosen, tables = scales[part.start : part.stop], None
        if size == 1:
            packed = pack_conv(weights, chosen, self.value(node.rounded).zero_point)
            kernel, tables = self._table_form(node, part, blocks)
        else:
            packed = pack_wide_conv(weights, chosen, (node.low, node.high))
            full = (node.low, node.high) == RANGES["int16"]
            kernel = "imse_conv_s16_mve" if full else "imse_conv_limits_s16_mve"
        spot = Placement(y.buffer, y.offset + part.start, y.strides, y.in_newest_row)
        words = self._words(spot, size, (pitch, *(loop.steps[0] for loop in loops)))
        self.source.kernel("imse_conv_walk_s8_mve")
        channel_bytes = len(part) * size
        staging = -(-channel_bytes // 4)
        lines = struct(
            "imse_conv_mve_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}{suffix}", packed),
                "tables": "0"
                if tables is None
                else self.source.constant(f"tables_{self.index:03d}{suffix}", tables),
                "scratch": f"IMSE_S8({self.scratch(16 * blocks + 4 * staging)})",
                "blocks": blocks,
                "taps": len(taps),
                "run": run,
                "pixels": pixels,
                "step": step * size,
                "out_channels": channel_bytes,
                "out_pitch": pitch * size,
                "staged": int(channel_bytes % _WORDS != 0 or not words),
            },
        )
        out = f"{self.address(spot, self.value(node.outputs[0]).dtype)}{advance(loops, 0)}"
        call = [
            *self.tap_array(node, taps, advance(loops, 1), as_bytes=True),
            f"{self.source.kernel(kernel)}(&p, tap, {out if size == 1 else f'IMSE_S8({out})'});",
        ]
        return lines + looped(loops, call)

    def _table_form(
        self, node: Convolution, part: range, blocks: int
    ) -> tuple[str, np.ndarray | None]:
        """Kernel of an int8 convolution, and the tables that its results go through."""
        tables, kind = channel_tables(node), ""
        if tables is not None:
            kind = "_table" if tables.ndim == 1 else "_tables"
            if tables.ndim > 1:
                tables = pack_tables(tables[part.start : part.stop], len(part))
        size = f"{_BLOCK * blocks}" if blocks <= _FIXED_BLOCKS else ""
        return f"imse_conv{size}{kind}_s8_mve", tables

    def _words(self, spot: Placement, size: int, steps: tuple[int, ...]) -> bool:
        """Whether all elements of ``size`` bytes that are ``steps`` apart begin words."""
        buffer = spot.buffer
        if buffer.kind not in ("arena", "state"):
            return False
        distances = [buffer.offset, *(size * distance for distance in (spot.offset, *steps))]
        if buffer.ring is not None:
            distances.append(buffer.size_bytes // buffer.ring.rows)
        return all(distance % _WORDS == 0 for distance in distances)

    def _channels_apart(self, node: Convolution, scales: list[ChannelScale]) -> list[str]:
        """A depthwise convolution; few channels are taken as more channels of fewer pixels."""
        channels = node.weights.shape[-1]
        wide = self.value(node.inputs[0]).dtype == "int16"
        loops, pixels, step, pitch = self.pixels(node)
        taps, _ = self.taps(node, merge=False)
        if not wide and self._interleaves(node):
            return self._columns(node, scales, taps)
        lanes = lcm(channels, 8)
        repeat = lanes // channels
        if step != channels or pixels % repeat or channels > _BLOCK:
            repeat, lanes = 1, channels
        own_pitch, copy = pitch if repeat == 1 else lanes, []
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        if repeat > 1 and pitch != channels:
            size = 2 if wide else 1
            scratch = self.scratch(-(-pixels * channels * size // 4))
            place = f"IMSE_S8({scratch})"
            run = channels * size
            target = f"IMSE_S8({out})" if wide else out
            copy = [self.copy_rows(target, pitch * size, place, run, run, pixels)]
            out = f"IMSE_S16({scratch})" if wide else place
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
                "channels": lanes,
                "out_pitch": own_pitch,
            },
        )
        kernel = self.source.kernel("imse_dwconv_s16_mve" if wide else "imse_dwconv_s8_mve")
        call = [
            *self.tap_array(node, taps, advance(loops, 1)),
            f"{kernel}(&p, tap, {out});",
        ]
        return lines + looped(loops, call + copy)

    def _interleaves(self, node: Convolution) -> bool:
        """Whether the kernel that interleaves columns suits a depthwise convolution."""
        (rows, columns), channels = node.kernel, node.weights.shape[-1]
        loops, pixels, _, pitch = self.pixels(node)
        place = self.place(node.outputs[0])
        words = self._words(place, 1, (pitch, *(loop.steps[0] for loop in loops)))
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
