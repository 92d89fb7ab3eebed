"""Counting instructions exactly without slowing the emulation down.

Unicorn calls a hook at the start of every translated block. The hook looks up how many
instructions the block holds (decoded once: a Thumb instruction has 32 bits if the top five bits
of its first halfword are 0b11101 or above) and adds them to a total and to the block's place in
memory, from which counts per function follow. What kernels execute also belongs to the function
they work for: blocks count for the watched function (a layer, say) that was entered last.

With numba installed the hook is machine code and counting costs next to nothing; without it the
same hook runs in Python, with the same counts at about a third of the speed.
"""

from __future__ import annotations

import ctypes
import importlib
import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn import UC_HOOK_BLOCK, Uc
from unicorn.unicorn_py3.unicorn import uclib

from targets.emulators.errors import EmulatorError
from targets.model import MemoryRegion

_TOTAL, _LAST_ADDRESS, _LAST_SIZE, _REGIONS, _OUTSIDE, _WATCHED, _WATCH_COUNTS = range(7)
_TABLE = 8
_FIELDS = 6  # base, size in bytes, index of memory, of cache, of counts, of marks (64-bit words)
WATCH_LIMIT = 8191
_PAGE = 4096
_WORD = 8


def count_block(address: int, size: int, p: Any) -> None:
    """The block hook: count the instructions of one block.

    Args:
        address: Guest address of the block.
        size: Its size in bytes.
        p: The counter's memory as 64-bit words, see :class:`GuestMemory`.
    """
    entry = _TABLE
    for _ in range(p[_REGIONS]):
        base = p[entry]
        if address >= base and address - base < p[entry + 1]:
            half = (address - base) >> 1
            slot = p[entry + 3] + half
            cached = p[slot]
            if cached >> 16 == size:
                count = cached & 0xFFFF
            else:
                memory = p[entry + 2]
                count = 0
                position = half
                end = half + (size >> 1)
                while position < end:
                    word = p[memory + (position >> 2)]
                    code = (word >> ((position & 3) << 4)) & 0xFFFF
                    position += 2 if code >> 11 >= 0x1D else 1
                    count += 1
                p[slot] = size << 16 | count
            p[_TOTAL] += count
            p[p[entry + 4] + half] += count
            mark = p[p[entry + 5] + half]
            if mark != 0:
                p[_WATCHED] = mark
            p[p[_WATCH_COUNTS] + p[_WATCHED]] += count
            p[_LAST_ADDRESS] = address
            p[_LAST_SIZE] = size
            return
        entry += _FIELDS
    p[_OUTSIDE] += 1


@dataclass(frozen=True)
class _Place:
    region: MemoryRegion
    memory: int  # byte offsets into the buffer
    cache: int
    counts: int
    marks: int


class GuestMemory:
    """Memory of the emulated machine and its counters, in one host buffer.

    One buffer, so that the machine code hook reaches everything through one pointer. The counter
    words lie on pages the guest never sees. External RAM holds data only: it has no counters, and
    code that ran there would show up as outside.

    Args:
        regions: Memory regions; sizes are multiples of 4 KiB.
    """

    def __init__(self, regions: tuple[MemoryRegion, ...]) -> None:
        offset = _PAGE
        places = []
        for region in regions:
            if region.size_bytes % _PAGE or region.origin % _PAGE:
                raise EmulatorError(f"region {region.name}: expected multiples of 4 KiB")
            memory = offset
            counted = 0 if _holds_data_only(region) else region.size_bytes // 2
            cache_at = memory + region.size_bytes
            counts = cache_at + counted * _WORD
            marks = counts + counted * _WORD
            offset = marks + counted * _WORD
            offset += -offset % _PAGE
            places.append(_Place(region, memory, cache_at, counts, marks))
        self._places = tuple(places)
        self._map = mmap.mmap(-1, offset + (WATCH_LIMIT + 1) * _WORD)
        self.words: npt.NDArray[np.int64] = np.frombuffer(self._map, np.int64)
        self._bytes: npt.NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)
        self.address = int(self._bytes.ctypes.data)
        with_code = [place for place in places if not _holds_data_only(place.region)]
        self.words[_REGIONS] = len(with_code)
        self.words[_WATCH_COUNTS] = offset // _WORD
        for index, place in enumerate(with_code):
            entry = _TABLE + index * _FIELDS
            self.words[entry : entry + _FIELDS] = (
                place.region.origin,
                place.region.size_bytes,
                place.memory // _WORD,
                place.cache // _WORD,
                place.counts // _WORD,
                place.marks // _WORD,
            )

    def watch(self, spans: Sequence[tuple[int, int]]) -> None:
        """Choose the functions that instructions are charged to.

        Args:
            spans: First address and size in bytes of each function.

        Raises:
            EmulatorError: There are too many, or one lies outside every region.
        """
        if len(spans) > WATCH_LIMIT:
            raise EmulatorError(f"{len(spans)} functions to watch, at most {WATCH_LIMIT}")
        for place in self._places:
            self._marks(place)[:] = 0
        self.words[_WATCHED] = 0
        for index, (address, size_bytes) in enumerate(spans):
            region = self.find(address)
            if region is None or not region.contains(address, size_bytes):
                raise EmulatorError(f"no code of {size_bytes} bytes at 0x{address:08x}")
            first = (address - region.origin) // 2
            self._marks(self._place(region))[first : first + size_bytes // 2] = index + 1

    def watched(self) -> npt.NDArray[np.int64]:
        """Instructions per watched function; the last entry is what ran before any of them."""
        start = int(self.words[_WATCH_COUNTS])
        return np.roll(self.words[start : start + WATCH_LIMIT + 1], -1)

    def reset_counts(self) -> None:
        """Start counts per block and per watched function over."""
        for place in self._places:
            self.counts(place.region)[:] = 0
        start = int(self.words[_WATCH_COUNTS])
        self.words[start : start + WATCH_LIMIT + 1] = 0

    def _marks(self, place: _Place) -> npt.NDArray[np.int64]:
        return self._per_halfword(place.region, place.marks)

    def _per_halfword(self, region: MemoryRegion, offset: int) -> npt.NDArray[np.int64]:
        start = offset // _WORD
        size = 0 if _holds_data_only(region) else region.size_bytes // 2
        return self.words[start : start + size]

    def host_address(self, region: MemoryRegion) -> int:
        """Host address of a region's memory."""
        return self.address + self._place(region).memory

    def view(self, region: MemoryRegion) -> npt.NDArray[np.uint8]:
        """A region's memory, writable, as uint8 of ``size_bytes``."""
        start = self._place(region).memory
        return self._bytes[start : start + region.size_bytes]

    def counts(self, region: MemoryRegion) -> npt.NDArray[np.int64]:
        """Instructions per block start, one entry per halfword; empty where no code may lie."""
        return self._per_halfword(region, self._place(region).counts)

    def find(self, address: int) -> MemoryRegion | None:
        """The region an address lies in."""
        for place in self._places:
            if place.region.contains(address):
                return place.region
        return None

    def _place(self, region: MemoryRegion) -> _Place:
        for place in self._places:
            if place.region is region:
                return place
        raise KeyError(region.name)


def _holds_data_only(region: MemoryRegion) -> bool:
    return region.external and region.kind == "ram"


@cache
def _compiled_hook() -> Any | None:
    """The hook as machine code, ``None`` if numba is not installed."""
    try:
        numba = importlib.import_module("numba")
    except ImportError:
        return None
    types = numba.types
    body = numba.njit(count_block)
    signature = types.void(types.voidptr, types.uint64, types.uint32, types.CPointer(types.int64))

    @numba.cfunc(signature)
    def hook(_engine, address, size, p):  # type: ignore[no-untyped-def]
        body(types.int64(address), types.int64(size), p)

    return hook


_HOOK_TYPE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p
)


