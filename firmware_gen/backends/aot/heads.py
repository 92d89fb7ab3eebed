"""Attention over heads: what a mask of heads makes superfluous.

A product with a matrix that was multiplied by a mask, zeros outside of the blocks of the heads, is
one product per head; of a product that is multiplied by such a mask, only the blocks are needed.
Where all columns of a block are the same, so are the results for all channels of a head: the
normaliser of linear attention and its root are computed once per head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot.fold import kept_values, readers_of
from firmware_gen.backends.aot.nodes import (
    Attend,
    Binary,
    Chain,
    MatMul,
    Node,
    Program,
    ReciprocalRoot,
    Reshape,
    Table,
    Transpose,
    Value,
)


def split_heads(program: Program) -> None:
    """Mark products that fall into blocks, in place.

    Args:
        program: The program.
    """
    producers = {node.outputs[0]: node for node in program.nodes}
    for position, node in enumerate(program.nodes):
        if not isinstance(node, MatMul) or node.transpose_b:
            continue
        blocks = diagonal_blocks(program, producers.get(node.inputs[1]))
        if blocks > 1 and not node.transpose_a:
            program.nodes[position] = replace(node, blocks=blocks)
            continue
        readers = program.consumers(node.outputs[0])
        needed = diagonal_blocks(program, readers[0]) if len(readers) == 1 else 1
        if needed > 1 and node.outputs[0] not in kept_values(program):
            program.nodes[position] = replace(node, needed_blocks=needed)


def share_roots(program: Program) -> None:
    """Compute roots that are the same for all channels of a head once per head, in place.

    Args:
        program: The program, with chains.
    """
    for node in list(program.nodes):
        if isinstance(node, ReciprocalRoot):
            _share_root(program, node)


def fuse_attention(program: Program, accepts: Callable[[Program, Attend], bool]) -> None:
    """Make one node of linear attention from the queries on, in place.

    Args:
        program: The program.
        accepts: Whether the kernel set has them.
    """
    kept = kept_values(program)
    readers = readers_of(program)
    producers = {node.outputs[0]: node for node in program.nodes}
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        found = _attend(node, readers, producers) if isinstance(node, Table) else None
        if found is None or not accepts(program, found):
            continue
        inside: list[Node] = [found.numerator, found.normaliser, found.inverse]
        inside += [found.attended, found.away, found.weighted]
        if kept.intersection(part.outputs[0] for part in inside):
            continue
        merged, moves = _merge(program, found, kept, producers, readers)
        fused.update(dict.fromkeys([*inside, *moves]))
        fused[found.result] = merged
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def _attend(
    inverse: Table, readers: dict[int, list[Node]], producers: dict[int, Node]
) -> Attend | None:
    """The steps around a factor, or None."""
    (z,) = inverse.inputs
    attended = _reader(readers, inverse, "mul")
    if attended is None:
        return None
    product = attended.outputs[0]
    both = [node for node in readers.get(product, []) if isinstance(node, Binary)]
    away = next((node for node in both if node.kind == "sub" and node.inputs[0] == product), None)
    weighted = _reader(readers, away, "mul")
    result = _reader(readers, weighted, "add")
    if (
        away is None
        or weighted is None
        or result is None
        or len(readers[product]) != 2
        or set(weighted.inputs) != {z, away.outputs[0]}
        or set(result.inputs) != {product, weighted.outputs[0]}
    ):
        return None
    (top,) = {*attended.inputs} - {inverse.outputs[0]}
    numerator, normaliser = producers.get(top), producers.get(z)
    if not isinstance(numerator, MatMul) or not isinstance(normaliser, MatMul):
        return None
    if len(readers[top]) != 1 or len(readers[z]) != 2:
        return None
    parts = (numerator, normaliser, inverse, attended, away, weighted, result)
    return Attend(
        label=", ".join(part.label for part in parts),
        inputs=(*numerator.inputs, *normaliser.inputs, away.inputs[1]),
        outputs=result.outputs,
        numerator=numerator,
        normaliser=normaliser,
        inverse=inverse,
        attended=attended,
        away=away,
        weighted=weighted,
        result=result,
    )


def _merge(
    program: Program,
    node: Attend,
    kept: set[int],
    producers: dict[int, Node],
    readers: dict[int, list[Node]],
) -> tuple[Attend, list[Node]]:
    """Attention on values with the heads side by side, and the moves it does not need then."""
    names, moves = {}, []
    for index in dict.fromkeys((node.inputs[0], node.inputs[2])):
        back = [producers.get(index)]
        while back[-1] is not None and len(back) < 3:
            back.append(producers.get(back[-1].inputs[0]))
        found = _moves(back[::-1], kept, readers)
        alone = len(readers[index]) == 1 and index not in kept
        if found and alone and _splits(program, found, found[0].inputs[0], index):
            names[index] = found[0].inputs[0]
            moves += found
    (index,) = node.outputs
    forth: list[Node | None] = []
    while len(forth) < 3:
        after = readers.get(index, [])
        forth.append(after[0] if len(after) == 1 and index not in kept else None)
        index = forth[-1].outputs[0] if forth[-1] is not None else -1
    found = _moves(forth, kept, readers)
    if found and _splits(program, found, index, node.outputs[0]):
        names[node.outputs[0]] = index
        moves += found
    renamed = replace(
        node,
        inputs=tuple(names.get(i, i) for i in node.inputs),
        outputs=tuple(names.get(i, i) for i in node.outputs),
        merged=frozenset(names.values()),
    )
    return renamed, moves


def _moves(nodes: list[Node | None], kept: set[int], readers: dict[int, list[Node]]) -> list[Node]:
    """A reshape, a transposition of the second and third axis, a reshape; or nothing."""
    first, turn, last = nodes
    if not (isinstance(first, Reshape) and isinstance(last, Reshape)):
        return []
    if not isinstance(turn, Transpose) or turn.perm != (0, 2, 1, 3):
        return []
    between = (first.outputs[0], turn.outputs[0])
    alone = all(len(readers[index]) == 1 and index not in kept for index in between)
    return [first, turn, last] if alone else []


def _splits(program: Program, moves: list[Node], merged: int, split: int) -> bool:
    """Whether moves turn ``(1, 1, rows, by fours, heads, 4)`` into ``(1, heads, rows, depth)``."""
    whole, parts = program.values[merged].shape, program.values[split].shape
    turned = {program.values[move.outputs[0]].shape for move in moves[:2]}
    if len(parts) != 4 or len(whole) != 4 or parts[3] % 4:
        return False
    _, heads, rows, depth = parts
    fours = rows * depth // 4
    return (
        whole == (1, 1, rows, heads * depth)
        and parts[0] == 1
        and turned == {(1, fours, heads, 4), (1, heads, fours, 4)}
    )


def _reader(readers: dict[int, list[Node]], node: Node | None, kind: str) -> Binary | None:
    """The one operator of a kind that reads a result, if nothing else does."""
    found = readers.get(node.outputs[0], []) if node is not None else []
    (reader,) = found if len(found) == 1 else (None,)
    return reader if isinstance(reader, Binary) and reader.kind == kind else None


def _mask(program: Program, node: Node | None) -> Value | None:
    """The constant that a value is multiplied by, with as many rows and columns as the result."""
    if not isinstance(node, Binary) or node.kind != "mul":
        return None
    y = program.values[node.outputs[0]]
    for index in node.inputs:
        value = program.values[index]
        if value.data is not None and value.shape == y.shape[-2:] and value.elements == y.elements:
            return value if not (value.zero_point or y.zero_point) else None
    return None


def diagonal_blocks(program: Program, node: Node | None) -> int:
    """Number of blocks on the diagonal outside of which a value is 0.

    Args:
        program: The program.
        node: What gives the value: a product with a constant, or something else with one block.
    """
    mask = _mask(program, node)
    if mask is None or mask.data is None:
        return 1
    rows, columns = mask.shape
    data = mask.data != 0
    for blocks in range(min(rows, columns), 1, -1):
        if rows % blocks or columns % blocks:
            continue
        row, column = np.arange(rows) * blocks // rows, np.arange(columns) * blocks // columns
        if not np.any(data[row[:, None] != column]):
            return blocks
    return 1


def equal_columns(program: Program, node: Node | None) -> int:
    """The same where all columns of a block are the same, else 1.

    Args:
        program: The program.
        node: What gives the value.
    """
    blocks = diagonal_blocks(program, node)
    mask = _mask(program, node)
    if blocks == 1 or mask is None or mask.data is None or node is None:
        return 1
    others = {index for index in node.inputs if index != mask.index} or {mask.index}
    heads = mask.data.reshape(mask.shape[0], blocks, -1)
    alike = all(program.values[index].shape[-1:] in ((), (1,)) for index in others)
    equal = heads.shape[2] == 1 or (alike and bool(np.all(heads == heads[:, :, :1])))
    return blocks if equal else 1


def _share_root(program: Program, root: ReciprocalRoot) -> None:
    producers = {node.outputs[0]: node for node in program.nodes}
    product = producers.get(root.inputs[0])
    if not isinstance(product, MatMul) or product.blocks == 1:
        return
    masked = producers[product.inputs[1]]
    mask = _mask(program, masked)
    assert mask is not None  # noqa: S101 - the product has blocks
    assert mask.data is not None  # noqa: S101
    group = mask.shape[1] // product.blocks
    heads = mask.data.reshape(mask.shape[0], product.blocks, group)
    values = product.outputs[0], root.outputs[0]
    readers = [n for v in values for n in program.consumers(v) if n is not root]
    if (
        group == 1
        or equal_columns(program, masked) != product.blocks
        or program.consumers(masked.outputs[0]) != [product]
        or kept_values(program).intersection(values)
        or not all(isinstance(n, Chain) and n.group == 1 for n in readers)
    ):
        return
    mask_per_head = _add(program, mask, product.blocks, heads[:, :, 0])
    matrix, normaliser, result = (
        _add(program, program.values[index], product.blocks)
        for index in (masked.outputs[0], *values)
    )
    inputs = tuple(mask_per_head if index == mask.index else index for index in masked.inputs)
    swapped: dict[Node, Node] = {
        masked: replace(masked, inputs=inputs, outputs=(matrix,)),
        product: replace(
            product, inputs=(product.inputs[0], matrix), outputs=(normaliser,), blocks=1
        ),
        root: replace(root, inputs=(normaliser,), outputs=(result,)),
    }
    names = dict(zip(values, (normaliser, result), strict=True))
    for reader in readers:
        assert isinstance(reader, Chain)  # noqa: S101 - checked above
        swapped[reader] = _grouped(reader, names, group)
    program.nodes = [swapped.get(node, node) for node in program.nodes]


def _add(program: Program, like: Value, columns: int, data: np.ndarray | None = None) -> int:
    """Add a value with another number of columns; returns its index."""
    index = program.add_value(like, f"{like.name} per head", (*like.shape[:-1], columns))
    if data is not None:
        program.values[index] = replace(program.values[index], data=np.ascontiguousarray(data))
    return index


def _grouped(chain: Chain, names: dict[int, int], group: int) -> Chain:
    """A chain that reads some of its inputs per head."""

    def renamed(node: Node) -> Node:
        return replace(node, inputs=tuple(names.get(index, index) for index in node.inputs))

    inputs = renamed(chain).inputs
    return replace(
        chain,
        inputs=inputs,
        steps=tuple(renamed(step) for step in chain.steps),
        grouped=tuple(index for index in inputs if index in names.values()),
        group=group,
    )
