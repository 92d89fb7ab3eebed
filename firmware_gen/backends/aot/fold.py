"""Operators that become tables, and tables that become one.

An element-wise operator with one constant value, or with the same value twice (a square), depends
on one int8 value only. Tables in a row are composed. Nothing changes in the results.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.nodes import Binary, Node, Program, Table, Value
from firmware_gen.backends.fixedpoint import clamp, multiply

_INT8 = range(-128, 128)


def fold_tables(program: Program) -> None:
    """Turn operators into tables and merge tables, in place.

    Args:
        program: The lowered program.
    """
    program.nodes = [_as_table(program, node) or node for node in program.nodes]
    kept = kept_values(program)
    merged: list[Node] = []
    producer: dict[int, Table] = {}
    for node in program.nodes:
        if isinstance(node, Table):
            before = producer.get(node.inputs[0])
            single = len(program.consumers(node.inputs[0])) == 1
            if before is not None and single and node.inputs[0] not in kept:
                merged.remove(before)
                node = _compose(before, node)
            if program.values[node.outputs[0]].dtype == "int8":
                producer[node.outputs[0]] = node
        merged.append(node)
    program.nodes = merged


def kept_values(program: Program) -> set[int]:
    """Values that are read from outside."""
    return {program.mask, program.phase, *(state.after for state in program.states)}


def _compose(first: Table, second: Table) -> Table:
    return Table(
        label=f"{first.label}, {second.label}",
        inputs=first.inputs,
        outputs=second.outputs,
        table=tuple(second.table[value + 128] for value in first.table),
    )


def _as_table(program: Program, node: Node) -> Table | None:
    if not isinstance(node, Binary) or node.kind == "div":
        return None
    a, b = (program.values[index] for index in node.inputs)
    y = program.values[node.outputs[0]]
    if y.dtype != "int8":
        return None
    compute = _function(node, a, b, y)
    if a.index == b.index and a.data is None:
        table = tuple(compute(q, q) for q in _INT8)
        return Table(label=node.label, inputs=(a.index,), outputs=node.outputs, table=table)
    if b.data is not None and b.elements == 1 and a.data is None and a.elements == y.elements:
        constant = int(b.data.ravel()[0])
        table = tuple(compute(q, constant) for q in _INT8)
        return Table(label=node.label, inputs=(a.index,), outputs=node.outputs, table=table)
    if a.data is not None and a.elements == 1 and b.data is None and b.elements == y.elements:
        constant = int(a.data.ravel()[0])
        table = tuple(compute(constant, q) for q in _INT8)
        return Table(label=node.label, inputs=(b.index,), outputs=node.outputs, table=table)
    return None


def _function(node: Binary, a: Value, b: Value, y: Value) -> Callable[[int, int], int]:
    """The operator on quantized values, as the kernels compute it."""

    def finish(value: int) -> int:
        return clamp(multiply(value, node.out) + y.zero_point, node.low, node.high)

    def product(p: int, q: int) -> int:
        return finish((p - a.zero_point) * (q - b.zero_point))

    shift = multipliers.left_shift(y)
    sign = -1 if node.kind == "sub" else 1

    def total(p: int, q: int) -> int:
        first = multiply((p - a.zero_point) << shift, node.a)
        second = multiply((q - b.zero_point) << shift, node.b)
        return finish(first + sign * second)

    def square(p: int, q: int) -> int:
        first = multiply((p - a.zero_point) << multipliers.square_shift(y), node.a)
        second = multiply((q - b.zero_point) << multipliers.square_shift(y), node.b)
        return finish((first - second) ** 2)

    kinds: dict[str, Callable[[int, int], int]] = {
        "mul": product,
        "squared_difference": square,
        "minimum": min,
        "maximum": max,
    }
    return kinds.get(node.kind, total)
