"""What a board does with an image before its first instruction: flash content and boot checks."""

from __future__ import annotations

import struct
from collections.abc import Callable
from importlib import import_module

import numpy as np

from targets.emulators.bus import BusError
from targets.emulators.counter import GuestMemory
from targets.emulators.errors import ImageError
from targets.emulators.image import FirmwareImage
from targets.model import Target


def program(memory: GuestMemory, image: FirmwareImage, target: Target) -> None:
    """Put the image's segments where a flash tool would.

    Raises:
        ImageError: A segment lies outside the target's memory, or in RAM.
    """
    for segment in image.segments:
        region = memory.find(segment.address)
        if region is None or not region.contains(segment.address, len(segment.data)):
            raise ImageError(
                f"{image.path.name}: {len(segment.data)} bytes at "
                f"0x{segment.address:08x} lie outside the memory of {target.name}",
                hint="build the project for this target",
            )
        if region.kind != "flash":
            raise ImageError(
                f"{image.path.name}: {len(segment.data)} bytes would have to be loaded "
                f"into {region.name} at 0x{segment.address:08x}, which is empty at power on",
                hint="give the section a load address in flash (AT>)",
            )
        start = segment.address - region.origin
        view = memory.view(region)
        view[start : start + len(segment.data)] = np.frombuffer(segment.data, np.uint8)


def boot_vectors(
    image: FirmwareImage, target: Target, read: Callable[[int, int], bytes]
) -> tuple[int, int]:
    """Check what the boot ROM and the processor read first.

    Args:
        image: The image, for messages.
        target: The board.
        read: Reads memory: address and size in bytes.

    Returns:
        The first stack pointer and the reset vector.

    Raises:
        ImageError: The board would not start from this content of the flash.
    """
    mcu = target.mcu
    flash = mcu.region_for("code")
    family = import_module(f"targets.emulators.{mcu.family}")
    check_boot = getattr(family, "check_boot", None)
    if check_boot is not None:
        try:
            check_boot(target, read)
        except BusError as error:
            raise ImageError(f"{image.path.name}: {error.message}") from error
    stack, entry = struct.unpack("<II", read(flash.origin, 8))
    hint = f"the vector table must lie at 0x{flash.origin:08x}"
    where = mcu.region_at(stack - 4)
    if where is None or where.kind != "ram" or stack & 7:
        raise ImageError(
            f"{image.path.name}: the vector table's stack pointer 0x{stack:08x} "
            "is not an 8-byte aligned address in RAM",
            hint=hint,
        )
    if not entry & 1 or mcu.region_at(entry) is not flash:
        raise ImageError(
            f"{image.path.name}: the vector table's reset vector 0x{entry:08x} "
            f"is no Thumb address in {flash.name}",
            hint=hint,
        )
    return stack, entry
