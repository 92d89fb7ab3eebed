"""Sums of int8 values inside fused attention and rotations, as one multiplication and a table."""

from __future__ import annotations

from dataclasses import replace

from firmware_gen.backends.aot.linear import SumForm, sum_form
from firmware_gen.backends.aot.nodes import Attend, Program, Rotate


def away_form(program: Program, node: Attend) -> SumForm | None:
    """The difference to the mean, with the mean looked up."""
    a, b = (program.values[index] for index in node.away.inputs)
    return sum_form(node.away, a, b, program.values[node.away.outputs[0]])


def total_form(program: Program, node: Attend) -> SumForm | None:
    """The sum with the weighted difference looked up."""
    result = node.result
    if result.inputs[0] != node.attended.outputs[0]:
        result = replace(result, inputs=result.inputs[::-1], a=result.b, b=result.a)
    a, b = (program.values[index] for index in result.inputs)
    return sum_form(result, a, b, program.values[result.outputs[0]])


def rotated_form(program: Program, node: Rotate, unit: int = 1) -> SumForm | None:
    """The sum with the product with sines looked up; the factor is a multiple of ``unit``."""
    a, b = (program.values[part.outputs[0]] for part in (node.straight, node.crossed))
    return sum_form(node.result, a, b, program.values[node.outputs[0]], unit)
