"""Linear attention on int16 values as one node, from the queries on.

What :mod:`firmware_gen.backends.aot.heads` left: per head a product with the matrix of keys and
values, a normaliser and its reciprocal root, and two chains of element-wise operators.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_gen.backends.aot.fold import kept_values, readers_of
from firmware_gen.backends.aot.heads import diagonal_blocks
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
        program: The program, with roots per head.
        accepts: Whether the kernel set has it.
    """
    kept = kept_values(program)
    readers = readers_of(program)
    producers = {n.outputs[0]: n for n in program.nodes if kept.isdisjoint(n.outputs)}
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        found, inside = _attend(program, node, producers)
        whole = {*inside, node}
        alone = all(whole.issuperset(readers[part.outputs[0]]) for part in inside)
        if found is not None and alone and accepts(program, found):
            fused.update(dict.fromkeys(inside))
            fused[node] = found
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def _attend(
    program: Program, node: Node, producers: dict[int, Node]
) -> tuple[WideAttend | None, list[Node]]:
    """Attention that ends with a chain, and the nodes before it; or None."""
    end = _steps(node, ("sub", "mul", "add"))
    if end is None:
        return None, []
    away, weighted, result = end
    ratio = producers.get(away.inputs[0])
    products = _steps(ratio, ("mul", "mul"))
    if products is None:
        return None, []
    first, second = products
    (attended,) = second.outputs
    normaliser = producers.get(_other(weighted, away.outputs[0]))
    root = producers.get(_other(second, first.outputs[0]))
    if not isinstance(normaliser, MatMul) or not isinstance(root, ReciprocalRoot):
        return None, []
    numerator = producers.get(_other(first, root.outputs[0]))
    if (
        away.inputs[0] != attended
        or root.inputs != normaliser.outputs
        or set(result.inputs) != {attended, weighted.outputs[0]}
        or not isinstance(numerator, MatMul)
        or numerator.blocks == 1
        or diagonal_blocks(program, producers.get(normaliser.inputs[1])) != numerator.blocks
    ):
        return None, []
    inside: list[Node] = [numerator, normaliser, root]
    inside += [ratio] if ratio is not None else []
    found = WideAttend(
        label=", ".join(part.label for part in (*inside, node)),
        inputs=(*numerator.inputs, *normaliser.inputs, away.inputs[1]),
        outputs=node.outputs,
        numerator=numerator,
        normaliser=normaliser,
        root=root,
        first=first,
        second=second,
        away=away,
        weighted=weighted,
        result=result,
    )
    return found, inside


def _other(node: Binary, operand: int) -> int:
    """The other operand, or -1 where there is not the one and another one."""
    first, second = node.inputs
    return {first: second, second: first}.get(operand, -1)


def _steps(node: Node | None, kinds: tuple[str, ...]) -> list[Binary] | None:
    """Steps of a chain, if they are of these kinds."""
    if not isinstance(node, Chain):
        return None
    steps = [step for step in node.steps if isinstance(step, Binary)]
    fits = len(steps) == len(node.steps) and [step.kind for step in steps] == [*kinds]
    return steps if fits else None
