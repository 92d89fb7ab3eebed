"""Layers that only move data; most of them write nothing."""

from __future__ import annotations

from firmware_gen.backends.aot.emit.addresses import SUFFIX, Addresses
from firmware_gen.backends.aot.layout import Placement
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.nodes import Concat, Pad, Reshape, Slice, Transpose
from firmware_gen.backends.aot.source import advance, looped
from firmware_gen.backends.errors import UnsupportedOpError


class MoveLayers(Addresses):
    """Concatenations, slices, borders, transpositions, reshapes and copies of state."""

    def copy(
        self,
        target: Placement,
        source: Placement,
        shape: tuple[int, ...],
        dtype: str,
        source_strides: tuple[int, ...] | None = None,
    ) -> list[str]:
        """Copy elements between placements of one shape."""
        strides = source.strides if source_strides is None else source_strides
        size = 2 if dtype == "int16" else 1
        loops = collapse(shape, (target.strides, strides)) or (Loop(1, (1, 1)),)
        to, origin = self.address(target, dtype), self.address(source, dtype)
        if loops[-1].steps == (1, 1):
            by_extent = sorted(loops[:-1], key=lambda loop: loop.extent)
            rows = by_extent[-1] if by_extent else Loop(1, (0, 0))
            outer = tuple(by_extent[:-1])
            cast = "" if dtype == "int8" else "IMSE_S8"
            call = self.copy_rows(
                f"{cast}({to}{advance(outer, 0)})",
                rows.steps[0] * size,
                f"{'IMSE_CONST_S8' if cast else ''}({origin}{advance(outer, 1)})",
                rows.steps[1] * size,
                loops[-1].extent * size,
                rows.extent,
            )
            return looped(outer, [call])
        if loops[-1].steps[0] != 1:
            loops = (*loops, Loop(1, (1, 1)))
        inner, outer = loops[-1], loops[:-1]
        call = (
            f"{self.kernel(f'imse_gather_{SUFFIX[dtype]}')}({to}{advance(outer, 0)}, "
            f"{origin}{advance(outer, 1)}, {inner.steps[1]}, {inner.extent});"
        )
        return looped(outer, [call])

    def move(self, output: int, target: Placement, source: int) -> list[str]:
        """Copy a whole value to a placement unless it is there."""
        value = self.value(source)
        if self.place(source).same_memory(target, value.shape):
            return []
        return self.copy(target, self.place(source), value.shape, value.dtype)

    def vanished(self, index: int) -> bool:
        return index not in self.layout.placements

    def concat(self, node: Concat) -> list[str]:
        """Inputs that are not in their place yet are copied there."""
        output = node.outputs[0]
        ring = next((ring for ring in self.layout.rings if ring.extended == output), None)
        if ring is not None:
            return self.move(output, self.newest(ring), ring.newest)
        lines: list[str] = []
        start = 0
        rank = len(self.value(output).shape)
        for index in node.inputs:
            begin = tuple(start if axis == node.axis else 0 for axis in range(rank))
            lines += self.join(node, begin, index)
            start += self.value(index).shape[node.axis]
        return lines

    def join(self, node: Concat, begin: tuple[int, ...], index: int) -> list[str]:
        """Copy an input of a concatenation to its place, from ``begin`` on, unless it is there."""
        output = node.outputs[0]
        return self.move(output, self.layout.part(output, begin), index)

    def reshape(self, node: Reshape) -> list[str]:
        """Nothing, or a copy in order."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        source, target = self.place(x.index), self.place(y.index)
        seen = self.layout.reshaped(x.index, y.shape)
        if seen is not None:
            if seen.same_memory(target, y.shape):
                return []
            return self.copy(target, seen, y.shape, y.dtype)
        seen = self.layout.reshaped(y.index, x.shape)
        if seen is not None:
            if source.same_memory(seen, x.shape):
                return []
            return self.copy(seen, source, x.shape, x.dtype)
        raise UnsupportedOpError(
            f"aot runtime: {node.label} reshapes {list(x.shape)} to {list(y.shape)}, both parts "
            "of other tensors"
        )

    def slice(self, node: Slice) -> list[str]:
        """Nothing, or a copy of the part."""
        if self.vanished(node.outputs[0]):
            return []
        y = self.value(node.outputs[0])
        part = self.layout.part(node.inputs[0], node.begin)
        strides = tuple(s * step for s, step in zip(part.strides, node.steps, strict=True))
        target = self.place(y.index)
        seen = target
        if y.shape != node.shape:
            found = self.layout.reshaped(y.index, node.shape)
            if found is None:
                raise UnsupportedOpError(f"aot runtime: {node.label} has no layout")
            seen = found
        part = Placement(part.buffer, part.offset, strides, part.in_newest_row)
        if part.same_memory(seen, node.shape):
            return []
        return self.copy(seen, part, node.shape, y.dtype)

    def pad(self, node: Pad) -> list[str]:
        """The border, and the inside unless it is in its place."""
        output = node.outputs[0]
        if any(ring.padded == output for ring in self.layout.rings):
            return []  # the border of a ring is written by reset
        x, y = self.value(node.inputs[0]), self.value(output)
        inside = self.layout.part(output, node.before)
        move = self.move(output, inside, x.index)
        segments = _border(x.shape, y.shape, node.before, self.place(output).strides)
        if y.dtype != "int8" or segments is None:
            if not move:
                raise UnsupportedOpError(
                    f"aot runtime: {node.label} pads {y.dtype} {list(x.shape)} to {list(y.shape)}"
                )
            fill = self._fill(output, node.value)
            return fill + move
        to = self.at(output)
        lines = []
        for start, length, loops in segments:
            spot = f"{to} + {start}{advance(loops, 0)}"
            lines += looped(loops, [f"memset({spot}, {node.value}, {length});"])
        return lines + move

    def _fill(self, output: int, fill: int) -> list[str]:
        y = self.value(output)
        if y.dtype == "int16" and fill != 0:
            raise UnsupportedOpError(f"aot runtime: border of int16 '{y.name}' is not 0")
        loops = collapse(y.shape, (self.place(output).strides,))
        count = loops[-1].extent if loops else 1
        text = f"memset({self.at(output)}{advance(loops[:-1], 0)}, {fill}, {count * y.itemsize});"
        return looped(loops[:-1], [text])

    def transpose(self, node: Transpose) -> list[str]:
        """A copy with permuted strides."""
        y = self.value(node.outputs[0])
        source = self.place(node.inputs[0])
        strides = tuple(source.strides[axis] for axis in node.perm)
        return self.copy(self.place(y.index), source, y.shape, y.dtype, strides)

    # Between frames

    def epilogue(self) -> list[str]:
        """Statements after a frame: states that are not rings, and the rings' positions."""
        lines: list[str] = []
        for state in self.program.states:
            if self.vanished(state.before):  # in a ring, or nothing reads it
                continue
            before, after = self.value(state.before), self.value(state.after)
            target = self.place(before.index)
            if not self.place(after.index).same_memory(target, before.shape):
                lines += self.copy(target, self.place(after.index), before.shape, before.dtype)
        return lines


