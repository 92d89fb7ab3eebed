"""Dense memory for Arm's functions: what does not lie as they take it is copied to scratch."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.layout import Buffer, Placement, contiguous
from firmware_gen.backends.aot.nodes import Value

CHECK = "imse_cmsis_nn_check"
"""Kernel that keeps the first status other than success."""


class Scratch:
    """Dense copies and Arm's buffer, behind each other in the scratch memory of a layer.

    Args:
        emitter: Writes the layer.
    """

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self.used = 0

    def take(self, size: int) -> Placement:
        """Dense memory of ``size`` bytes."""
        start = self.emitter.scratch_offset + self.used
        self.used += -(-size // 16) * 16
        self.emitter.scratch(self.used // 4)
        return Placement(Buffer("arena", -1, size, offset=start), 0, (1,))

    def buffer(self, size: int) -> str:
        """C expression of ``size`` bytes for Arm's own use."""
        return self.emitter.address(self.take(size), "int8")

    def seen(self, place: Placement, shape: tuple[int, ...], value: Value) -> tuple[list[str], str]:
        """A value's elements behind each other.

        Args:
            place: Where they lie.
            shape: What Arm takes them as.
            value: The value.

        Returns:
            Lines that bring them there, if they are not, and the address.
        """
        if is_dense(place, shape):
            return [], self.emitter.address(place, value.dtype)
        target = self._dense(shape, value)
        address = self.emitter.address(target, value.dtype)
        return self.emitter.copy(target, place, shape, value.dtype), address

    def image(self, index: int) -> tuple[list[str], str]:
        """An int8 image, possibly in the rows of a ring, as :meth:`seen` gives a value."""
        emitter, x, place = self.emitter, self.emitter.value(index), self.emitter.place(index)
        if not rotates(place):
            return self.seen(place, x.shape, x)
        address = emitter.address(self._dense(x.shape, x), "int8")
        lines = []
        _, rows, width, depth = x.shape
        for row in range(rows):
            base = emitter.ring_row(place, row, place.offset)
            to = f"{address} + {row * width * depth}"
            lines.append(emitter.copy_rows(to, depth, base, place.strides[2], depth, width))
        return lines, address

    def result(
        self, place: Placement, shape: tuple[int, ...], value: Value
    ) -> tuple[str, list[str]]:
        """Where a dense result goes, and lines that bring it to its place."""
        if is_dense(place, shape):
            return self.emitter.address(place, value.dtype), []
        source = self._dense(shape, value)
        lines = self.emitter.copy(place, source, shape, value.dtype)
        return self.emitter.address(source, value.dtype), lines

    def output(self, index: int) -> tuple[str, list[str]]:
        """Where a dense output goes, as :meth:`result` says it."""
        value = self.emitter.value(index)
        return self.result(self.emitter.place(index), value.shape, value)

    def _dense(self, shape: tuple[int, ...], value: Value) -> Placement:
        taken = self.take(value.elements * value.itemsize)
        return Placement(taken.buffer, 0, contiguous(shape))


def is_dense(place: Placement, shape: tuple[int, ...]) -> bool:
    """Whether elements of a shape lie behind each other."""
    wanted = contiguous(shape)
    steps = zip(place.strides, wanted, shape, strict=True)
    return all(a == b or n == 1 for a, b, n in steps)


def rotates(place: Placement) -> bool:
    """Whether rows lie in a ring, from any of them on."""
    return place.buffer.ring is not None and not place.in_newest_row


def dims(shape: Sequence[int]) -> str:
    """Initialiser of a ``cmsis_nn_dims``; axes of one element are put in front."""
    return f"{{{', '.join(map(str, (*(1,) * (4 - len(shape)), *shape)))}}}"


def checked_kernel(emitter: Emitter, name: str) -> str:
    """Name of a kernel that keeps the status of Arm's function; it is linked."""
    emitter.source.kernel(CHECK)
    return emitter.source.kernel(name)
