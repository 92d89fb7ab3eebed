"""Which tensors share memory, and how each lies in its buffer.

Every value has a placement: a buffer, an offset and a stride per axis. A slice is a view of its
source; the inputs of a concatenation or a padding are written straight into its output; a reshape
shares its input's memory where the strides allow. What is split, worked on and concatenated again
stays where it is. What cannot be aliased is copied by the node that would otherwise vanish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from firmware_gen.backends.aot.nodes import Concat, Pad, Program, Reshape, Slice
from firmware_gen.backends.aot.rings import Ring

BufferKind = Literal["arena", "state", "constant", "features", "mask", "phase"]


@dataclass(eq=False)
class Buffer:
    """Contiguous memory with the layout of one value.

    Attributes:
        kind: Where it lies.
        value: Value whose elements it holds in order.
        size_bytes: Size.
        offset: Byte offset in the arena or the state, set when memory is planned.
        first: Index of the first node that uses it.
        last: Index of the last node that uses it.
        ring: The ring it is the buffer of.
    """

    kind: BufferKind
    value: int
    size_bytes: int
    offset: int = -1
    first: int = 1 << 30
    last: int = -1
    ring: Ring | None = None


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a value lies.

    Attributes:
        buffer: Its buffer.
        offset: Elements from the start of the buffer (of the newest row for ``in_newest_row``).
        strides: Elements per axis.
        in_newest_row: Whether the offset counts from the ring's newest row.
    """

    buffer: Buffer
    offset: int
    strides: tuple[int, ...]
    in_newest_row: bool = False

    def same_memory(self, other: Placement, shape: tuple[int, ...]) -> bool:
        """Whether two placements of a shape are the same elements."""
        return (
            self.buffer is other.buffer
            and self.offset == other.offset
            and self.in_newest_row == other.in_newest_row
            and all(
                a == b or size == 1
                for a, b, size in zip(self.strides, other.strides, shape, strict=True)
            )
        )


@dataclass(frozen=True, eq=False)
class _Link:
    parent: int
    place: Callable[[Placement], Placement | None]


@dataclass(eq=False)
class Layout:
    """Placements of all values.

    Attributes:
        program: The program.
        rings: State held in ring buffers.
        buffers: All buffers, in order of first use.
        placements: Placement per value; values without one are never read nor written.
    """

    program: Program
    rings: tuple[Ring, ...]
    buffers: list[Buffer] = field(default_factory=list)
    placements: dict[int, Placement] = field(default_factory=dict)

    def part(self, whole: int, begin: tuple[int, ...]) -> Placement:
        """Placement of the part of a value that starts at ``begin``."""
        return _part(self.placements[whole], begin)

    def reshaped(self, value: int, shape: tuple[int, ...]) -> Placement | None:
        """A value's memory seen in another shape, or None when strides do not allow it."""
        return _reshape(self.placements[value], self.program.values[value].shape, shape)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a dense row-major tensor."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple(strides)


def _part(whole: Placement, begin: tuple[int, ...]) -> Placement:
    offset = whole.offset + sum(i * s for i, s in zip(begin, whole.strides, strict=True))
    return Placement(whole.buffer, offset, whole.strides, whole.in_newest_row)


