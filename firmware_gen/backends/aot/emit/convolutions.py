"""Layers of convolutions and of running sums over rings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware_gen.backends.aot.emit.addresses import SUFFIX, Addresses, head_name
from firmware_gen.backends.aot.layout import Placement
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.nodes import Convolution
from firmware_gen.backends.aot.rings import Ring
from firmware_gen.backends.aot.source import C_TYPES, advance, looped, struct
from firmware_gen.backends.errors import UnsupportedOpError


class ConvolutionLayers(Addresses):
    """Convolutions with the portable kernels."""

    @property
    def windows(self) -> dict[int, Ring]:
        """Rings that are running sums, by the value they give."""
        return {ring.window.outputs[0]: ring for ring in self.layout.rings if ring.window}

    def convolution(self, node: Convolution) -> list[str]:
        """Rows of a convolution; one without spatial extent over all pixels at once."""
        if node.outputs[0] in self.windows:
            return self.window(node, self.windows[node.outputs[0]])
        if node.depthwise:
            return self._depthwise(node)
        depth = node.weights.shape[-1]
        groups = self.value(node.inputs[0]).shape[3] // depth
        if groups == 1:
            return self._conv_group(node, 0, 1)
        lines: list[str] = []
        for group in range(groups):
            lines += ["{", *(f"  {line}" for line in self._conv_group(node, group, groups)), "}"]
        return lines

    def taps(self, node: Convolution, *, merge: bool, channel: int = 0) -> tuple[list[str], int]:
        """First inputs of the runs of a convolution, for output row ``y``.

        Args:
            node: The convolution.
            merge: Whether neighbouring columns may form one run.
            channel: First input channel.

        Returns:
            C expressions and the number of columns in a run.
        """
        x, dtype = self.place(node.inputs[0]), self.value(node.inputs[0]).dtype
        rows, columns = node.kernel
        columns_per_run = columns if merge else 1
        expressions = []
        for row in range(rows):
            for column in range(0, columns, columns_per_run):
                offset = x.offset + column * node.dilations[1] * x.strides[2] + channel
                line = row * node.dilations[0]
                if x.buffer.ring is not None and not x.in_newest_row:
                    base = self.ring_row(x, line, offset)
                else:
                    spot = Placement(
                        x.buffer, offset + line * x.strides[1], x.strides, x.in_newest_row
                    )
                    base = self.address(spot, dtype)
                expressions.append(base)
        return expressions, columns_per_run

    def tap_array(
        self, node: Convolution, taps: Sequence[str], moved: str, *, as_bytes: bool = False
    ) -> list[str]:
        """Lines that define ``tap``, the first inputs of all runs.

        Args:
            node: The convolution.
            taps: What :meth:`taps` returned, or the first run of every row of it.
            moved: Text that adds the position within loops.
            as_bytes: Whether the addresses are those of bytes, whatever the input's type.

        Returns:
            Lines of C.
        """
        x, rows = self.place(node.inputs[0]), node.kernel[0]
        ring = None if x.in_newest_row else x.buffer.ring
        every = node.dilations[0]
        whole = ring is not None and ring.rows == (rows - 1) * every + 1
        if ring is not None and whole and not moved:
            per_row = len(taps) // rows
            step = node.dilations[1] * x.strides[2]
            members = (ring.rows, every, x.strides[1], per_row, step)
            shape = self.source.structure("imse_ring_t", members)
            return [
                f"const int8_t *tap[{len(taps)}];",
                f"imse_ring_taps(&{shape}, tap, imse_state + {x.buffer.offset + x.offset}, "
                f"{head_name(ring)});",
            ]
        fixed = not moved and not x.in_newest_row and x.buffer.kind == "arena"
        kind = C_TYPES[self.value(node.inputs[0]).dtype]
        places = [f"{tap}{moved}" for tap in taps]
        if as_bytes and kind != "int8_t":
            kind, places = "int8_t", [f"IMSE_CONST_S8({place})" for place in places]
        return [
            f"{'static ' * fixed}const {kind} *const tap[{len(taps)}] = {{",
            *(f"    {place}," for place in places),
            "};",
        ]

    def ring_row(self, x: Placement, row: int, offset: int) -> str:
        ring = x.buffer.ring
        assert ring is not None  # noqa: S101 - checked by the caller
        newest = head_name(ring)
        pitch = x.strides[1]
        past = ring.rows - 1 - row
        text = f"imse_state + {x.buffer.offset + offset} + "
        if past == 0:
            return f"{text}{newest} * {pitch}"
        return f"{text}imse_row({newest}, {past}, {ring.rows}) * {pitch}"

    def _channels(self, node: Convolution, chosen: slice = slice(None), name: str = "") -> str:
        rows = [
            (bias, mantissa, shift)
            for bias, (mantissa, shift) in zip(node.bias, node.multipliers, strict=True)
        ][chosen]
        wide = self.value(node.inputs[0]).dtype == "int16"
        kind = "imse_channel_s16_t" if wide else "imse_channel_t"
        return self.source.records(f"channels_{self.index:03d}{name}", kind, rows)

    def _conv_group(self, node: Convolution, group: int, groups: int) -> list[str]:
        depth = node.weights.shape[-1]
        per_group = node.weights.shape[0] // groups
        chosen = range(group * per_group, (group + 1) * per_group)
        return self.conv_part(node, chosen, group * depth, f"_{group}" if groups > 1 else "")

    def conv_part(
        self, node: Convolution, part: range, channel: int = 0, suffix: str = ""
    ) -> list[str]:
        """Some output channels of a convolution with the portable kernel.

        Args:
            node: The convolution.
            part: The output channels.
            channel: First input channel they depend on.
            suffix: Added to the names of constants.

        Returns:
            Lines of C.
        """
        x, y = self.place(node.inputs[0]), self.place(node.outputs[0])
        _, _, columns, depth = node.weights.shape
        chosen = slice(part.start, part.stop)
        merge = node.dilations[1] == 1 and x.strides[2] == depth and columns > 1
        taps, columns_per_run = self.taps(node, merge=merge, channel=channel)
        loops, pixels, step, pitch = self.pixels(node)
        x_value, y_value = self.value(node.inputs[0]), self.value(node.outputs[0])
        out = Placement(y.buffer, y.offset + part.start, y.strides, y.in_newest_row)
        weights = self.source.constant(
            f"weights_{self.index:03d}{suffix}", node.weights[chosen].astype(np.int8)
        )
        offsets = {"input_offset": -x_value.zero_point, "output_offset": y_value.zero_point}
        wide = x_value.dtype == "int16"
        lines = struct(
            "imse_conv_s16_t" if wide else "imse_conv_t",
            {
                "weights": weights,
                "channels": self._channels(node, chosen, suffix),
                **({} if wide else offsets),
                "low": node.low,
                "high": node.high,
                "taps": len(taps),
                "run": columns_per_run * depth,
                "pixels": pixels,
                "step": step,
                "out_channels": len(part),
                "out_pitch": pitch,
            },
        )
        call = [
            *self.tap_array(node, taps, advance(loops, 1)),
            f"{self.kernel(f'imse_conv_{SUFFIX[x_value.dtype]}')}(&p, tap, "
            f"{self.address(out, y_value.dtype)}{advance(loops, 0)});",
        ]
        return lines + looped(loops, call)

    def pixels(self, node: Convolution) -> tuple[tuple[Loop, ...], int, int, int]:
        """Loops over rows, pixels per row, input step and output pitch of a convolution."""
        x, y = self.place(node.inputs[0]), self.place(node.outputs[0])
        shape = self.value(node.outputs[0]).shape[:3]
        inputs = (
            x.strides[0],
            x.strides[1] * node.strides[0],
            x.strides[2] * node.strides[1],
        )
        if x.buffer.ring is not None and not x.in_newest_row and shape[:2] != (1, 1):
            raise UnsupportedOpError(
                f"aot runtime: {node.label} has {shape[1]} output rows over a state, expected 1"
            )
        if node.kernel == (1, 1):
            loops = collapse(shape, (y.strides[:3], inputs)) or (
                Loop(1, (y.strides[2], inputs[2])),
            )
            outer, inner = loops[:-1], loops[-1]
            return outer, inner.extent, inner.steps[1], inner.steps[0]
        outer = collapse(shape[:2], (y.strides[:2], inputs[:2]))
        return outer, shape[2], inputs[2], y.strides[2]

    def _depthwise(self, node: Convolution) -> list[str]:
        y_value = self.value(node.outputs[0])
        channels = node.weights.shape[-1]
        taps, _ = self.taps(node, merge=False)
        loops, pixels, step, pitch = self.pixels(node)
        x_value = self.value(node.inputs[0])
        offsets = {"input_offset": -x_value.zero_point, "output_offset": y_value.zero_point}
        wide = x_value.dtype == "int16"
        lines = struct(
            "imse_dwconv_s16_t" if wide else "imse_dwconv_t",
            {
                "weights": self.source.constant(
                    f"weights_{self.index:03d}", node.weights.astype(np.int8)
                ),
                "params": self._channels(node),
                **({} if wide else offsets),
                "low": node.low,
                "high": node.high,
                "taps": len(taps),
                "pixels": pixels,
                "step": step,
                "channels": channels,
                "multiplier": channels // x_value.shape[3],
                "out_pitch": pitch,
            },
        )
        call = [
            *self.tap_array(node, taps, advance(loops, 1)),
            f"{self.kernel(f'imse_dwconv_{SUFFIX[x_value.dtype]}')}(&p, tap, "
            f"{self.at(node.outputs[0])}{advance(loops, 0)});",
        ]
        return lines + looped(loops, call)

    def window(self, node: Convolution, ring: Ring) -> list[str]:
        """A running sum over a ring."""
        x_value, y_value = self.value(node.inputs[0]), self.value(node.outputs[0])
        taps = node.weights.shape[0]
        weights = node.weights[0, 0].astype(np.int8)
        rows = [
            (bias - x_value.zero_point * taps * int(weight), mantissa, shift)
            for bias, weight, (mantissa, shift) in zip(
                node.bias, weights, node.multipliers, strict=True
            )
        ]
        lines = struct(
            "imse_window_mean_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}", weights),
                "params": self.source.records(f"channels_{self.index:03d}", "imse_channel_t", rows),
                "output_offset": y_value.zero_point,
                "low": node.low,
                "high": node.high,
                "channels": weights.size,
            },
        )
        return [*lines, self.window_call(self.kernel("imse_window_mean_s8"), node, ring)]

    def window_call(self, kernel: str, node: Convolution, ring: Ring) -> str:
        """Call of a kernel that takes the newest row of a ring into its running sum."""
        sums = f"IMSE_S32(imse_state + {self.plan.sums[ring.state.name]})"
        newest = self.address(self.newest(ring), "int8")
        out = self.at(node.outputs[0])
        return f"{self.source.kernel(kernel)}(&p, {newest}, {sums}, {out});"

    def window_prologue(self) -> list[str]:
        """Statements before a frame: the oldest rows leave the running sums."""
        lines = []
        for ring in self.windows.values():
            sums = f"IMSE_S32(imse_state + {self.plan.sums[ring.state.name]})"
            oldest = self.address(self.newest(ring), "int8")
            channels = self.value(ring.newest).shape[-1]
            drop = self.kernel("imse_window_drop_s8")
            lines.append(f"{drop}({oldest}, {sums}, {channels});")
        return lines
