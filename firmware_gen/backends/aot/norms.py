"""Norms composed of single operators, as one node or two.

Along the last axis: mean, squared difference, mean, sum with a small constant, reciprocal root,
product and change to int8, where nothing else reads what lies between. A kernel that keeps the few
numbers of a row in registers gives the same integers. Over other axes: mean and variance, without
the squares in memory; what is applied to every value is a chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from firmware_gen.backends.aot.fold import kept_values, readers_of
from firmware_gen.backends.aot.nodes import (
    Binary,
    Mean,
    Moments,
    Node,
    Program,
    ReciprocalRoot,
    Requantize,
    RowNorm,
)


def fuse_norms(program: Program, accepts: Callable[[Program, RowNorm], bool]) -> None:
    """Replace composed norms, in place.

    Args:
        program: The program.
        accepts: Whether the kernel set has the norm.
    """
    kept = kept_values(program)
    readers = readers_of(program)
    fused: dict[Node, RowNorm | None] = {}
    for node in program.nodes:
        norm = _norm(program, node, readers) if isinstance(node, Mean) else None
        if norm is None or not accepts(program, norm):
            continue
        parts = _parts(norm)
        if any(part.outputs[0] in kept for part in parts[:-1]):
            continue
        fused.update(dict.fromkeys(parts))
        fused[norm.result] = norm
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def fuse_moments(program: Program, accepts: Callable[[Program, Moments], bool]) -> None:
    """Replace means and variances over axes other than the last one, in place.

    Args:
        program: The program.
        accepts: Whether the kernel set has them.
    """
    kept = kept_values(program)
    fused: dict[Node, Moments | None] = {}
    readers = Counter(index for node in program.nodes for index in set(node.inputs))
    means = {node.outputs[0]: node for node in program.nodes if isinstance(node, Mean)}
    squares = {
        node.outputs[0]: node
        for node in program.nodes
        if isinstance(node, Binary) and node.kind == "squared_difference"
    }
    for variance in means.values():
        square = squares.get(variance.inputs[0])
        if square is None or readers[square.outputs[0]] > 1 or square.outputs[0] in kept:
            continue
        mean = next((means[index] for index in square.inputs if index in means), None)
        if mean is None or set(square.inputs) != {mean.outputs[0], *mean.inputs}:
            continue
        if mean in fused:  # with another variance around the same mean
            continue
        moments = Moments(
            label=f"{mean.label}, {square.label}, {variance.label}",
            inputs=mean.inputs,
            outputs=(mean.outputs[0], variance.outputs[0]),
            mean=mean,
            square=square,
            variance=variance,
        )
        if mean.axes == variance.axes and accepts(program, moments):
            fused |= {mean: moments, square: None, variance: None}
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def _parts(norm: RowNorm) -> list[Node]:
    return [
        norm.mean,
        norm.square,
        norm.variance,
        norm.raised,
        norm.root,
        norm.product,
        norm.result,
    ]


def _norm(program: Program, mean: Mean, readers: dict[int, list[Node]]) -> RowNorm | None:
    """The norm that starts with a mean, or None."""
    (x,) = mean.inputs
    value = program.values[x]
    last = len(value.shape) - 1
    if value.dtype != "int16" or mean.axes != (last,):
        return None

    def reader(node: Node | None) -> Node | None:
        """What reads a result, if it is one operator."""
        found = readers.get(node.outputs[0], []) if node is not None else []
        return found[0] if len(found) == 1 else None

    square = reader(mean)
    variance = reader(square)
    raised = reader(variance)
    root = reader(raised)
    product = reader(root)
    result = reader(product)
    if (
        isinstance(square, Binary)
        and square.kind == "squared_difference"
        and set(square.inputs) == {x, mean.outputs[0]}
        and isinstance(variance, Mean)
        and variance.axes == (last,)
        and isinstance(raised, Binary)
        and raised.kind == "add"
        and _constant(program, raised)
        and isinstance(root, ReciprocalRoot)
        and isinstance(product, Binary)
        and product.kind == "mul"
        and set(product.inputs) == {x, root.outputs[0]}
        and isinstance(result, Requantize)
    ):
        return RowNorm(
            label=f"{mean.label} to {result.label}",
            inputs=(x,),
            outputs=result.outputs,
            mean=mean,
            square=square,
            variance=variance,
            raised=raised,
            root=root,
            product=product,
            result=result,
        )
    return None


def _constant(program: Program, node: Binary) -> bool:
    values = [program.values[index] for index in node.inputs]
    return any(v.data is not None and v.elements == 1 for v in values)
