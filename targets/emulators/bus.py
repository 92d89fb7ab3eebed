"""Peripheral registers: who answers at which address, and what must never happen there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

_BLOCK = 1024


class BusError(Exception):
    """A peripheral refuses an access; the machine turns it into a fault with pc and function."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ProtectedRegion(Protocol):
    """A region of the memory protection unit."""

    @property
    def access(self) -> str:
        """What is allowed there: ``none``, ``read`` or ``write``."""

    def contains(self, address: int, size_bytes: int) -> bool:
        """Whether all of a range belongs to it."""


class Machine(Protocol):
    """What a peripheral may ask of the machine it is part of."""

    def cycles(self) -> int:
        """The cycle counter's source: instructions and idle cycles since power on."""

    def stop_idle(self) -> None:
        """Leave the processor in front of the current instruction: it waits for input."""

    def request_reset(self) -> None:
        """Reset processor and peripherals."""

    def schedule(self, name: str, cycle: int, action: Callable[[int], None]) -> None:
        """Let a peripheral act at a cycle, whatever the firmware does then."""

    def cancel(self, name: str) -> None:
        """Forget what was scheduled under a name."""

    def connect_interrupt(self, number: int, line: Callable[[], bool]) -> None:
        """Let a peripheral request an interrupt as long as ``line`` returns true."""

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        """What a DMA controller reads."""

    def write_memory(self, address: int, data: bytes) -> None:
        """What a DMA controller writes."""

    def protect(self, regions: Sequence[ProtectedRegion]) -> None:
        """Let the MPU's regions hold until the next reset; the last that fits counts."""

    def allow_access(self, region_name: str, *, allowed: bool) -> None:
        """Make a memory that start-up has to set up usable, or not."""


class Peripheral:
    """A block of 32-bit registers.

    Subclasses say which registers exist by their reset values and override :meth:`read_word` and
    :meth:`write_word` where a register does more than keep its value.

    Args:
        name: Name in the reference manual.
        base: First address.
        size: Size in bytes.
        reset: Offset -> reset value of every register that exists.
        clock: Returns whether the peripheral's clock is on; ``None`` if it always is.
    """

    def __init__(
        self,
        name: str,
        base: int,
        size: int,
        reset: dict[int, int],
        clock: Callable[[], bool] | None = None,
    ) -> None:
        self.name = name
        self.base = base
        self.size = size
        self.registers = dict(reset)
        self._clock = clock

    def read(self, offset: int, size: int) -> int:
        """Read ``size`` bytes.

        Raises:
            BusError: No such register, or the clock is off.
        """
        self._check(offset, size)
        word = self.read_word(offset & ~3)
        return (word >> (offset & 3) * 8) & ((1 << size * 8) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write ``size`` bytes.

        Raises:
            BusError: No such register, the clock is off, or the hardware would not do it.
        """
        self._check(offset, size)
        register = offset & ~3
        if size != 4:
            shift = (offset & 3) * 8
            mask = ((1 << size * 8) - 1) << shift
            value = self.registers[register] & ~mask | value << shift & mask
        self.write_word(register, value)

    def read_word(self, offset: int) -> int:
        """Value of the register at a word offset."""
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Write the register at a word offset."""
        self.registers[offset] = value

    def _check(self, offset: int, size: int) -> None:
        if self._clock is not None and not self._clock():
            raise BusError(
                f"{self.name} is used while its clock is off",
                hint="enable it in the RCC and read the register back first",
            )
        if size not in (1, 2, 4) or offset & (size - 1) or offset & ~3 not in self.registers:
            raise BusError(
                f"{self.name} has no {size}-byte register at offset 0x{offset:03x}",
                hint="the emulator models only registers that exist; is the address right?",
            )


class Bus:
    """Finds the peripheral for an address."""

    def __init__(self) -> None:
        self._peripherals: list[Peripheral] = []
        self._blocks: dict[int, Peripheral] = {}

    def add(self, peripheral: Peripheral) -> None:
        """Attach a peripheral; base and size are multiples of 1 KiB."""
        self._peripherals.append(peripheral)
        first = peripheral.base // _BLOCK
        for block in range(first, first + peripheral.size // _BLOCK):
            self._blocks[block] = peripheral

    def named(self, name: str) -> Peripheral:
        """The peripheral of a name.

        Raises:
            KeyError: There is none.
        """
        for peripheral in self._peripherals:
            if peripheral.name == name:
                return peripheral
        raise KeyError(name)

    def all(self) -> tuple[Peripheral, ...]:
        """All peripherals."""
        return tuple(self._peripherals)

    def pages(self, page_size: int) -> list[int]:
        """Addresses of all pages that hold a peripheral, sorted."""
        pages: set[int] = set()
        for peripheral in self._peripherals:
            first = peripheral.base // page_size
            last = (peripheral.base + peripheral.size - 1) // page_size
            pages.update(page * page_size for page in range(first, last + 1))
        return sorted(pages)

    def find(self, address: int) -> Peripheral:
        """The peripheral at an address.

        Raises:
            BusError: Nothing the emulator models is there.
        """
        peripheral = self._blocks.get(address // _BLOCK)
        if peripheral is None:
            raise BusError("no memory or modelled peripheral is there")
        return peripheral