class InstructionCounter:
    """Counts the instructions an emulated processor executes.

    Instructions whose condition fails (in IT blocks) count, as they do in hardware.

    Args:
        engine: The Unicorn engine.
        memory: The machine's memory.
        compiled: ``False`` forces the Python hook, ``None`` takes what is installed.
    """

    def __init__(self, engine: Uc, memory: GuestMemory, *, compiled: bool | None = None) -> None:
        self._engine = engine
        self._memory = memory
        self._words = memory.words
        self._handle: ctypes.c_size_t | None = None
        machine_code = None if compiled is False else _compiled_hook()
        if compiled and machine_code is None:
            raise EmulatorError(
                "the compiled instruction counter needs numba", hint="pip install numba"
            )
        self._callback: Any
        if machine_code is not None:
            self._callback = ctypes.c_void_p(machine_code.address)
        else:
            self._python = _HOOK_TYPE(self._python_hook())
            self._callback = ctypes.cast(self._python, ctypes.c_void_p)

    def _python_hook(self) -> Callable[[Any, int, int, Any], None]:
        memory: Any = memoryview(self._words.data)

        def hook(_engine: Any, address: int, size: int, _data: Any) -> None:
            count_block(address, size, memory)

        return hook

    @property
    def total(self) -> int:
        """Instructions counted since the machine was built."""
        return int(self._words[_TOTAL])

    @property
    def blocks_outside(self) -> int:
        """Blocks executed outside every known region; 0 unless something is wrong."""
        return int(self._words[_OUTSIDE])

    def enable(self) -> None:
        """Start or go on counting."""
        if self._handle is not None:
            return
        handle = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self._engine._uch,
            ctypes.byref(handle),
            UC_HOOK_BLOCK,
            self._callback,
            ctypes.c_void_p(self._memory.address),
            ctypes.c_uint64(1),
            ctypes.c_uint64(0),
        )
        if status != 0:
            raise EmulatorError(f"Unicorn refuses the instruction counter (status {status})")
        # Blocks translated while counting was off do not call the hook.
        self._engine.ctl_flush_tb()
        self._handle = handle

    def disable(self) -> None:
        """Stop counting; the counts stay."""
        if self._handle is None:
            return
        status = uclib.uc_hook_del(self._engine._uch, self._handle)
        if status != 0:
            raise EmulatorError(f"Unicorn cannot remove the counter (status {status})")
        self._handle = None

    def undo_from(self, pc: int) -> None:
        """Take back the instructions of the last block from ``pc`` on.

        The hook counts a block when it starts; a block that was left in front of the instruction
        at ``pc`` did not execute it nor what follows.
        """
        if self._handle is None:
            return
        address, size = int(self._words[_LAST_ADDRESS]), int(self._words[_LAST_SIZE])
        region = self._memory.find(address)
        if region is None or not address <= pc < address + size:
            return
        code = self._memory.view(region).view(np.uint16)
        position, end = (pc - region.origin) >> 1, (address + size - region.origin) >> 1
        undone = 0
        while position < end:
            position += 2 if code[position] >> 11 >= 0x1D else 1
            undone += 1
        self._words[_TOTAL] -= undone
        self._words[int(self._words[_WATCH_COUNTS]) + int(self._words[_WATCHED])] -= undone
        self._memory.counts(region)[(address - region.origin) >> 1] -= undone
