"""Short-lived values in parts of larger buffers that nothing has written yet.

The buffer of a concatenation is taken from its first part on; the places of later parts wait. A
value of the same shape as such a part can stay there until the part is written.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot.layout import Buffer, Layout, Placement
from firmware_gen.backends.aot.liveness import elements_of, live_bytes, taken_bytes, value_spans

GOOD_ENOUGH = 1.04
"""Ratio of the memory taken to the memory in use at which buffers stay where they are."""

_ROUNDS = 64


def use_gaps(layout: Layout) -> None:
    """Move values into gaps while that makes the arena smaller, in place.

    Strided memory costs kernels time, so nothing moves where buffers waste next to nothing.

    Args:
        layout: A layout with lifetimes; placements and buffers are changed.
    """
    enough = GOOD_ENOUGH * live_bytes(layout).max(initial=0)
    spans = value_spans(layout)
    for _ in range(_ROUNDS):
        taken = taken_bytes(layout)
        if not taken.size or taken.max() <= enough:
            return
        step = int(np.argmax(taken))
        if not _move_one(layout, step, spans):
            return


def _move_one(layout: Layout, step: int, spans: dict[int, tuple[int, int]]) -> bool:
    """Move the largest value that can leave its own buffer at a step; False if none can."""
    members: dict[Buffer, list[int]] = {}
    for index in spans:
        members.setdefault(layout.placements[index].buffer, []).append(index)
    live = [b for b in layout.buffers if b.kind == "arena" and b.first <= step <= b.last]
    for buffer in sorted(live, key=lambda b: (-b.size_bytes, b.first, b.value)):
        if len(members[buffer]) != 1:
            continue
        guest = members[buffer][0]
        for host in live:
            place = _gap(layout, guest, host, members[host], spans)
            if place is not None:
                layout.placements[guest] = place
                layout.buffers.remove(buffer)
                host.first = min(host.first, buffer.first)
                return True
    return False


def _gap(
    layout: Layout,
    guest: int,
    host: Buffer,
    residents: list[int],
    spans: dict[int, tuple[int, int]],
) -> Placement | None:
    """A place in a buffer that has the guest's shape and is free for its whole life."""
    values = layout.program.values
    kind = values[guest].shape, values[guest].dtype
    begin, end = spans[guest]
    if host.first > begin or host is layout.placements[guest].buffer:
        return None
    for resident in sorted(residents, key=lambda index: -spans[index][0]):
        if spans[resident][0] <= end or (values[resident].shape, values[resident].dtype) != kind:
            continue
        place = layout.placements[resident]
        if place.in_newest_row:
            continue
        room = elements_of(layout, resident)
        others = [i for i in residents if spans[i][0] <= end and begin <= spans[i][1]]
        if not any(np.any(room & elements_of(layout, other)) for other in others):
            return replace(place)
    return None
