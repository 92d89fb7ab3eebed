"""Operators that become tables, tables that become one, and operators on constants.

An element-wise operator with one constant value, or with the same value twice (a square), depends
on one value only: on an int8 value, or behind a table, it is a table. A change of one constant
into another one is made here. No result changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.nodes import Binary, Node, Program, Requantize, Table, Value
from firmware_gen.backends.fixedpoint import clamp, multiply

_INT8 = range(-128, 128)


def fold_tables(program: Program) -> None:
    """Turn operators into tables, merge tables and change constants, in place.

    Args:
        program: The lowered program.
    """
    kept = kept_values(program)
    readers = Counter(index for node in program.nodes for index in set(node.inputs))
    nodes: dict[Node, None] = {}
    producer: dict[int, Table] = {}
    for node in program.nodes:
        if _becomes_constant(program, node, kept):
            continue
        before = next((producer[i] for i in node.inputs if i in producer), None)
        if before is not None and (readers[before.outputs[0]] > 1 or before.outputs[0] in kept):
            before = None
        table = _as_table(program, node, before)
        if table is None:
            nodes[node] = None
            continue
        if before is not None:
            del nodes[before]
        nodes[table] = None
        producer[node.outputs[0]] = table
    program.nodes = list(nodes)


def kept_values(program: Program) -> set[int]:
    """Values that are read from outside."""
    return {program.mask, program.phase, *(state.after for state in program.states)}


def readers_of(program: Program) -> dict[int, list[Node]]:
    """Nodes that read a value, by its index."""
    readers: dict[int, list[Node]] = {}
    for node in program.nodes:
        for index in set(node.inputs):
            readers.setdefault(index, []).append(node)
    return readers


def _becomes_constant(program: Program, node: Node, kept: set[int]) -> bool:
    """Replace the result of a unary operator on a constant; False where there is none."""
    if not isinstance(node, (Table, Requantize)) or not kept.isdisjoint(node.outputs):
        return False
    x, y = program.values[node.inputs[0]], program.values[node.outputs[0]]
    compute = _of_one_value(program, node, None)
    if x.data is None or compute is None:
        return False
    data = np.array([compute(int(value)) for value in x.data.ravel()], y.dtype)
    program.values[y.index] = replace(y, data=data.reshape(y.shape))
    return True


def _as_table(program: Program, node: Node, before: Table | None) -> Table | None:
    """An operator as a table on one int8 value, or None.

    Args:
        program: The program.
        node: The operator.
        before: What gives the value that the operator depends on, and nothing else needs; or None.

    Returns:
        A table in place of the operator and of the one before.
    """
    compute = _of_one_value(program, node, None if before is None else before.outputs[0])
    if compute is None:
        return None
    if before is None:
        sources = {i for i in node.inputs if program.values[i].data is None}
        if not sources:  # a constant that is read from outside
            return None
        (source,) = sources
        if program.values[source].dtype != "int8":
            return None
        return replace(_named(node), inputs=(source,), table=tuple(map(compute, _INT8)))
    table = tuple(map(compute, before.table))
    return replace(_named(node, before), inputs=before.inputs, table=table)


def _named(node: Node, before: Table | None = None) -> Table:
    label = node.label if before is None else f"{before.label}, {node.label}"
    return Table(label=label, inputs=(), outputs=node.outputs, table=())


def _of_one_value(program: Program, node: Node, value: int | None) -> Callable[[int], int] | None:
    """An operator as a function of one quantized value (any, or a given one), or None."""
    y = program.values[node.outputs[0]]
    if value is not None and value not in node.inputs:
        return None
    if isinstance(node, Table):
        table = node.table
        return lambda q: table[q + 128]
    if isinstance(node, Requantize):
        x, out = program.values[node.inputs[0]], node.out
        low, high = multipliers.RANGES[y.dtype]
        return lambda q: clamp(multiply(q - x.zero_point, out) + y.zero_point, low, high)
    if not isinstance(node, Binary) or node.kind == "div":
        return None
    a, b = (program.values[index] for index in node.inputs)
    compute = _function(node, a, b, y)
    if a.index == b.index and a.data is None:
        return lambda q: compute(q, q)
    if b.data is not None and b.elements == 1 and a.data is None and a.elements == y.elements:
        second = int(b.data.ravel()[0])
        return lambda q: compute(q, second)
    if a.data is not None and a.elements == 1 and b.data is None and b.elements == y.elements:
        first = int(a.data.ravel()[0])
        return lambda q: compute(first, q)
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
