"""What of each memory an image takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.core.errors import ImseMcuError

if TYPE_CHECKING:
    from targets.model import Mcu


@dataclass(frozen=True)
class RegionUse:
    """Use of one memory region.

    Attributes:
        name: Name of the region.
        kind: ``flash`` or ``ram``.
        size_bytes: Its size.
        parts: Section name to bytes, largest first.
    """

    name: str
    kind: str
    size_bytes: int
    parts: dict[str, int]

    @property
    def used_bytes(self) -> int:
        """Bytes taken."""
        return sum(self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """Returns the use as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "size_bytes": self.size_bytes,
            "used_bytes": self.used_bytes,
            "parts": self.parts,
        }


def region_use(elf: Path, mcu: Mcu) -> list[RegionUse]:
    """Reads from an image what it places in each region.

    Initialised data counts twice: in RAM, and in flash where its first values lie.

    Args:
        elf: Linked image.
        mcu: Its microcontroller.

    Returns:
        Every region of the microcontroller, in its order.

    Raises:
        ImseMcuError: If the file is no image, or a section lies outside the memory map.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    parts: dict[str, dict[str, int]] = {region.name: {} for region in mcu.regions}

    def add(name: str, address: int, count: int) -> None:
        region = mcu.region_at(address)
        if region is None:
            raise ImseMcuError(
                f"section {name} of {elf.name} lies at 0x{address:08x}, outside every memory",
                hint="the linker script does not fit the target",
            )
        held = parts[region.name]
        held[name] = held.get(name, 0) + count

    try:
        with elf.open("rb") as stream:
            image = ELFFile(stream)
            for section in image.iter_sections():
                if not section["sh_flags"] & 2 or section["sh_size"] == 0:
                    continue
                add(section.name, section["sh_addr"], section["sh_size"])
                load = _load_address(image, section)
                if load is not None and load != section["sh_addr"]:
                    add(f"{section.name} (initial values)", load, section["sh_size"])
    except (OSError, ELFError) as error:
        raise ImseMcuError(f"cannot read image {elf}: {error}", hint="build again") from error
    return [
        RegionUse(
            region.name,
            region.kind,
            region.size_bytes,
            dict(sorted(parts[region.name].items(), key=lambda item: (-item[1], item[0]))),
        )
        for region in mcu.regions
    ]


def _load_address(image: Any, section: Any) -> int | None:
    """Returns where a section's content is stored, None for sections without content."""
    if section["sh_type"] == "SHT_NOBITS":
        return None
    for segment in image.iter_segments():
        if segment["p_type"] == "PT_LOAD" and segment.section_in_segment(section):
            return int(segment["p_paddr"] + section["sh_addr"] - segment["p_vaddr"])
    return None
