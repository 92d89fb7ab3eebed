"""Layers of linear attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot.emit.dsp_norms import NormLayers
from firmware_gen.backends.aot.emit.dsp_packing import FULL_RANGE, scale_parameters
from firmware_gen.backends.aot.linear import SumForm, sum_form
from firmware_gen.backends.aot.loops import collapse
from firmware_gen.backends.aot.nodes import Attend, Binary, Program
from firmware_gen.backends.aot.source import advance, looped, struct
from firmware_gen.backends.errors import UnsupportedOpError


class AttentionLayers(NormLayers):
    """The last steps of linear attention on int8 values."""

    @staticmethod
    def attends(program: Program, node: Attend) -> bool:
        values = program.values
        numerator, z, mean = (values[index] for index in node.inputs)
        rows, columns = numerator.shape[-2:]
        shapes = (*numerator.shape[:-2], rows, 1), (*numerator.shape[:-2], 1, columns)
        scaled = (node.attended, node.weighted)
        return (
            (z.shape, mean.shape) == shapes
            and columns % 4 == 0
            and all(values[i].data is None for i in node.inputs)
            and all(values[i].dtype == "int8" for i in (*node.inputs, *node.outputs))
            and all(not part.table and (part.low, part.high) == FULL_RANGE for part in scaled)
            and all(scale_parameters(part.out, 0) is not None for part in scaled)
            and _away(program, node) is not None
            and _sum(program, node) is not None
        )

    def attend(self, node: Attend) -> list[str]:
        """All rows of one head per call."""
        numerator, z, mean = node.inputs
        y = node.outputs[0]
        *outer, rows, columns = self.value(y).shape
        places = [self.place(index) for index in (y, numerator, z, mean)]
        if places[0].strides[-1] != 1 or places[1].strides[-1] != 1:
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        loops = collapse(tuple(outer), tuple(place.strides[:-2] for place in places))
        away, total = _away(self.program, node), _sum(self.program, node)
        assert away is not None  # noqa: S101 - accepted
        assert total is not None  # noqa: S101
        values = self.program.values
        inverse = self.source.constant(
            f"inverse_{self.index:03d}", np.array(node.inverse.table, np.int8)
        )
        members = {
            "inverse": f"{inverse} + 128",
            "inverse_zero_point": values[node.inverse.outputs[0]].zero_point,
            "z_zero_point": values[z].zero_point,
            "z_step": places[2].strides[-2],
            "numerator_offset": -values[numerator].zero_point,
            "attended": self._scale(node.attended),
            "away_factor": away.factor,
            "away_shares": f"{self._shares('away', away)} + 128",
            "away_zero_point": values[node.away.outputs[0]].zero_point,
            "weighted": self._scale(node.weighted),
            "sum_factor": total.factor,
            "sum_shares": f"{self._shares('sum', total)} + 128",
            "scratch": self.scratch(columns),
            "rows": rows,
            "n": columns,
            "numerator_pitch": places[1].strides[-2],
            "mean_step": places[3].strides[-1],
            "out_pitch": places[0].strides[-2],
        }
        at = [f"{self.at(i)}{advance(loops, n)}" for n, i in enumerate((y, numerator, z, mean))]
        call = f"{self.source.kernel('imse_attend_s8_dsp')}(&p, {', '.join(at[1:])}, {at[0]});"
        return struct("imse_attend_dsp_t", members) + looped(loops, [call])

    def _scale(self, node: Binary) -> str:
        parameters = scale_parameters(node.out, self.value(node.outputs[0]).zero_point)
        assert parameters is not None  # noqa: S101 - accepted
        return f"{{0, {', '.join(map(str, parameters))}}}"

    def _shares(self, name: str, form: SumForm) -> str:
        return self.source.constant(f"{name}_{self.index:03d}", np.array(form.shares, np.int32))


def _away(program: Program, node: Attend) -> SumForm | None:
    a, b = (program.values[index] for index in node.away.inputs)
    return sum_form(node.away, a, b, program.values[node.away.outputs[0]])


def _sum(program: Program, node: Attend) -> SumForm | None:
    """The sum with the weighted difference looked up."""
    result = node.result
    if result.inputs[0] != node.attended.outputs[0]:
        result = replace(result, inputs=result.inputs[::-1], a=result.b, b=result.a)
    a, b = (program.values[index] for index in result.inputs)
    return sum_form(result, a, b, program.values[result.outputs[0]])
