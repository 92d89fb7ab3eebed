"""Where everything lies: order of execution and layout that keep least memory in use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot.gaps import use_gaps
from firmware_gen.backends.aot.inplace import write_in_place
from firmware_gen.backends.aot.layout import Layout, make_layout
from firmware_gen.backends.aot.liveness import live_bytes, taken_bytes, value_spans
from firmware_gen.backends.aot.nodes import Concat, Program
from firmware_gen.backends.aot.rings import Ring, find_rings
from firmware_gen.backends.aot.schedule import delayed_order

_ROUNDS = 8
_WORTH = 0.5
"""Bytes of arena that a copied byte must save."""


def arrange(program: Program) -> Layout:
    """Order and layout of a program.

    Two orders of execution are tried, as given and with nodes delayed. Concatenations whose first
    parts wait long for the rest are copied together where that saves memory.

    Args:
        program: The program; its nodes may be put into another order.

    Returns:
        The layout; offsets of buffers are set later by :mod:`memory`.
    """
    rings = find_rings(program)
    given = _layout(program, rings, frozenset())
    delayed = _layout(replace(program, nodes=delayed_order(program)), rings, frozenset())
    layout = given
    if live_bytes(delayed).max(initial=0) < live_bytes(given).max(initial=0):
        program.nodes = delayed.program.nodes
        layout = replace(delayed, program=program)
    layout = _without_waiting(layout)
    use_gaps(layout)
    return layout


def _layout(program: Program, rings: tuple[Ring, ...], copied: frozenset[int]) -> Layout:
    layout = make_layout(program, rings, copied)
    write_in_place(layout)
    return layout


def _without_waiting(layout: Layout) -> Layout:
    """The layout with parts of concatenations copied where that is worth it."""
    program, copied = layout.program, frozenset[int]()
    for _ in range(_ROUNDS):
        taken = taken_bytes(layout)
        more = _waiting_parts(layout, int(np.argmax(taken))) - copied if taken.size else None
        if not more:
            break
        tried = _layout(program, layout.rings, copied | more)
        copied_bytes = sum(program.values[index].elements for index in more)
        if taken.max() - taken_bytes(tried).max() < _WORTH * copied_bytes:
            break
        layout, copied = tried, copied | more
    return layout


def _waiting_parts(layout: Layout, step: int) -> frozenset[int]:
    """Inputs of concatenations that at a step lie in memory which is filled only later."""
    spans = value_spans(layout)
    waiting: set[int] = set()
    for node in layout.program.nodes[step + 1 :]:
        whole = layout.placements.get(node.outputs[0]) if isinstance(node, Concat) else None
        if whole is None or whole.buffer.kind != "arena":
            continue
        parts = [i for i in node.inputs if layout.placements[i].buffer is whole.buffer]
        early = {index for index in parts if spans[index][0] <= step}
        if len(early) < len(node.inputs):
            waiting |= early
    return frozenset(waiting)
