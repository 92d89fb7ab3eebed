"""The peak of the firmware's stack, measured by painting it before power on."""

from __future__ import annotations

from typing import Any

import numpy as np

from targets.emulators.counter import GuestMemory
from targets.emulators.errors import ImageError
from targets.emulators.image import FirmwareImage

PAINT = 0xA5

#: Bytes at the end of the stack that no firmware may touch.
_GUARD_BYTES = 32


class PaintedStack:
    """A stack whose untouched part still carries the paint.

    Args:
        memory: Memory of the machine.
        bottom: Its lowest address.
        top: The address behind it, where the stack pointer starts.

    Raises:
        ImageError: It does not lie in one region.
    """

    def __init__(self, memory: GuestMemory, bottom: int, top: int) -> None:
        region = memory.find(bottom)
        if region is None or bottom >= top or not region.contains(bottom, top - bottom):
            raise ImageError(
                f"the stack 0x{bottom:08x} to 0x{top:08x} does not lie in one memory region"
            )
        self.bottom, self.top = bottom, top
        self._bytes: Any = memory.view(region)[bottom - region.origin : top - region.origin]
        self._bytes[:] = PAINT

    @property
    def size_bytes(self) -> int:
        """Size of the whole stack."""
        return self.top - self.bottom

    @property
    def peak_bytes(self) -> int:
        """The most that was in use at once since the paint."""
        return self.size_bytes - self._untouched_bytes()

    def overflowed(self, stack_pointer: int) -> bool:
        """Whether the guard was touched or the stack pointer has left the stack."""
        in_stack = self.bottom <= stack_pointer <= self.top
        return self._untouched_bytes() < _GUARD_BYTES or not in_stack

    def _untouched_bytes(self) -> int:
        used = np.flatnonzero(self._bytes != PAINT)
        return int(used[0]) if used.size else self.size_bytes


def paint_stack(memory: GuestMemory, image: FirmwareImage) -> PaintedStack | None:
    """Paint the stack between the image's symbols; ``None`` if it has none.

    Raises:
        ImageError: The stack does not lie in one region.
    """
    bottom, top = image.symbol("__stack_bottom__"), image.symbol("__stack_top__")
    if bottom is None or top is None:
        return None
    try:
        return PaintedStack(memory, bottom, top)
    except ImageError as error:
        raise ImageError(f"{image.path.name}: {error.message}") from error
