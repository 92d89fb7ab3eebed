"""Nodes to C: one function per node, calling kernels with constant shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.layout import Layout, Placement
from firmware_gen.backends.aot.loops import Loop, Nest, broadcast, collapse, nest
from firmware_gen.backends.aot.memory import MemoryPlan
from firmware_gen.backends.aot.nodes import (
    AveragePool,
    Binary,
    Concat,
    Convolution,
    MatMul,
    Mean,
    Node,
    Pad,
    Prelu,
    Program,
    ReciprocalRoot,
    Requantize,
    Reshape,
    Slice,
    Table,
    Transpose,
    Value,
)
from firmware_gen.backends.aot.rings import Ring
from firmware_gen.backends.aot.source import (
    C_TYPES,
    Source,
    advance,
    looped,
    multiplier,
    struct,
)
from firmware_gen.backends.errors import UnsupportedOpError

_SUFFIX = {"int8": "s8", "int16": "s16"}


def head_name(ring: Ring) -> str:
    """C variable with the row of the newest frame of all rings with as many rows."""
    return f"newest_of_{ring.rows}"


class Emitter:
    """Writes the layers of one program with the portable kernels.

    Args:
        layout: Placements of all values.
        plan: Offsets of the running sums.
        source: Receives constants and functions.

    Attributes:
        scratch_bytes: Memory behind the arena that the kernels need.
    """

    def __init__(self, layout: Layout, plan: MemoryPlan, source: Source) -> None:
        self.layout = layout
        self.program = layout.program
        self.plan = plan
        self.source = source
        self.index = 0
        self.scratch_bytes = 0
        self.windows = {
            ring.window.outputs[0]: ring for ring in layout.rings if ring.window is not None
        }
        self.handlers: dict[type[Node], Callable[..., list[str]]] = {
            AveragePool: self.average_pool,
            Binary: self.binary,
            Concat: self.concat,
            Convolution: self.convolution,
            MatMul: self.matmul,
            Mean: self.mean,
            Pad: self.pad,
            Prelu: self.prelu,
            ReciprocalRoot: self.reciprocal_root,
            Requantize: self.requantize,
            Reshape: self.reshape,
            Slice: self.slice,
            Table: self.table,
            Transpose: self.transpose,
        }

    @staticmethod
    def looks_up(program: Program, node: Convolution) -> bool:
        """Whether the kernel of a convolution can look up its results in tables."""
        del program, node
        return False

    @staticmethod
    def multiplies(program: Program, node: Binary) -> bool:
        """Whether the kernel of a product can look up its first operand in a table."""
        del program, node
        return False

    def run(self) -> None:
        """Write all layers."""
        for position, node in enumerate(self.program.nodes):
            self.index = position
            body = self.handlers[type(node)](node)
            if body:
                self.source.layer(self._name(node), self._comment(node), body)

    # Names and addresses

    def _name(self, node: Node) -> str:
        kind = type(node).__name__.lower()
        if isinstance(node, Convolution):
            kind = "depthwise" if node.depthwise else "conv"
            kind = "window" if node.outputs[0] in self.windows else kind
        if isinstance(node, Binary):
            kind = node.kind
        return f"layer_{self.index:03d}_{kind}"

    def _comment(self, node: Node) -> list[str]:
        def shapes(indices: Sequence[int]) -> str:
            return " ".join(
                f"{'x'.join(map(str, self.value(i).shape)) or 'scalar'}" for i in indices
            )

        label = node.label.replace("*/", "").replace("/*", "")
        return [f"{label}", f"{shapes(node.inputs)} -> {shapes(node.outputs)}"]

    def value(self, index: int) -> Value:
        """The value of an index."""
        return self.program.values[index]

    def place(self, index: int) -> Placement:
        """The placement of an index."""
        return self.layout.placements[index]

    def address(self, placement: Placement, dtype: str) -> str:
        """C expression of a placement's first element."""
        buffer = placement.buffer
        size = 2 if dtype == "int16" else 1
        if buffer.kind == "constant":
            value = self.value(buffer.value)
            data = value.data
            assert data is not None  # noqa: S101 - constants have data
            name = self.source.constant(f"constant_{value.index:03d}", data)
            return f"{name} + {placement.offset}" if placement.offset else name
        if buffer.kind in ("features", "mask", "phase"):
            base = f"imse_{buffer.kind}"
            text = f"{base} + {placement.offset * size}" if placement.offset else base
        elif buffer.ring is not None and placement.in_newest_row:
            row = buffer.size_bytes // buffer.ring.rows
            text = (
                f"imse_state + {buffer.offset + placement.offset * size} + "
                f"{head_name(buffer.ring)} * {row}"
            )
        else:
            region = "imse_arena" if buffer.kind == "arena" else "imse_state"
            text = f"{region} + {buffer.offset + placement.offset * size}"
        return text if dtype == "int8" else f"IMSE_S16({text})"

    def at(self, index: int) -> str:
        """C expression of a value's first element."""
        return self.address(self.place(index), self.value(index).dtype)

    def _nest(self, output: int, inputs: Sequence[int], dense: Sequence[bool]) -> Nest:
        """Loops over an output and broadcast inputs; operand 0 is the output."""
        shape = self.value(output).shape
        strides = [self.place(output).strides]
        strides += [broadcast(self.value(i).shape, self.place(i).strides, shape) for i in inputs]
        return nest(shape, tuple(strides), (True, *dense))

    # Convolutions

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
        if dtype != "int8" and x.buffer.ring is not None and not x.in_newest_row:
            raise UnsupportedOpError(
                f"aot runtime: {node.label} reads rows of a state of type {dtype}, expected int8"
            )
        for row in range(rows):
            for column in range(0, columns, columns_per_run):
                offset = x.offset + column * node.dilations[1] * x.strides[2] + channel
                line = row * node.dilations[0]
                if x.buffer.ring is not None and not x.in_newest_row:
                    base = self._ring_row(x, line, offset)
                else:
                    spot = Placement(
                        x.buffer, offset + line * x.strides[1], x.strides, x.in_newest_row
                    )
                    base = self.address(spot, dtype)
                expressions.append(base)
        return expressions, columns_per_run

    def tap_array(self, node: Convolution, taps: Sequence[str], moved: str) -> list[str]:
        """Lines that define ``tap``, the first inputs of all runs.

        Args:
            node: The convolution.
            taps: What :meth:`taps` returned, or the first run of every row of it.
            moved: Text that adds the position within loops.

        Returns:
            Lines of C.
        """
        x, rows = self.place(node.inputs[0]), node.kernel[0]
        ring = None if x.in_newest_row else x.buffer.ring
        whole = ring is not None and ring.rows == rows and node.dilations[0] == 1
        if ring is not None and whole and not moved:
            per_row = len(taps) // rows
            return [
                f"const int8_t *tap[{len(taps)}];",
                f"imse_ring_taps(tap, imse_state + {x.buffer.offset + x.offset}, "
                f"{head_name(ring)}, {rows}, {x.strides[1]}, {per_row}, "
                f"{node.dilations[1] * x.strides[2]});",
            ]
        fixed = not moved and not x.in_newest_row and x.buffer.kind == "arena"
        kind = C_TYPES[self.value(node.inputs[0]).dtype]
        return [
            f"{'static ' * fixed}const {kind} *const tap[{len(taps)}] = {{",
            *(f"    {tap}{moved}," for tap in taps),
            "};",
        ]

    def _ring_row(self, x: Placement, row: int, offset: int) -> str:
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
        loops, pixels, step, pitch = self._pixels(node)
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
            f"{self.source.kernel(f'imse_conv_{_SUFFIX[x_value.dtype]}')}(&p, tap, "
            f"{self.address(out, y_value.dtype)}{advance(loops, 0)});",
        ]
        return lines + looped(loops, call)

    def _pixels(self, node: Convolution) -> tuple[tuple[Loop, ...], int, int, int]:
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
        loops, pixels, step, pitch = self._pixels(node)
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
            f"{self.source.kernel(f'imse_dwconv_{_SUFFIX[x_value.dtype]}')}(&p, tap, "
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
        sums = f"IMSE_S32(imse_state + {self.plan.sums[ring.state.name]})"
        newest = self.address(self._newest(ring), "int8")
        self.source.kernel("imse_window_drop_s8")
        return [
            *lines,
            f"{self.source.kernel('imse_window_mean_s8')}(&p, {newest}, {sums}, "
            f"{self.at(node.outputs[0])});",
        ]

    def _newest(self, ring: Ring) -> Placement:
        whole = self.place(ring.extended)
        return Placement(whole.buffer, whole.offset, whole.strides, in_newest_row=True)

    def window_prologue(self) -> list[str]:
        """Statements before a frame: the oldest rows leave the running sums."""
        lines = []
        for ring in self.windows.values():
            sums = f"IMSE_S32(imse_state + {self.plan.sums[ring.state.name]})"
            oldest = self.address(self._newest(ring), "int8")
            channels = self.value(ring.newest).shape[-1]
            lines.append(f"imse_window_drop_s8({oldest}, {sums}, {channels});")
        return lines

    # Element-wise

    def binary(self, node: Binary) -> list[str]:
        """Sum, difference, product or quotient."""
        a, b = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        members: dict[str, object] = {
            "out": multiplier(node.out),
            "a_offset": -a.zero_point,
            "b_offset": -b.zero_point,
            "output_offset": y.zero_point,
            "low": node.low,
            "high": node.high,
        }
        kind = "add" if node.kind == "sub" else node.kind
        if kind == "squared_difference":
            members["a"], members["b"] = multiplier(node.a), multiplier(node.b)
            members["left_shift"] = multipliers.square_shift(y)
        if kind == "add":
            members["a"], members["b"] = multiplier(node.a), multiplier(node.b)
            members["left_shift"] = multipliers.left_shift(y)
            members["sign"] = -1 if node.kind == "sub" else 1
        loops = self._nest(node.outputs[0], node.inputs, (False, False))
        kernel = self.source.kernel(f"imse_{kind}_{_SUFFIX[y.dtype]}")
        call = (
            f"{kernel}(&p, {self.at(node.inputs[0])}{advance(loops.loops, 1)}, {loops.steps[1]}, "
            f"{self.at(node.inputs[1])}{advance(loops.loops, 2)}, {loops.steps[2]}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return struct(f"imse_{kind}_t", members) + looped(loops.loops, [call])

    def _vector(self, node: Node, kernel: str, first: str) -> list[str]:
        """A kernel on one dense input, with loops around it."""
        loops = self._nest(node.outputs[0], node.inputs[:1], (True,))
        call = (
            f"{self.source.kernel(kernel)}({first}, "
            f"{self.at(node.inputs[0])}{advance(loops.loops, 1)}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return looped(loops.loops, [call])

    def table(self, node: Table) -> list[str]:
        """A unary operator."""
        wide = self.value(node.outputs[0]).dtype == "int16"
        values = np.array(node.table, np.int16 if wide else np.int8)
        name = self.source.constant(f"table_{self.index:03d}", values)
        return self._vector(node, "imse_table_s8_s16" if wide else "imse_table_s8", name)

    def requantize(self, node: Requantize) -> list[str]:
        """A change of scale of int16 values."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        low, high = multipliers.RANGES[y.dtype]
        lines = struct(
            "imse_requant_t",
            {
                "out": multiplier(node.out),
                "input_offset": -x.zero_point,
                "output_offset": y.zero_point,
                "low": low,
                "high": high,
            },
        )
        kernel = "imse_requant_s16" if y.dtype == "int16" else "imse_requant_s16_s8"
        return lines + self._vector(node, kernel, "&p")

    def reciprocal_root(self, node: ReciprocalRoot) -> list[str]:
        """``1 / sqrt`` of int16 values."""
        lines = [f"static const imse_multiplier_t p = {multiplier(node.out)};"]
        return lines + self._vector(node, "imse_rsqrt_s16", "&p")

    def prelu(self, node: Prelu) -> list[str]:
        """A parametric ReLU."""
        x, alpha = (self.value(index) for index in node.inputs)
        lines = struct(
            "imse_prelu_t",
            {
                "positive": multiplier(node.positive),
                "negative": multiplier(node.negative),
                "input_offset": -x.zero_point,
                "alpha_offset": -alpha.zero_point,
                "output_offset": self.value(node.outputs[0]).zero_point,
            },
        )
        loops = self._nest(node.outputs[0], node.inputs, (True, False))
        call = (
            f"{self.source.kernel('imse_prelu_s8')}(&p, "
            f"{self.at(node.inputs[0])}{advance(loops.loops, 1)}, "
            f"{self.at(node.inputs[1])}{advance(loops.loops, 2)}, {loops.steps[2]}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return lines + looped(loops.loops, [call])

    # Sums

    def matmul(self, node: MatMul) -> list[str]:
        """A batched matrix product."""
        a, b = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        loops, strides = self._matmul_strides(node)
        lines = struct(
            "imse_matmul_t",
            {
                "out": multiplier(node.out),
                "a_offset": -a.zero_point,
                "b_offset": -b.zero_point,
                "output_offset": y.zero_point,
                "rows": y.shape[-2],
                "depth": a.shape[-2 if node.transpose_a else -1],
                "cols": y.shape[-1],
                **strides,
            },
        )
        call = (
            f"{self.source.kernel(f'imse_matmul_{_SUFFIX[y.dtype]}')}(&p, "
            f"{self.at(a.index)}{advance(loops, 1)}, {self.at(b.index)}{advance(loops, 2)}, "
            f"{self.at(y.index)}{advance(loops, 0)});"
        )
        return lines + looped(loops, [call])

    def _matmul_strides(self, node: MatMul) -> tuple[tuple[Loop, ...], dict[str, int]]:
        """Loops over the matrices of a product, and the strides within one."""
        a, b = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        a_strides, b_strides = self.place(a.index).strides, self.place(b.index).strides
        y_strides = self.place(y.index).strides
        batch = y.shape[:-2]
        loops = collapse(
            batch,
            (
                y_strides[:-2],
                broadcast(a.shape[:-2], a_strides[:-2], batch),
                broadcast(b.shape[:-2], b_strides[:-2], batch),
            ),
        )
        a_row, a_col = a_strides[-2:] if not node.transpose_a else a_strides[:-3:-1]
        b_row, b_col = b_strides[-2:] if not node.transpose_b else b_strides[:-3:-1]
        strides = {
            "a_row": a_row,
            "a_col": a_col,
            "b_row": b_row,
            "b_col": b_col,
            "out_row": y_strides[-2],
        }
        return loops, strides

    def mean(self, node: Mean) -> list[str]:
        """A mean over axes that form rows, or blocks of rows."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        strides = self.place(x.index).strides
        kept = [axis for axis in range(len(x.shape)) if axis not in node.axes]
        reduced = collapse(
            tuple(x.shape[axis] for axis in node.axes),
            (tuple(strides[axis] for axis in node.axes),),
        )
        if len(reduced) > 2:
            raise UnsupportedOpError(
                f"aot runtime: {node.label} reduces axes {list(node.axes)} of {list(x.shape)} "
                "that lie in more than two pieces"
            )
        rows = reduced[-1] if reduced else Loop(1, (1,))
        blocks = reduced[0] if len(reduced) > 1 else Loop(1, (0,))
        target = self._kept_strides(node, kept)
        loops = collapse(
            tuple(x.shape[axis] for axis in kept),
            (target, tuple(strides[axis] for axis in kept)),
        )
        inner = loops[-1] if loops and loops[-1].steps[0] == 1 else Loop(1, (1, 1))
        outer = loops[:-1] if loops and loops[-1].steps[0] == 1 else loops
        lines = struct(
            "imse_mean_t",
            {
                "out": multiplier(node.out),
                "input_offset": -x.zero_point * rows.extent * blocks.extent,
                "output_offset": y.zero_point,
                "blocks": blocks.extent,
                "block_pitch": blocks.steps[0],
                "rows": rows.extent,
                "row_pitch": rows.steps[0],
                "columns": inner.extent,
                "column_pitch": inner.steps[1],
            },
        )
        call = (
            f"{self.source.kernel(f'imse_mean_{_SUFFIX[y.dtype]}')}(&p, "
            f"{self.at(x.index)}{advance(outer, 1)}, "
            f"{self.at(y.index)}{advance(outer, 0)});"
        )
        return lines + looped(outer, [call])

    def _kept_strides(self, node: Mean, kept: Sequence[int]) -> tuple[int, ...]:
        """Output strides per axis of the input that is not reduced."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        strides = self.place(y.index).strides
        if len(y.shape) == len(x.shape):
            return tuple(strides[axis] for axis in kept)
        return strides

    def average_pool(self, node: AveragePool) -> list[str]:
        """Average pooling, per image."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        x_strides, y_strides = self.place(x.index).strides, self.place(y.index).strides
        lines = struct(
            "imse_average_pool_t",
            {
                "in_height": x.shape[1],
                "in_width": x.shape[2],
                "in_row": x_strides[1],
                "in_pixel": x_strides[2],
                "out_height": y.shape[1],
                "out_width": y.shape[2],
                "out_row": y_strides[1],
                "out_pixel": y_strides[2],
                "channels": y.shape[3],
                "filter_height": node.window[0],
                "filter_width": node.window[1],
                "stride_height": node.strides[0],
                "stride_width": node.strides[1],
                "pad_top": node.pads[0],
                "pad_left": node.pads[1],
                "low": node.low,
                "high": node.high,
            },
        )
        loops = collapse(x.shape[:1], (y_strides[:1], x_strides[:1]))
        call = (
            f"{self.source.kernel('imse_average_pool_s8')}(&p, "
            f"{self.at(x.index)}{advance(loops, 1)}, {self.at(y.index)}{advance(loops, 0)});"
        )
        return lines + looped(loops, [call])

    # Data movement

    def _copy(
        self,
        target: Placement,
        source: Placement,
        shape: tuple[int, ...],
        dtype: str,
        source_strides: tuple[int, ...] | None = None,
    ) -> list[str]:
        """Copy elements between placements of one shape."""
        strides = source.strides if source_strides is None else source_strides
        size = 2 if dtype == "int16" else 1
        loops = collapse(shape, (target.strides, strides)) or (Loop(1, (1, 1)),)
        to, origin = self.address(target, dtype), self.address(source, dtype)
        if loops[-1].steps == (1, 1):
            rows = loops[-2] if len(loops) > 1 else Loop(1, (0, 0))
            outer = loops[:-2]
            cast = "" if dtype == "int8" else "IMSE_S8"
            call = (
                f"{self.source.kernel('imse_copy_rows')}({cast}({to}{advance(outer, 0)}), "
                f"{rows.steps[0] * size}, {'IMSE_CONST_S8' if cast else ''}"
                f"({origin}{advance(outer, 1)}), "
                f"{rows.steps[1] * size}, {loops[-1].extent * size}, {rows.extent});"
            )
            return looped(outer, [call])
        if loops[-1].steps[0] != 1:
            loops = (*loops, Loop(1, (1, 1)))
        inner, outer = loops[-1], loops[:-1]
        call = (
            f"{self.source.kernel(f'imse_gather_{_SUFFIX[dtype]}')}({to}{advance(outer, 0)}, "
            f"{origin}{advance(outer, 1)}, {inner.steps[1]}, {inner.extent});"
        )
        return looped(outer, [call])

    def _move(self, output: int, target: Placement, source: int) -> list[str]:
        """Copy a whole value to a placement unless it is there."""
        value = self.value(source)
        if self.place(source).same_memory(target, value.shape):
            return []
        return self._copy(target, self.place(source), value.shape, value.dtype)

    def _vanished(self, index: int) -> bool:
        return index not in self.layout.placements

    def concat(self, node: Concat) -> list[str]:
        """Inputs that are not in their place yet are copied there."""
        output = node.outputs[0]
        ring = next((ring for ring in self.layout.rings if ring.extended == output), None)
        if ring is not None:
            return self._move(output, self._newest(ring), ring.newest)
        lines: list[str] = []
        start = 0
        rank = len(self.value(output).shape)
        for index in node.inputs:
            begin = tuple(start if axis == node.axis else 0 for axis in range(rank))
            lines += self._move(output, self.layout.part(output, begin), index)
            start += self.value(index).shape[node.axis]
        return lines

    def reshape(self, node: Reshape) -> list[str]:
        """Nothing, or a copy in order."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        source, target = self.place(x.index), self.place(y.index)
        seen = self.layout.reshaped(x.index, y.shape)
        if seen is not None:
            if seen.same_memory(target, y.shape):
                return []
            return self._copy(target, seen, y.shape, y.dtype)
        seen = self.layout.reshaped(y.index, x.shape)
        if seen is not None:
            if source.same_memory(seen, x.shape):
                return []
            return self._copy(seen, source, x.shape, x.dtype)
        raise UnsupportedOpError(
            f"aot runtime: {node.label} reshapes {list(x.shape)} to {list(y.shape)}, both parts "
            "of other tensors"
        )

    def slice(self, node: Slice) -> list[str]:
        """Nothing, or a copy of the part."""
        if self._vanished(node.outputs[0]):
            return []
        y = self.value(node.outputs[0])
        part = self.layout.part(node.inputs[0], node.begin)
        strides = tuple(s * step for s, step in zip(part.strides, node.steps, strict=True))
        target = self.place(y.index)
        seen = target
        if y.shape != node.shape:
            found = self.layout.reshaped(y.index, node.shape)
            if found is None:
                raise UnsupportedOpError(f"aot runtime: {node.label} has no layout")
            seen = found
        part = Placement(part.buffer, part.offset, strides, part.in_newest_row)
        if part.same_memory(seen, node.shape):
            return []
        return self._copy(seen, part, node.shape, y.dtype)

    def pad(self, node: Pad) -> list[str]:
        """The border, and the inside unless it is in its place."""
        output = node.outputs[0]
        if any(ring.padded == output for ring in self.layout.rings):
            return []  # the border of a ring is written by reset
        x, y = self.value(node.inputs[0]), self.value(output)
        inside = self.layout.part(output, node.before)
        move = self._move(output, inside, x.index)
        segments = _border(x.shape, y.shape, node.before, self.place(output).strides)
        if y.dtype != "int8" or segments is None:
            if not move:
                raise UnsupportedOpError(
                    f"aot runtime: {node.label} pads {y.dtype} {list(x.shape)} to {list(y.shape)}"
                )
            fill = self._fill(output, node.value)
            return fill + move
        to = self.at(output)
        lines = []
        for start, length, count, pitch in segments:
            loops = (Loop(count, (pitch,)),) if count > 1 else ()
            spot = f"{to} + {start}{advance(loops, 0)}"
            lines += looped(loops, [f"memset({spot}, {node.value}, {length});"])
        return lines + move

    def _fill(self, output: int, fill: int) -> list[str]:
        y = self.value(output)
        if y.dtype == "int16" and fill != 0:
            raise UnsupportedOpError(f"aot runtime: border of int16 '{y.name}' is not 0")
        loops = collapse(y.shape, (self.place(output).strides,))
        count = loops[-1].extent if loops else 1
        text = f"memset({self.at(output)}{advance(loops[:-1], 0)}, {fill}, {count * y.itemsize});"
        return looped(loops[:-1], [text])

    def transpose(self, node: Transpose) -> list[str]:
        """A copy with permuted strides."""
        y = self.value(node.outputs[0])
        source = self.place(node.inputs[0])
        strides = tuple(source.strides[axis] for axis in node.perm)
        return self._copy(self.place(y.index), source, y.shape, y.dtype, strides)

    # Between frames

    def epilogue(self) -> list[str]:
        """Statements after a frame: states that are not rings, and the rings' positions."""
        lines: list[str] = []
        vanished = {ring.state.name for ring in self.layout.rings}
        for state in self.program.states:
            if state.name in vanished:
                continue
            before, after = self.value(state.before), self.value(state.after)
            target = self.place(before.index)
            if not self.place(after.index).same_memory(target, before.shape):
                lines += self._copy(target, self.place(after.index), before.shape, before.dtype)
        return lines


def _border(
    inside: tuple[int, ...],
    outside: tuple[int, ...],
    before: tuple[int, ...],
    strides: tuple[int, ...],
) -> list[tuple[int, int, int, int]] | None:
    """Segments (start, length, count, pitch) of the border of a padded image.

    Returns:
        The segments, or None when the border is not around the two middle axes of a dense image.
    """
    if len(outside) != 4 or outside[0] != 1 or inside[3] != outside[3]:
        return None
    row, pixel = strides[1], strides[2]
    if pixel != outside[3] or row != pixel * outside[2]:
        return None
    top, left = before[1], before[2]
    height, width = inside[1], inside[2]
    bottom = outside[1] - top - height
    right = outside[2] - left - width
    segments = []
    if top * row + left * pixel:
        segments.append((0, top * row + left * pixel, 1, 0))
    if height > 1 and left + right:
        start = top * row + (left + width) * pixel
        segments.append((start, (left + right) * pixel, height - 1, row))
    last = (top + height - 1) * row + (left + width) * pixel
    if right * pixel + bottom * row:
        segments.append((last, right * pixel + bottom * row, 1, 0))
    return segments
