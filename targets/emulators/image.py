"""The firmware image as the emulator sees it: segments, vector table, symbols."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from targets.emulators.errors import ImageError


@dataclass(frozen=True)
class Segment:
    """Bytes of the image at the address where they are programmed.

    Attributes:
        address: Load (physical) address.
        data: The bytes.
    """

    address: int
    data: bytes


@dataclass(frozen=True)
class Function:
    """A function symbol.

    Attributes:
        name: Symbol name.
        address: First address, without the Thumb bit.
        size_bytes: Size, 0 if the symbol has none.
    """

    name: str
    address: int
    size_bytes: int


class FirmwareImage:
    """A linked 32-bit Arm ELF executable.

    Attributes:
        path: The ELF file.
        segments: What is programmed, and where.
        build_id: Hash that the linker left of the whole image, 40 hexadecimal digits, or ``""``.
        symbols: Value by name.
        functions: Functions by address.

    Args:
        path: The ELF file.

    Raises:
        ImageError: The file is missing, damaged or not an Arm executable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                elf = ELFFile(stream)
                if elf["e_machine"] != "EM_ARM" or elf["e_type"] != "ET_EXEC":
                    raise ImageError(f"{path.name}: expected a linked Arm executable")
                self.segments = tuple(
                    Segment(segment["p_paddr"], segment.data())
                    for segment in elf.iter_segments("PT_LOAD")
                    if segment["p_filesz"]
                )
                functions: dict[int, Function] = {}
                symbols: dict[str, int] = {}
                self.build_id = _build_id(elf)
                for section in elf.iter_sections():
                    if not isinstance(section, SymbolTableSection):
                        continue
                    for symbol in section.iter_symbols():
                        _collect(symbol, symbols, functions)
        except OSError as error:
            raise ImageError(
                f"cannot read {path.name}: {error.strerror}", hint="build the project first"
            ) from error
        except (ELFError, ValueError, KeyError) as error:
            raise ImageError(f"{path.name}: not a readable ELF file: {error}") from error
        if not self.segments:
            raise ImageError(f"{path.name}: the ELF has nothing to load")
        self.symbols: Mapping[str, int] = MappingProxyType(symbols)
        self.functions = tuple(functions[address] for address in sorted(functions))
        self._starts = [function.address for function in self.functions]

    def symbol(self, name: str) -> int | None:
        """Value of a symbol, or ``None`` if the image has none of that name."""
        return self.symbols.get(name)

    def function_index(self, address: int) -> int | None:
        """Index into :attr:`functions` of the function that holds an address."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        function = self.functions[index]
        if function.size_bytes and address >= function.address + function.size_bytes:
            return None
        return index

    def function_at(self, address: int) -> str:
        """Name of the function that holds an address; the address itself if none does."""
        index = self.function_index(address)
        return f"<0x{address:08x}>" if index is None else self.functions[index].name


def _build_id(elf: ELFFile) -> str:
    """Hash that the linker left of the whole image, 40 hexadecimal digits; "" if it left none."""
    section = elf.get_section_by_name(".note.gnu.build-id")
    if not isinstance(section, NoteSection):
        return ""
    notes = (note for note in section.iter_notes() if note["n_type"] == "NT_GNU_BUILD_ID")
    return next((str(note["n_desc"]) for note in notes), "")


def _collect(symbol: object, symbols: dict[str, int], functions: dict[int, Function]) -> None:
    name: str = symbol.name  # type: ignore[attr-defined]
    entry = symbol.entry  # type: ignore[attr-defined]
    if not name or entry["st_shndx"] == "SHN_UNDEF":
        return
    symbols[name] = entry["st_value"]
    if entry["st_info"]["type"] == "STT_FUNC":
        address = entry["st_value"] & ~1
        known = functions.get(address)
        # Of several names for one address keep the strong one, then the first.
        if known is None or entry["st_info"]["bind"] == "STB_GLOBAL":
            functions[address] = Function(name, address, entry["st_size"])
