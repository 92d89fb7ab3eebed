"""Layers of norms that use the Helium (MVE) kernels."""

from __future__ import annotations

from firmware_gen.backends.aot.emit.mve_packing import rounds_right
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES, left_shift
from firmware_gen.backends.aot.nodes import Moments, Multiplier, Program, RowNorm
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.fixedpoint import multiply

_MOST_ELEMENTS = 1 << 16  # the sum of as many int16 values fits 32 bits


class MveNormLayers(Emitter):
    """Norms of rows of int16 values, and means and variances."""

    @staticmethod
    def norms(program: Program, node: RowNorm) -> bool:
        values = program.values
        x, y = values[node.inputs[0]], values[node.outputs[0]]
        wide = (node.raised, node.product)
        points = [values[part.outputs[0]].zero_point for part in (node.variance, *wide)]
        epsilon = values[node.raised.inputs[1 - _variance(node)]]
        return (
            y.dtype == "int8"
            and x.shape[-1] % 2 == 0
            and x.shape[-1] <= _MOST_ELEMENTS
            and not any((*points, epsilon.zero_point))
            and all((part.low, part.high) == RANGES["int16"] for part in wide)
            and all(rounds_right(part.out) for part in (node.product, node.result))
            and _share(program, node) is not None
        )

    def row_norm(self, node: RowNorm) -> list[str]:
        """All rows at once, where their distance is one."""
        x, y = node.inputs[0], node.outputs[0]
        *outer_shape, columns = self.value(x).shape
        outer = collapse(
            tuple(outer_shape), (self.place(y).strides[:-1], self.place(x).strides[:-1])
        )
        rows = outer[-1] if outer else Loop(1, (columns, columns))
        share = _share(self.program, node)
        assert share is not None  # noqa: S101 - accepted
        variance = _variance(node)
        first, second = (node.raised.a, node.raised.b)[:: 1 if variance == 0 else -1]
        epsilon = self.value(node.raised.inputs[1 - variance])
        assert epsilon.data is not None  # noqa: S101 - a constant by construction
        shift = left_shift(self.value(node.raised.outputs[0]))
        members = {
            "mean": multiplier(node.mean.out),
            "share": multiplier(share),
            "square": multiplier(node.square.out),
            "variance": multiplier(node.variance.out),
            "raised": multiplier(first),
            "epsilon": multiply(int(epsilon.data.ravel()[0]) << shift, second),
            "sum": multiplier(node.raised.out),
            "root": multiplier(node.root.out),
            "product": multiplier(node.product.out),
            "result": multiplier(node.result.out),
            "zero_point": self.value(y).zero_point,
            "rows": rows.extent,
            "n": columns,
            "in_pitch": rows.steps[1],
            "out_pitch": rows.steps[0],
        }
        loops = outer[:-1]
        call = (
            f"{self.source.kernel('imse_norm_s16_s8_mve')}(&p, {self.at(x)}{advance(loops, 1)}, "
            f"{self.at(y)}{advance(loops, 0)});"
        )
        return struct("imse_norm_s16_mve_t", members) + looped(loops, [call])

    @staticmethod
    def takes_moments(program: Program, node: Moments) -> bool:
        value = program.values[node.inputs[0]]
        last = len(value.shape) - 1
        # Eight columns are summed at a time; a single one is faster on its own.
        suits = last not in node.mean.axes and len(node.mean.axes) < 3 and value.shape[-1] > 1
        return suits and value.dtype == "int16" and _share(program, node) is not None

    def moments(self, node: Moments) -> list[str]:
        """All columns at once."""
        x = node.inputs[0]
        shape, strides = self.value(x).shape, self.place(x).strides
        reduced = collapse(
            tuple(shape[axis] for axis in node.mean.axes),
            (tuple(strides[axis] for axis in node.mean.axes),),
        )
        rows = reduced[-1] if reduced else Loop(1, (0,))
        blocks = reduced[0] if len(reduced) > 1 else Loop(1, (0,))
        share = _share(self.program, node)
        assert share is not None  # noqa: S101 - accepted
        members = {
            "mean": multiplier(node.mean.out),
            "variance": multiplier(node.variance.out),
            "share": multiplier(share),
            "square": multiplier(node.square.out),
            "blocks": blocks.extent,
            "block_pitch": blocks.steps[0],
            "rows": rows.extent,
            "row_pitch": rows.steps[0],
            "columns": shape[-1],
        }
        at = ", ".join(self.at(index) for index in (x, *node.outputs))
        call = f"{self.source.kernel('imse_moments_s16_mve')}(&p, {at});"
        return [*struct("imse_moments_s16_mve_t", members), call]


def _variance(node: RowNorm) -> int:
    """Which operand of the sum the variance is."""
    return node.raised.inputs.index(node.variance.outputs[0])


def _share(program: Program, node: RowNorm | Moments) -> Multiplier | None:
    """Multiplier of the mean in the differences, or None where they do not suit the kernels."""
    square, values = node.square, program.values
    mean = square.inputs.index(node.mean.outputs[0])
    big, small = (square.a, square.b)[:: 1 if mean == 1 else -1]
    points = [values[index].zero_point for index in (*square.inputs, *square.outputs)]
    plain = big == EXACT_HALF and not any(points) and rounds_right(square.out)
    return small if plain and (square.low, square.high) == RANGES["int16"] else None
