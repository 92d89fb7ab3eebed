"""Layers of linear attention and rotations that use the Helium (MVE) kernels."""

from __future__ import annotations

import math

import numpy as np

from firmware_gen.backends.aot.emit.attention_sums import away_form, rotated_form, total_form
from firmware_gen.backends.aot.emit.mve_packing import LONGEST_STEP, rounds_right
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.linear import SUM_BITS, SumForm
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.multipliers import RANGES
from firmware_gen.backends.aot.nodes import Attend, Binary, Program, Rotate
from firmware_gen.backends.aot.rotations import angles
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.errors import UnsupportedOpError

_BLOCK = 4  # rows that the kernel takes together
_PAIRS = 8  # of a row are rotated together; with fewer, single operators take less
_HALF = 1 << (SUM_BITS - 1)  # the instruction that ends a sum rounds to nearest


class MveAttentionLayers(Emitter):
    """Linear attention and rotations on int8 values."""

    @staticmethod
    def attends(program: Program, node: Attend) -> bool:
        values = program.values
        queries, _, plain, sums, mean = (values[index].shape for index in node.inputs)
        *outer, depth, columns = values[node.inputs[1]].shape
        products, scaled = (node.numerator, node.normaliser), (node.attended, node.weighted)
        return (
            queries == (*outer, queries[-2], depth)
            and (plain, sums) == (queries, (*outer, depth, 1))
            and mean == (*outer, 1, columns)
            and all(values[i].data is None for i in node.inputs)
            and all(values[i].dtype == "int8" for i in (*node.inputs, *node.outputs))
            and not any(part.transpose_a or part.transpose_b for part in products)
            and all(_is_plain(part) for part in scaled)
            and all(rounds_right(part.out) for part in (*products, *scaled))
            and away_form(program, node) is not None
            and _narrows(total_form(program, node))
        )

    def attend(self, node: Attend) -> list[str]:
        """All rows of one head per call."""
        queries, matrix, plain, sums, mean = node.inputs
        y = node.outputs[0]
        *outer, depth, columns = self.value(matrix).shape
        rows = self.value(y).elements // (math.prod(outer) * columns)
        operands = (y, *node.inputs)
        strides = {index: self.place(index).strides for index in operands}
        dense = all(strides[index][-1] == 1 for index in (y, queries, matrix, plain))
        if not dense or max(strides[matrix][-2], strides[sums][-2]) > LONGEST_STEP:
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        steps = [(0, 4) if i in node.merged else strides[i][:-2] for i in operands]
        loops = collapse(tuple(outer), tuple(steps))
        quads = [4 * math.prod(outer) if i in node.merged else 4 for i in operands]
        away, total = away_form(self.program, node), total_form(self.program, node)
        assert away is not None  # noqa: S101 - accepted
        assert total is not None  # noqa: S101
        values = self.program.values
        inverse = self.source.constant(
            f"inverse_{self.index:03d}", np.array(node.inverse.table, np.int8)
        )
        eights, wide = -(-depth // 8) * 8, -(-columns // 8) * 8
        members = {
            "numerator": multiplier(node.numerator.out),
            "normaliser": multiplier(node.normaliser.out),
            "attended": multiplier(node.attended.out),
            "weighted": multiplier(node.weighted.out),
            "query_offset": -values[queries].zero_point,
            "matrix_offset": -values[matrix].zero_point,
            "plain_offset": -values[plain].zero_point,
            "sums_offset": -values[sums].zero_point,
            "numerator_zero_point": values[node.numerator.outputs[0]].zero_point,
            "z_zero_point": values[node.normaliser.outputs[0]].zero_point,
            "inverse": f"{inverse} + 128",
            "inverse_zero_point": values[node.inverse.outputs[0]].zero_point,
            "attended_zero_point": values[node.attended.outputs[0]].zero_point,
            "away_factor": away.factor,
            "away_shares": f"{self._shares('away', away)} + 128",
            "away_zero_point": values[node.away.outputs[0]].zero_point,
            "weighted_zero_point": values[node.weighted.outputs[0]].zero_point,
            "sum_factor": total.factor,
            "sum_shares": f"{self._shares('sum', total, _HALF)} + 128",
            "scratch": f"IMSE_S16({self.scratch((eights * (_BLOCK + 1 + wide) + 2 * wide) // 2)})",
            "rows": rows,
            "depth": depth,
            "n": columns,
            "query_quad": quads[1],
            "plain_quad": quads[3],
            "out_quad": quads[0],
            "query_pitch": strides[queries][-2],
            "matrix_pitch": strides[matrix][-2],
            "plain_pitch": strides[plain][-2],
            "sums_step": strides[sums][-2],
            "mean_step": strides[mean][-1],
            "out_pitch": strides[y][-2],
        }
        at = [f"{self.at(i)}{advance(loops, n)}" for n, i in enumerate(operands)]
        call = f"{self.source.kernel('imse_attend_s8_mve')}(&p, {', '.join(at[1:])}, {at[0]});"
        return struct("imse_attend_mve_t", members) + looped(loops, [call])

    @staticmethod
    def rotates(program: Program, node: Rotate) -> bool:
        products = (node.straight, node.crossed)
        return (
            program.values[node.inputs[0]].shape[-1] % (2 * _PAIRS) == 0
            and program.values[node.inputs[0]].dtype == "int8"
            and angles(program, node) is not None
            and all(_is_plain(part) and rounds_right(part.out) for part in products)
            and _narrows(rotated_form(program, node))
        )

    def rotate(self, node: Rotate) -> list[str]:
        """All rows that lie at one distance per call."""
        (x,), (y,) = node.inputs, node.outputs
        both, total = angles(self.program, node), rotated_form(self.program, node)
        assert both is not None  # noqa: S101 - accepted
        assert total is not None  # noqa: S101
        *outer, columns = self.value(x).shape
        places = self.place(y).strides, self.place(x).strides
        if any(strides[-1] != 1 for strides in places):
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        dense = [columns * math.prod(outer[axis + 1 :]) for axis in range(len(outer))]
        loops = collapse(tuple(outer), (*(strides[:-1] for strides in places), tuple(dense)))
        rows, loops = loops[-1] if loops else Loop(1, (0, 0, 0)), loops[:-1]
        half = columns // 2
        members = {
            "straight": multiplier(node.straight.out),
            "straight_zero_point": self.value(node.straight.outputs[0]).zero_point,
            "crossed": multiplier(node.crossed.out),
            "crossed_zero_point": self.value(node.crossed.outputs[0]).zero_point,
            "sum_factor": total.factor,
            "shares": f"{self._shares('shares', total, _HALF)} + 128",
            "offset": -self.value(x).zero_point,
            "rows": rows.extent,
            "half": half,
            "in_pitch": rows.steps[1],
            "out_pitch": rows.steps[0],
        }
        packed = both.reshape(-1, half, 2).transpose(0, 2, 1)
        name = self.source.constant(f"angles_{self.index:03d}", packed)
        call = (
            f"{self.source.kernel('imse_rotate_s8_mve')}(&p, {name}{advance(loops, 2)}, "
            f"{self.at(x)}{advance(loops, 1)}, {self.at(y)}{advance(loops, 0)});"
        )
        return struct("imse_rotate_mve_t", members) + looped(loops, [call])

    def _shares(self, name: str, form: SumForm, less: int = 0) -> str:
        shares = np.array(form.shares, np.int64) - less
        return self.source.constant(f"{name}_{self.index:03d}", shares.astype(np.int32))


def _narrows(form: SumForm | None) -> bool:
    """Whether sums that are one half smaller still fit 32 bits."""
    if form is None:
        return False
    line = 128 * form.factor >> 8
    return min(form.shares) - line - _HALF >= -(1 << 31)


def _is_plain(node: Binary) -> bool:
    """Whether a product of int8 values has neither a table nor a fused activation."""
    return not node.table and (node.low, node.high) == RANGES["int8"]
