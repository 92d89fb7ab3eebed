"""Rotations by constant angles, such as those of position codes.

``x * cosines + swapped(x) * sines``, where ``swapped`` exchanges the halves of every row, becomes
one node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot.fold import kept_values, readers_of
from firmware_gen.backends.aot.nodes import Binary, Concat, Node, Program, Rotate, Slice


def fuse_rotations(program: Program, accepts: Callable[[Program, Rotate], bool]) -> None:
    """Make one node of every rotation, in place.

    Args:
        program: The program.
        accepts: Whether the kernel set has it.
    """
    kept = kept_values(program)
    readers = readers_of(program)
    inner = {
        node.outputs[0]: node
        for node in program.nodes
        if len(node.outputs) == 1
        and node.outputs[0] not in kept
        and len(readers.get(node.outputs[0], [])) == 1
    }
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        if not isinstance(node, Binary) or node.kind != "add":
            continue
        for order in (node, replace(node, inputs=node.inputs[::-1], a=node.b, b=node.a)):
            found, inside = _rotation(program, order, inner)
            if found is not None and accepts(program, found):
                fused.update(dict.fromkeys(inside))
                fused[node] = found
                break
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def _rotation(
    program: Program, result: Binary, inner: dict[int, Node]
) -> tuple[Rotate | None, list[Node]]:
    """A rotation whose product with cosines is the first operand of a sum, and what it replaces."""
    straight, crossed = (inner.get(index) for index in result.inputs)
    if not isinstance(straight, Binary) or not isinstance(crossed, Binary):
        return None, []
    if straight.kind != "mul" or crossed.kind != "mul":
        return None, []
    (x, cosines), (swapped, sines) = (_constant_last(program, n) for n in (straight, crossed))
    joined = inner.get(swapped)
    if not isinstance(joined, Concat) or len(joined.inputs) != 2:
        return None, []
    shape = program.values[x].shape
    half = shape[-1] // 2
    parts = [inner.get(index) for index in joined.inputs]
    for part, begin in zip(parts, (half, 0), strict=True):
        if not isinstance(part, Slice) or part.inputs != (x,) or set(part.steps) != {1}:
            return None, []
        if part.begin != (*(0 for _ in shape[:-1]), begin) or part.shape != (*shape[:-1], half):
            return None, []
    if (
        joined.axis % len(shape) != len(shape) - 1
        or program.values[result.outputs[0]].shape != shape
    ):
        return None, []
    inside = [straight, crossed, joined, *(part for part in parts if part is not None)]
    node = Rotate(
        label=", ".join(part.label for part in (straight, crossed, result)),
        inputs=(x,),
        outputs=result.outputs,
        cosines=cosines,
        sines=sines,
        straight=straight,
        crossed=crossed,
        result=result,
    )
    return node, inside


def _constant_last(program: Program, node: Binary) -> tuple[int, int]:
    """Operands of a product, a constant one at last."""
    first, second = node.inputs
    return (first, second) if program.values[first].data is None else (second, first)


def angles(program: Program, node: Rotate) -> np.ndarray | None:
    """Cosines and sines of a rotation.

    Args:
        program: The program.
        node: The rotation.

    Returns:
        int8 ``[pairs][2]``: cosine and sine of every pair; None where cosines differ in the halves
        of a row, or sines do not only differ in sign.
    """
    x = program.values[node.inputs[0]]
    halves = []
    for index in (node.cosines, node.sines):
        constant = program.values[index]
        plain = constant.dtype == "int8" and constant.zero_point == 0
        if constant.data is None or constant.shape != x.shape or not plain:
            return None
        halves.append(constant.data.astype(np.int16).reshape(-1, 2, x.shape[-1] // 2))
    cosines, sines = halves
    if np.any(cosines[:, 0] != cosines[:, 1]) or np.any(sines[:, 0] != -sines[:, 1]):
        return None
    return np.stack([cosines[:, 1].ravel(), sines[:, 1].ravel()], axis=1).astype(np.int8)