Segment = tuple[int, int, tuple[Loop, ...]]


def _border(
    inside: tuple[int, ...],
    outside: tuple[int, ...],
    before: tuple[int, ...],
    strides: tuple[int, ...],
) -> list[Segment] | None:
    """Segments of the border of a padded image: start, length and the loops around it.

    Returns:
        The segments, or None when the border is not around the two middle axes of an image.
    """
    if len(outside) != 4 or outside[0] != 1 or inside[3] != outside[3] or strides[3] != 1:
        return None
    row, pixel = strides[1], strides[2]
    (height, width), channels = inside[1:3], outside[3]
    top, left = before[1], before[2]
    bottom, right = outside[1] - top - height, outside[2] - left - width
    segments: list[Segment]
    if pixel == channels and row == pixel * outside[2]:
        last = (top + height - 1) * row + (left + width) * pixel
        between = (left + right) * pixel
        segments = [
            (0, top * row + left * pixel, ()),
            (top * row + (left + width) * pixel, between, _loops((height - 1, row))),
            (last, right * pixel + bottom * row, ()),
        ]
    else:
        inner = top * row
        whole_rows = (outside[2], pixel)
        segments = [
            (0, channels, _loops((top, row), whole_rows)),
            (inner + height * row, channels, _loops((bottom, row), whole_rows)),
            (inner, channels, _loops((height, row), (left, pixel))),
            (inner + (left + width) * pixel, channels, _loops((height, row), (right, pixel))),
        ]
    return [s for s in segments if s[1] and all(loop.extent for loop in s[2])]


def _loops(*levels: tuple[int, int]) -> tuple[Loop, ...]:
    """Loops by extent and step, without those of one iteration."""
    return tuple(Loop(extent, (step,)) for extent, step in levels if extent != 1)
