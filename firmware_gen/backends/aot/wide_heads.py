"""Linear attention on int16 values as one node, from the queries on.

What :mod:`firmware_gen.backends.aot.heads` left: per head a product with the matrix of keys and
values, a normaliser and its reciprocal root, and the element-wise operators behind them, on their
own or in chains.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_gen.backends.aot.fold import kept_values, readers_of
from firmware_gen.backends.aot.heads import equal_columns
from firmware_gen.backends.aot.nodes import (
    Binary,
    Chain,
    MatMul,
    Node,
    Program,
    ReciprocalRoot,
    WideAttend,
)


def fuse_wide_attention(program: Program, accepts: Callable[[Program, WideAttend], bool]) -> None:
    """Make one node of every attention on int16 values, in place.

    Args:
        program: The program, with products in blocks.
        accepts: Whether the kernel set has it.
    """
    kept = kept_values(program)
    readers = readers_of(program)
    nodes = {index: node for node in program.nodes for index in _made(node)}
    steps = {step.outputs[0]: step for node in program.nodes for step in _steps(node)}
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        found = _attend(program, node, steps)
        if found is None:
            continue
        parts: tuple[Node, ...] = (found.numerator, found.normaliser, found.root)
        parts += (found.first, found.second, found.away, found.weighted, found.result)
        inside = list(dict.fromkeys(nodes[part.outputs[0]] for part in parts))
        alone = {index for n in inside for index in _made(n)} == {p.outputs[0] for p in parts}
        before = [n for n in inside if n is not node]
        for part in before:
            result = part.outputs[0]
            alone = alone and result not in kept and set(inside).issuperset(readers[result])
        if alone and accepts(program, found):
            fused.update(dict.fromkeys(before))
            fused[node] = found
    kept_nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in kept_nodes if node is not None]


def _attend(program: Program, node: Node, steps: dict[int, Node]) -> WideAttend | None:
    """Attention that ends with a node; or None."""
    result = _step(steps, node.outputs[0], "add")
    for index in result.inputs if result is not None else ():
        weighted = _step(steps, index, "mul")
        for operand in weighted.inputs if weighted is not None else ():
            away = _step(steps, operand, "sub")
            if away is not None and weighted is not None and result is not None:
                found = _before(program, (away, weighted, result), steps)
                if found is not None:
                    return found
    return None


def _before(
    program: Program, end: tuple[Binary, Binary, Binary], steps: dict[int, Node]
) -> WideAttend | None:
    """Attention with these last operators; or None."""
    away, weighted, result = end
    attended = away.inputs[0]
    second = _step(steps, attended, "mul")
    normaliser = steps.get(_other(weighted, away.outputs[0]))
    if (
        second is None
        or not isinstance(normaliser, MatMul)
        or set(result.inputs) != {attended, weighted.outputs[0]}
    ):
        return None
    for index in second.inputs:
        root, first = steps.get(index), _step(steps, _other(second, index), "mul")
        if not isinstance(root, ReciprocalRoot) or first is None:
            continue
        numerator = steps.get(_other(first, index))
        if (
            root.inputs == normaliser.outputs
            and isinstance(numerator, MatMul)
            and numerator.blocks > 1
            and equal_columns(program, steps.get(normaliser.inputs[1])) == numerator.blocks
        ):
            parts: list[Node] = [numerator, normaliser, root, first, second, *end]
            return WideAttend(
                label=", ".join(part.label for part in parts),
                inputs=(*numerator.inputs, *normaliser.inputs, away.inputs[1]),
                outputs=result.outputs,
                numerator=numerator,
                normaliser=normaliser,
                root=root,
                first=first,
                second=second,
                away=away,
                weighted=weighted,
                result=result,
            )
    return None


def _steps(node: Node) -> tuple[Node, ...]:
    return node.steps if isinstance(node, Chain) else (node,)


def _made(node: Node) -> list[int]:
    """Values that a node computes, those inside of a chain too."""
    return [step.outputs[0] for step in _steps(node)]


def _other(node: Binary, operand: int) -> int:
    """The other operand, or -1 where there is not the one and another one."""
    first, second = node.inputs
    return {first: second, second: first}.get(operand, -1)


def _step(steps: dict[int, Node], index: int, kind: str) -> Binary | None:
    """The operator that gives a value, if it is of a kind."""
    step = steps.get(index)
    return step if isinstance(step, Binary) and step.kind == kind and not step.table else None
