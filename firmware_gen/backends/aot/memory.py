"""Offsets of buffers in the arena and in the state.

Buffers that never live at the same time share memory. Buffers are placed one after the other, each
at the lowest offset where it overlaps no placed buffer that lives when it does. In which order
decides how much is lost to gaps: several orders are tried, then the buffer that reaches highest is
moved forward again and again until the plan is as small as it can be, or stays as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from firmware_gen.backends.aot.layout import Buffer, Layout
from firmware_gen.backends.aot.liveness import live_bytes

ALIGNMENT = 8

_MAX_WORK = 4_000_000
"""Pairs of buffers that improving a plan may look at."""

_LEAST_TRIES = 32
"""Plans that are tried of a network with very many buffers, of which few live at the same time."""

_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.size_bytes, b.first, b.value),
    lambda b: (-b.size_bytes * (b.last - b.first + 1), b.first, b.value),
    lambda b: (b.first - b.last, -b.size_bytes, b.value),
    lambda b: (b.first, -b.size_bytes, b.value),
)


@dataclass(frozen=True)
class MemoryPlan:
    """Sizes of the static memories.

    Attributes:
        arena_bytes: Activations and scratch.
        state_bytes: Everything carried from frame to frame.
        lower_bound_bytes: Largest sum of values that live at the same time: no plan is smaller.
        sums: Byte offset in the state of the running sums, by ring's state name.
        scratch: Scratch memory of the kernels, by position of the node.
    """

    arena_bytes: int
    state_bytes: int
    lower_bound_bytes: int
    sums: Mapping[str, int]
    scratch: Mapping[int, Buffer]


def aligned(size: int) -> int:
    """``size`` rounded up to the alignment of buffers."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def plan_memory(layout: Layout, scratch_bytes: Mapping[int, int]) -> MemoryPlan:
    """Set the offset of every arena and state buffer.

    Args:
        layout: Placements with lifetimes; buffers are changed in place.
        scratch_bytes: Scratch memory that kernels need, by position of the node.

    Returns:
        The sizes.
    """
    scratch = {
        position: Buffer("arena", -1 - position, size, first=position, last=position)
        for position, size in scratch_bytes.items()
    }
    arena = [buffer for buffer in layout.buffers if buffer.kind == "arena"]
    needed = live_bytes(layout)
    for position, size in scratch_bytes.items():
        needed[position] += size
    bound = int(needed.max(initial=0))
    state_bytes = 0
    for buffer in layout.buffers:
        if buffer.kind == "state":
            buffer.offset = state_bytes
            state_bytes += aligned(buffer.size_bytes)
    sums: dict[str, int] = {}
    for ring in layout.rings:
        if ring.window is not None:
            sums[ring.state.name] = state_bytes
            channels = layout.program.values[ring.newest].shape[-1]
            state_bytes += aligned(4 * channels)
    return MemoryPlan(
        arena_bytes=place_buffers([*arena, *scratch.values()]),
        state_bytes=state_bytes,
        lower_bound_bytes=bound,
        sums=sums,
        scratch=scratch,
    )


def place_buffers(buffers: Sequence[Buffer]) -> int:
    """Set the offsets of buffers so that they take little memory.

    Args:
        buffers: Buffers with sizes and lifetimes; their offsets are set.

    Returns:
        The size of the memory that holds them.
    """
    if not buffers:
        return 0
    sizes = np.array([aligned(b.size_bytes) for b in buffers])
    first, last = (np.array([getattr(b, name) for b in buffers]) for name in ("first", "last"))
    together = (first[:, None] <= last) & (last[:, None] >= first)
    # No plan can take less than the buffers that live when some buffer begins to.
    bound = int((((first <= first[:, None]) & (last >= first[:, None])) @ sizes).max())
    np.fill_diagonal(together, False)
    neighbours = [np.flatnonzero(row).tolist() for row in together]
    numbers = range(len(buffers))
    best: tuple[int, list[int]] | None = None
    for key in _ORDERS:
        order = sorted(numbers, key=lambda i, key=key: key(buffers[i]))  # type: ignore[misc]
        found = _improve(order, sizes.tolist(), neighbours, bound)
        if best is None or found[0] < best[0]:
            best = found
        if best[0] <= bound:
            break
    assert best is not None  # noqa: S101 - there is at least one order
    for buffer, offset in zip(buffers, best[1], strict=True):
        buffer.offset = offset
    return best[0]


def _improve(
    order: list[int], sizes: list[int], neighbours: list[list[int]], bound: int
) -> tuple[int, list[int]]:
    """Size and offsets of the best plan found by moving the highest buffer forward."""
    tries = max(_LEAST_TRIES, _MAX_WORK // (len(_ORDERS) * len(order) ** 2))
    rng = random.Random(0)  # noqa: S311 - the same plan every time
    best: tuple[int, list[int]] | None = None
    seen: set[tuple[int, ...]] = set()
    for _ in range(tries):
        offsets = _place(order, sizes, neighbours)
        tops = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
        size = max(tops)
        if best is None or size < best[0]:
            best = size, offsets
        if best[0] <= bound:
            break
        highest = tops.index(size)
        place = order.index(highest)
        others = [*order[:place], *order[place + 1 :]]
        order = [highest, *others]
        while tuple(order) in seen and place > 0:
            # A dead end: anywhere in front of its place will do.
            place = rng.randrange(place)
            order = [*others[:place], highest, *others[place:]]
        if tuple(order) in seen:
            break
        seen.add(tuple(order))
    assert best is not None  # noqa: S101 - there is at least one try
    return best


def _place(order: list[int], sizes: list[int], neighbours: list[list[int]]) -> list[int]:
    """Lowest free offset of every buffer, in this order."""
    offsets = [-1] * len(order)
    for number in order:
        offset, size = 0, sizes[number]
        placed = sorted((offsets[i], sizes[i]) for i in neighbours[number] if offsets[i] >= 0)
        for begin, length in placed:
            if offset + size <= begin:
                break
            offset = max(offset, begin + length)
        offsets[number] = offset
    return offsets
