"""Element-wise operators that write over an operand."""

from __future__ import annotations

from dataclasses import replace

from firmware_gen.backends.aot.layout import Layout
from firmware_gen.backends.aot.nodes import (
    Attend,
    Binary,
    Chain,
    Node,
    Prelu,
    Requantize,
    Rotate,
    Table,
    WideAttend,
)

_ELEMENTWISE = (Attend, Binary, Chain, Prelu, Requantize, Rotate, Table, WideAttend)


def write_in_place(layout: Layout) -> None:
    """Give results of element-wise operators the memory of an operand that dies there.

    The kernels read an element before they write the one at its place, so this is safe where
    operand and result have the same elements at the same places.

    Args:
        layout: A layout with lifetimes; placements and buffers are changed in place.
    """
    for position, node in enumerate(layout.program.nodes):
        if isinstance(node, _ELEMENTWISE):
            _reuse(layout, position, node)


def _reuse(layout: Layout, position: int, node: Node) -> None:
    values, placements = layout.program.values, layout.placements
    y = node.outputs[0]
    result = placements[y].buffer
    if result.kind != "arena" or result.value != y or result.first != position:
        return
    for x in node.inputs:
        place = placements[x]
        buffer = place.buffer
        same_type = (values[x].shape, values[x].dtype) == (values[y].shape, values[y].dtype)
        if not same_type or buffer.kind != "arena" or buffer.last != position:
            continue
        others = [placements[i] for i in node.inputs if i != x]
        if any(other.buffer is buffer for other in others):
            continue
        moved = replace(placements[y], buffer=buffer)
        if buffer.size_bytes != result.size_bytes or not place.same_memory(moved, values[y].shape):
            continue
        buffer.last = max(buffer.last, result.last)
        layout.buffers.remove(result)
        for index, placement in placements.items():
            if placement.buffer is result:
                placements[index] = replace(placement, buffer=buffer)
        return
