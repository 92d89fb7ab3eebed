"""Layers of linear attention."""

from __future__ import annotations

import math

import numpy as np

from firmware_gen.backends.aot.emit.attention_sums import away_form, rotated_form, total_form
from firmware_gen.backends.aot.emit.dsp_packing import (
    FULL_RANGE,
    SUM_LIMIT,
    pack_angles,
    scale_parameters,
)
from firmware_gen.backends.aot.emit.dsp_wide_attention import WideAttentionLayers
from firmware_gen.backends.aot.linear import SumForm
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.nodes import Attend, Binary, MatMul, Program, Rotate
from firmware_gen.backends.aot.rotations import angles
from firmware_gen.backends.aot.source import advance, looped, struct
from firmware_gen.backends.errors import UnsupportedOpError

_UNIT = 256  # the kernel of a rotation has 8 fraction bits less in the factor of its sum


class AttentionLayers(WideAttentionLayers):
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
            and columns % 4 == depth % 4 == 0
            and depth * 255 * 255 < SUM_LIMIT
            and all(values[i].data is None for i in node.inputs)
            and all(values[i].dtype == "int8" for i in (*node.inputs, *node.outputs))
            and not any(part.transpose_a or part.transpose_b for part in products)
            and all(not part.table and (part.low, part.high) == FULL_RANGE for part in scaled)
            and all(scale_parameters(part.out, 0) is not None for part in (*products, *scaled))
            and away_form(program, node) is not None
            and total_form(program, node) is not None
        )

    def attend(self, node: Attend) -> list[str]:
        """All rows of one head per call."""
        queries, matrix, plain, sums, mean = node.inputs
        y = node.outputs[0]
        *outer, depth, columns = self.value(matrix).shape
        rows = self.value(y).elements // (math.prod(outer) * columns)
        operands = (y, *node.inputs)
        places = {index: self.place(index) for index in operands}
        strides = {index: place.strides for index, place in places.items()}
        if any(strides[index][-1] != 1 for index in (y, queries, matrix, plain)):
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
        members = {
            "numerator": self._scale(node.numerator),
            "normaliser": self._scale(node.normaliser),
            "query_offset": -values[queries].zero_point,
            "matrix_offset": -values[matrix].zero_point,
            "plain_offset": -values[plain].zero_point,
            "sums_offset": -values[sums].zero_point,
            "inverse": f"{inverse} + 128",
            "inverse_zero_point": values[node.inverse.outputs[0]].zero_point,
            "z_zero_point": values[node.normaliser.outputs[0]].zero_point,
            "numerator_offset": -values[node.numerator.outputs[0]].zero_point,
            "attended": self._scale(node.attended),
            "away_factor": away.factor,
            "away_shares": f"{self._shares('away', away)} + 128",
            "away_zero_point": values[node.away.outputs[0]].zero_point,
            "weighted": self._scale(node.weighted),
            "sum_factor": total.factor,
            "sum_shares": f"{self._shares('sum', total)} + 128",
            "scratch": self.scratch(depth + columns * (depth // 2 + 2)),
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
        call = f"{self.source.kernel('imse_attend_s8_dsp')}(&p, {', '.join(at[1:])}, {at[0]});"
        return struct("imse_attend_dsp_t", members) + looped(loops, [call])

    @staticmethod
    def rotates(program: Program, node: Rotate) -> bool:
        products = (node.straight, node.crossed)
        return (
            program.values[node.inputs[0]].shape[-1] % 8 == 0
            and program.values[node.inputs[0]].dtype == "int8"
            and angles(program, node) is not None
            and all(not part.table and (part.low, part.high) == FULL_RANGE for part in products)
            and all(scale_parameters(part.out, 0) is not None for part in products)
            and rotated_form(program, node, _UNIT) is not None
        )

    def rotate(self, node: Rotate) -> list[str]:
        """All rows that lie at one distance per call."""
        (x,), (y,) = node.inputs, node.outputs
        both, total = angles(self.program, node), rotated_form(self.program, node, _UNIT)
        assert both is not None  # noqa: S101 - accepted
        assert total is not None  # noqa: S101
        *outer, columns = self.value(x).shape
        places = self.place(y).strides, self.place(x).strides
        if any(strides[-1] != 1 for strides in places):
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        dense = [columns * math.prod(outer[axis + 1 :]) for axis in range(len(outer))]
        loops = collapse(tuple(outer), (*(strides[:-1] for strides in places), tuple(dense)))
        rows, loops = loops[-1] if loops else Loop(1, (0, 0, 0)), loops[:-1]
        members = {
            "straight": self._scale(node.straight),
            "crossed": self._scale(node.crossed),
            "offset": -self.value(x).zero_point,
            "sum_factor": total.factor // _UNIT,
            "shares": f"{self._shares('shares', total)} + 128",
            "rows": rows.extent,
            "half": columns // 2,
            "in_pitch": rows.steps[1],
            "out_pitch": rows.steps[0],
        }
        name = self.source.constant(f"angles_{self.index:03d}", pack_angles(both))
        call = (
            f"{self.source.kernel('imse_rotate_s8_dsp')}(&p, {name}{advance(loops, 2)}, "
            f"{self.at(x)}{advance(loops, 1)}, {self.at(y)}{advance(loops, 0)});"
        )
        return struct("imse_rotate_dsp_t", members) + looped(loops, [call])

    def _scale(self, node: Binary | MatMul) -> str:
        parameters = scale_parameters(node.out, self.value(node.outputs[0]).zero_point)
        assert parameters is not None  # noqa: S101 - accepted
        return f"{{0, {', '.join(map(str, parameters))}}}"

    def _shares(self, name: str, form: SumForm) -> str:
        return self.source.constant(f"{name}_{self.index:03d}", np.array(form.shares, np.int32))
