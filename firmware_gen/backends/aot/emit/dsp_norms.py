"""Layers of norms."""

from __future__ import annotations

from firmware_gen.backends.aot.emit.dsp_chains import ChainLayers
from firmware_gen.backends.aot.emit.dsp_packing import scale_parameters
from firmware_gen.backends.aot.emit.dsp_wide import doubles
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES, left_shift
from firmware_gen.backends.aot.nodes import Moments, Multiplier, Program, ReciprocalRoot, RowNorm
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.fixedpoint import multiply

_ROOT_BITS = 20  # IMSE_ROOT_BITS
_MOST_ELEMENTS = 1 << 14  # the doubled sum of as many int16 values fits 32 bits


class NormLayers(ChainLayers):
    """Norms of rows of int16 values, and roots."""

    @staticmethod
    def norms(program: Program, node: RowNorm) -> bool:
        return _members(program, node) is not None

    def row_norm(self, node: RowNorm) -> list[str]:
        """All rows at once, where their distance is one."""
        x, y = node.inputs[0], node.outputs[0]
        *outer_shape, columns = self.value(x).shape
        outer = collapse(
            tuple(outer_shape), (self.place(y).strides[:-1], self.place(x).strides[:-1])
        )
        rows = outer[-1] if outer else Loop(1, (columns, columns))
        members = _members(self.program, node)
        assert members is not None  # noqa: S101 - accepted
        sizes = {
            "rows": rows.extent,
            "n": columns,
            "in_pitch": rows.steps[1],
            "out_pitch": rows.steps[0],
        }
        loops = outer[:-1]
        call = (
            f"{self.source.kernel('imse_norm_s16_s8_dsp')}(&p, {self.at(x)}{advance(loops, 1)}, "
            f"{self.at(y)}{advance(loops, 0)});"
        )
        return struct("imse_norm_s16_dsp_t", {**members, **sizes}) + looped(loops, [call])

    @staticmethod
    def takes_moments(program: Program, node: Moments) -> bool:
        value = program.values[node.inputs[0]]
        last = len(value.shape) - 1
        even = value.shape[-1] % 2 == 0 and last not in node.mean.axes and len(node.mean.axes) < 3
        return even and value.dtype == "int16" and _difference(program, node) is not None

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
        share, square = _difference(self.program, node) or ("", "")
        members = {
            "mean": multiplier(node.mean.out),
            "variance": multiplier(node.variance.out),
            "share": share,
            "square": square,
            "blocks": blocks.extent,
            "block_pitch": blocks.steps[0],
            "rows": rows.extent,
            "row_pitch": rows.steps[0],
            "columns": shape[-1],
        }
        at = ", ".join(self.at(index) for index in (x, *node.outputs))
        call = f"{self.source.kernel('imse_moments_s16_dsp')}(&p, {at});"
        return [*struct("imse_moments_s16_dsp_t", members), call]

    def reciprocal_root(self, node: ReciprocalRoot) -> list[str]:
        lines = [f"static const imse_multiplier_t p = {multiplier(node.out)};"]
        return lines + self.vector(node, "imse_rsqrt_s16_dsp", "&p")


def _members(program: Program, node: RowNorm) -> dict[str, object] | None:
    """Members of the kernel's parameters, without the sizes; None where it does not suit."""
    values = program.values
    x, y = values[node.inputs[0]], values[node.outputs[0]]
    difference = _difference(program, node)
    variances = node.raised.inputs.index(node.variance.outputs[0])
    epsilon = values[node.raised.inputs[1 - variances]]
    first, second = (node.raised.a, node.raised.b)[:: 1 if variances == 0 else -1]
    assert epsilon.data is not None  # noqa: S101 - a constant by construction
    wide = (node.raised, node.product)
    points = [values[part.outputs[0]].zero_point for part in (node.variance, *wide)]
    even = x.shape[-1] % 2 == 0 and x.shape[-1] <= _MOST_ELEMENTS
    full = all((part.low, part.high) == RANGES["int16"] for part in wide)
    if y.dtype != "int8" or not even or not full or any(points) or difference is None:
        return None
    factors: dict[str, tuple[Multiplier, int]] = {
        "mean": (node.mean.out, 0),
        "variance": (node.variance.out, 0),
        "sum": (node.raised.out, 0),
        "product": (node.product.out, 0),
        "result": (node.result.out, y.zero_point),
    }
    members: dict[str, object] = dict(zip(("share", "square"), difference, strict=True))
    for name, (factor, zero_point) in factors.items():
        parameters = scale_parameters(factor, zero_point)
        if parameters is None:
            return None
        if name == "product" and not doubles(parameters, factor):
            return None
        members[name] = f"{{0, {', '.join(map(str, parameters))}}}"
    # One half, a bit too small for that to matter, with a right shift.
    raised = scale_parameters(((1 << 31) - 1, -1) if first == EXACT_HALF else first, 0)
    if raised is None or node.root.out[1] > _ROOT_BITS:
        return None
    shift = left_shift(values[node.raised.outputs[0]])
    members["raised"] = f"{{0, {', '.join(map(str, raised))}}}"
    members["epsilon"] = multiply(int(epsilon.data.ravel()[0]) << shift, second)
    members["root"] = multiplier(node.root.out)
    return members


def _difference(program: Program, node: RowNorm | Moments) -> tuple[str, str] | None:
    """Rounding of the mean's share in the differences, and of their squares."""
    square, values = node.square, program.values
    mean = square.inputs.index(node.mean.outputs[0])
    big, small = (square.a, square.b)[:: 1 if mean == 1 else -1]
    parameters = [scale_parameters(factor, 0) for factor in (small, square.out)]
    points = [values[index].zero_point for index in (*square.inputs, *square.outputs)]
    if big != EXACT_HALF or any(points) or (square.low, square.high) != RANGES["int16"]:
        return None
    if None in parameters or not doubles(parameters[1] or (0, 0, 0), square.out):
        return None
    share, rounding = (f"{{0, {', '.join(map(str, found or ()))}}}" for found in parameters)
    return share, rounding
