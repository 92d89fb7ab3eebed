"""Offsets of buffers in the arena and in the state.

Buffers that never live at the same time share memory. Buffers are placed by size, largest first,
each at the lowest offset where it overlaps no placed buffer that lives when it does.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_gen.backends.aot.layout import Buffer, Layout

ALIGNMENT = 8


@dataclass(frozen=True)
class MemoryPlan:
    """Sizes of the static memories.

    Attributes:
        arena_bytes: Activations.
        state_bytes: Everything carried from frame to frame.
        lower_bound_bytes: Largest sum of buffers that live at the same time: no plan is smaller.
        sums: Byte offset in the state of the running sums, by ring's state name.
    """

    arena_bytes: int
    state_bytes: int
    lower_bound_bytes: int
    sums: dict[str, int]


def aligned(size: int) -> int:
    """``size`` rounded up to the alignment of buffers."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def plan_memory(layout: Layout) -> MemoryPlan:
    """Set the offset of every arena and state buffer.

    Args:
        layout: Placements with lifetimes; buffers are changed in place.

    Returns:
        The sizes.
    """
    arena = [buffer for buffer in layout.buffers if buffer.kind == "arena"]
    placed: list[Buffer] = []
    for buffer in sorted(arena, key=lambda b: (-b.size_bytes, b.first, b.value)):
        buffer.offset = _lowest_gap(buffer, placed)
        placed.append(buffer)
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
        arena_bytes=max((aligned(b.offset + b.size_bytes) for b in arena), default=0),
        state_bytes=state_bytes,
        lower_bound_bytes=_lower_bound(arena, len(layout.program.nodes)),
        sums=sums,
    )


def _lowest_gap(buffer: Buffer, placed: list[Buffer]) -> int:
    neighbours = sorted(
        (other for other in placed if other.first <= buffer.last and buffer.first <= other.last),
        key=lambda other: other.offset,
    )
    offset = 0
    for other in neighbours:
        if offset + buffer.size_bytes <= other.offset:
            break
        offset = max(offset, aligned(other.offset + other.size_bytes))
    return offset


def _lower_bound(buffers: list[Buffer], steps: int) -> int:
    return max(
        (
            sum(aligned(b.size_bytes) for b in buffers if b.first <= step <= b.last)
            for step in range(steps)
        ),
        default=0,
    )