def _reshape(placement: Placement, old: tuple[int, ...], new: tuple[int, ...]) -> Placement | None:
    """The same elements in order with another shape."""
    groups: list[list[int]] = []  # extent and stride of maximal runs, outer first
    for size, stride in zip(old, placement.strides, strict=True):
        if size == 1:
            continue
        if groups and groups[-1][1] == size * stride:
            groups[-1] = [groups[-1][0] * size, stride]
        else:
            groups.append([size, stride])
    strides = [0] * len(new)
    for axis in range(len(new) - 1, -1, -1):
        if new[axis] == 1:
            strides[axis] = 1
            continue
        if not groups or groups[-1][0] % new[axis]:
            return None
        extent, stride = groups[-1]
        strides[axis] = stride
        if extent == new[axis]:
            groups.pop()
        else:
            groups[-1] = [extent // new[axis], stride * new[axis]]
    return Placement(placement.buffer, placement.offset, tuple(strides), placement.in_newest_row)


def make_layout(
    program: Program, rings: tuple[Ring, ...], copied: frozenset[int] = frozenset()
) -> Layout:
    """Place every value.

    Args:
        program: The lowered program.
        rings: Its ring buffers.
        copied: Inputs of concatenations that get memory of their own and are copied.

    Returns:
        The layout; offsets of buffers are set later by :mod:`memory`.
    """
    return _Placer(program, rings, copied).run()


class _Placer:
    """One run over a program."""

    def __init__(self, program: Program, rings: tuple[Ring, ...], copied: frozenset[int]) -> None:
        self.program = program
        self.rings = rings
        self.copied = copied
        self.layout = Layout(program, rings)
        self.links: dict[int, _Link] = {}
        self.fixed: dict[int, BufferKind] = {}
        self.ring_of_root = {ring.root: ring for ring in rings}
        self.vanished = {index for ring in rings for index in (ring.state.before, ring.state.after)}
        self.ring_values = {ring.extended for ring in rings}
        self.pads = {n.outputs[0]: n for n in program.nodes if isinstance(n, Pad)}
        self.part_of: dict[int, tuple[int, int]] = {}  # into what, from which channel

    def run(self) -> Layout:
        self._fix_ends()
        for ring in self.rings:
            self._link_ring(ring)
        for node in reversed(self.program.nodes):
            if isinstance(node, Concat) and node.outputs[0] not in self.ring_values:
                self._link_concat(node)
            elif isinstance(node, Pad) and node.outputs[0] not in self.ring_of_root:
                self._link_pad(node)
            elif isinstance(node, Slice) and node.outputs[0] not in self.vanished:
                self._link_slice(node)
            elif isinstance(node, Reshape):
                self._link_reshape(node.inputs[0], node.outputs[0])
        for node in self.program.nodes:
            if isinstance(node, Concat) and node.outputs[0] not in self.ring_values:
                self._share_source(node)
        for node in self.program.nodes:
            for index in (*node.inputs, *node.outputs):
                if index not in self.vanished:
                    self._place(index)
        self._lifetimes()
        return self.layout

    def _fix_ends(self) -> None:
        program = self.program
        for value in program.values:
            if value.data is not None:
                self.fixed[value.index] = "constant"
        for state in program.states:
            if state.before not in self.vanished:
                self.fixed[state.before] = "state"
        self.fixed[program.features] = "features"
        self.fixed[program.mask] = "mask"
        self.fixed[program.phase] = "phase"

    def _free(self, index: int) -> bool:
        """Whether a value may still be placed inside another one."""
        return (
            index not in self.fixed
            and index not in self.links
            and index not in self.vanished
            and index not in self.ring_of_root
        )

    def _link_ring(self, ring: Ring) -> None:
        if ring.padded is not None:
            pad = next(n for n in self.program.nodes if n.outputs == (ring.padded,))
            assert isinstance(pad, Pad)  # noqa: S101 - find_rings took it for one
            begin = pad.before
            self._link(ring.extended, ring.padded, begin)
        if self._free(ring.newest):
            self.links[ring.newest] = _Link(ring.extended, newest_row)

    def _link(self, child: int, parent: int, begin: tuple[int, ...]) -> None:
        if self._free(child):
            self.links[child] = _Link(parent, lambda whole: _part(whole, begin))

    def _link_pad(self, node: Pad) -> None:
        x, y = (self.program.values[i] for i in (node.inputs[0], node.outputs[0]))
        image = len(y.shape) == 4 and y.shape[0] == 1 and x.shape[3] == y.shape[3]
        if not image or y.dtype != "int8" or not self._free(y.index):
            return
        if self._free(x.index):
            self._link(x.index, y.index, node.before)
            self.part_of[x.index] = y.index, 0
        else:
            self._link_inner_pad(node)

    def _link_inner_pad(self, node: Pad) -> None:
        """Put a border into the wider one around what the padded value is a part of."""
        channel, index = 0, node.inputs[0]
        while index in self.part_of:
            index, begin = self.part_of[index]
            outer = self.pads.get(index)
            if outer is None:
                channel += begin
                continue
            shapes = [self.program.values[n.outputs[0]].shape for n in (node, outer)]
            inside = self.program.values[node.inputs[0]].shape
            for axis in (1, 2):
                after, room = (
                    shape[axis] - inside[axis] - n.before[axis]
                    for shape, n in zip(shapes, (node, outer), strict=True)
                )
                if node.before[axis] > outer.before[axis] or after > room:
                    return
            if node.value == outer.value:
                begin_at = [o - n for o, n in zip(outer.before, node.before, strict=True)]
                self._link(node.outputs[0], index, (0, begin_at[1], begin_at[2], channel))
            return

    def _link_concat(self, node: Concat) -> None:
        start = 0
        rank = len(self.program.values[node.outputs[0]].shape)
        for index in node.inputs:
            begin = tuple(start if axis == node.axis else 0 for axis in range(rank))
            if index not in self.copied and self._free(index):
                self._link(index, node.outputs[0], begin)
                if node.axis == rank - 1:
                    self.part_of[index] = node.outputs[0], start
            start += self.program.values[index].shape[node.axis]

    def _share_source(self, node: Concat) -> None:
        """Put what was split into the memory of what is concatenated from its parts."""
        y = self.program.values[node.outputs[0]]
        found = self._split_source(node)
        if found is None:
            return
        source, kept = found
        x = self.program.values[source]
        if not self._free(source) or (x.shape, x.dtype) != (y.shape, y.dtype):
            return
        last_read = self._last_read(source, kept)
        written = [self._first_write(index) for index in node.inputs if index not in kept]
        if all(last_read < position for position in written):
            self._link(source, y.index, (0,) * len(y.shape))

    def _split_source(self, node: Concat) -> tuple[int, set[int]] | None:
        """What slices among the inputs, in their own places, are parts of; and those slices."""
        producers = {output: n for n in self.program.nodes for output in n.outputs}
        sources: dict[int, set[int]] = {}
        start = 0
        for index in node.inputs:
            part = producers.get(index)
            shape = self.program.values[index].shape
            begin = tuple(start if axis == node.axis else 0 for axis in range(len(shape)))
            start += shape[node.axis]
            linked = self.links.get(index)
            if (
                isinstance(part, Slice)
                and part.begin == begin
                and part.shape == shape
                and set(part.steps) == {1}
                and linked is not None
                and linked.parent == node.outputs[0]
            ):
                sources.setdefault(part.inputs[0], set()).add(index)
        if not sources:
            return None
        return max(sources.items(), key=lambda item: (len(item[1]), -item[0]))

    def _last_read(self, value: int, besides: set[int]) -> int:
        """Last position that reads a value or a view of it, but for some views."""
        last = -1
        for position, node in enumerate(self.program.nodes):
            if value not in node.inputs or besides.intersection(node.outputs):
                continue
            last = max(last, position)
            for output in node.outputs:
                link = self.links.get(output)
                if link is not None and link.parent == value:
                    last = max(last, self._last_read(output, besides))
        return last

    def _first_write(self, value: int) -> int:
        """First position that writes to the memory of a value or of what is placed inside it."""
        inside = {value}
        while True:
            more = {child for child, link in self.links.items() if link.parent in inside} - inside
            if not more:
                break
            inside |= more
        positions = [i for i, n in enumerate(self.program.nodes) if inside.intersection(n.outputs)]
        return min(positions, default=-1)

    def _link_slice(self, node: Slice) -> None:
        child, parent = node.outputs[0], node.inputs[0]
        if not self._free(child) or set(node.steps) != {1}:
            return
        shape = self.program.values[child].shape
        if shape == node.shape:
            self.links[child] = _Link(parent, lambda whole: _part(whole, node.begin))
        else:
            self.links[child] = _Link(
                parent, lambda whole: _reshape(_part(whole, node.begin), node.shape, shape)
            )

    def _link_reshape(self, x: int, y: int) -> None:
        old, new = self.program.values[x].shape, self.program.values[y].shape
        if self._free(y):
            self.links[y] = _Link(x, lambda source: _reshape(source, old, new))
        elif self._free(x):
            self.links[x] = _Link(y, lambda target: _reshape(target, new, old))

    def _place(self, index: int) -> Placement:
        known = self.layout.placements.get(index)
        if known is not None:
            return known
        link = self.links.get(index)
        placement = link.place(self._place(link.parent)) if link else None
        if placement is None or self._in_another_state(index, placement):
            placement = self._own_buffer(index)
        self.layout.placements[index] = placement
        return placement

    def _in_another_state(self, index: int, placement: Placement) -> bool:
        """Whether a next state lies where the copy of another one may overwrite it first."""
        buffer = placement.buffer
        if buffer.kind != "state" or buffer.ring is not None:
            return False
        states = self.program.states
        return any(state.after == index and state.before != buffer.value for state in states)

    def _own_buffer(self, index: int) -> Placement:
        value = self.program.values[index]
        ring = self.ring_of_root.get(index)
        kind = "state" if ring else self.fixed.get(index, "arena")
        buffer = Buffer(kind, index, value.elements * value.itemsize, ring=ring)
        self.layout.buffers.append(buffer)
        return Placement(buffer, 0, contiguous(value.shape))

    def _lifetimes(self) -> None:
        for position, node in enumerate(self.program.nodes):
            for index in (*node.inputs, *node.outputs):
                placement = self.layout.placements.get(index)
                if placement is not None:
                    buffer = placement.buffer
                    buffer.first = min(buffer.first, position)
                    buffer.last = max(buffer.last, position)
        ends = {state.after for state in self.program.states} - self.vanished
        for index in ends:
            self.layout.placements[index].buffer.last = len(self.program.nodes)


def newest_row(extended: Placement) -> Placement:
    """Placement of a ring's newest frame, given the placement of all frames."""
    return Placement(extended.buffer, extended.offset, extended.strides, in_newest_row=True)
