"""Time and interrupts: peripherals that act by themselves, and exceptions of the processor.

Interrupts are taken at the start of a block of instructions, with the registers stacked and the
handler left as the architecture says (Armv7-M ARM, B1.5.6 and B1.5.8), except that IPSR stays 0 and
that nothing nests: one priority level, the lowest number first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from unicorn import Uc, arm_const

from targets.emulators.bus import BusError

EXCEPTION_RETURN = 8
_FIRST_EXTERNAL = 16
_THUMB_XPSR = 1 << 24
_BASIC_WORDS, _EXTENDED_WORDS = 8, 26
_CORE = (
    arm_const.UC_ARM_REG_R0,
    arm_const.UC_ARM_REG_R1,
    arm_const.UC_ARM_REG_R2,
    arm_const.UC_ARM_REG_R3,
    arm_const.UC_ARM_REG_R12,
    arm_const.UC_ARM_REG_LR,
)


class ProcessorMemory(Protocol):
    """Memory as the processor sees it."""

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        """Bytes from memory."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Bytes to RAM."""


class Timeline:
    """What happens at which cycle."""

    def __init__(self) -> None:
        self._events: dict[str, tuple[int, Callable[[int], None]]] = {}
        self.next_cycle: int | None = None

    def schedule(self, name: str, cycle: int, action: Callable[[int], None]) -> None:
        """Let something happen; a second event of the same name replaces the first.

        Args:
            name: Of the event.
            cycle: When.
            action: Called with the cycle it was scheduled for.
        """
        self._events[name] = (cycle, action)
        self._update()

    def cancel(self, name: str) -> None:
        """Forget an event, if there is one of this name."""
        self._events.pop(name, None)
        self._update()

    def run(self, now: int) -> None:
        """Let everything happen that is due, in order of time."""
        while self.next_cycle is not None and self.next_cycle <= now:
            name = min(self._events, key=lambda key: (self._events[key][0], key))
            cycle, action = self._events.pop(name)
            self._update()
            action(cycle)

    def _update(self) -> None:
        self.next_cycle = min((cycle for cycle, _ in self._events.values()), default=None)


class Interrupts:
    """Interrupt lines, and the processor's entry into and return from their handlers.

    Args:
        engine: The processor.
        memory: Its memory.
    """

    def __init__(self, engine: Uc, memory: ProcessorMemory) -> None:
        self._engine = engine
        self._memory = memory
        self._lines: dict[int, Callable[[], bool]] = {}
        self._enabled: set[int] = set()
        self._active: int | None = None
        self.vectors = 0
        self.fpu_enabled: Callable[[], bool] = lambda: False
        self.taken: dict[int, int] = {}

    def connect(self, number: int, line: Callable[[], bool]) -> None:
        """Let a peripheral request an interrupt as long as ``line`` returns true."""
        self._lines[number] = line
        self.taken[number] = 0

    def enable(self, number: int) -> None:
        """NVIC_ISER.

        Raises:
            BusError: No modelled peripheral requests this interrupt.
        """
        if number not in self._lines:
            raise BusError(
                "an interrupt is enabled (NVIC_ISER), which the emulator does not deliver",
                hint="poll the peripheral",
            )
        self._enabled.add(number)

    def disable(self, number: int) -> None:
        """NVIC_ICER."""
        self._enabled.discard(number)

    @property
    def in_handler(self) -> bool:
        """Whether a handler runs."""
        return self._active is not None

    def enter(self) -> bool:
        """Enter the handler of the first interrupt that is requested and enabled.

        Returns:
            Whether there was one.

        Raises:
            BusError: The stack is not in RAM.
        """
        if self._active is not None or self._engine.reg_read(arm_const.UC_ARM_REG_PRIMASK) & 1:
            return False
        number = next((n for n in sorted(self._enabled) if self._lines[n]()), None)
        if number is None:
            return False
        read = self._engine.reg_read
        sp = read(arm_const.UC_ARM_REG_SP)
        extended = self.fpu_enabled()
        words = _EXTENDED_WORDS if extended else _BASIC_WORDS
        frame = sp - 4 * words & ~7
        xpsr = read(arm_const.UC_ARM_REG_XPSR) | _THUMB_XPSR | (sp - 4 * words & 4) << 7
        stacked = [read(register) for register in _CORE]
        stacked += [read(arm_const.UC_ARM_REG_PC), xpsr]
        if extended:
            stacked += [read(arm_const.UC_ARM_REG_S0 + index) for index in range(16)]
            stacked += [read(arm_const.UC_ARM_REG_FPSCR), 0]
        self._memory.write_memory(frame, struct.pack(f"<{words}I", *stacked))
        vector = self.vectors + 4 * (_FIRST_EXTERNAL + number)
        (handler,) = struct.unpack("<I", self._memory.read_memory(vector, 4))
        write = self._engine.reg_write
        write(arm_const.UC_ARM_REG_SP, frame)
        write(arm_const.UC_ARM_REG_LR, 0xFFFF_FFE9 if extended else 0xFFFF_FFF9)
        write(arm_const.UC_ARM_REG_XPSR, _THUMB_XPSR)
        write(arm_const.UC_ARM_REG_PC, handler | 1)
        self._active = number
        self.taken[number] += 1
        return True

    def leave(self) -> None:
        """Return from the handler: the program counter holds an EXC_RETURN value.

        Raises:
            BusError: No handler runs, or the stack is not in memory.
        """
        if self._active is None:
            raise BusError("an exception return outside any handler")
        read, write = self._engine.reg_read, self._engine.reg_write
        extended = not read(arm_const.UC_ARM_REG_PC) >> 4 & 1
        words = _EXTENDED_WORDS if extended else _BASIC_WORDS
        frame = read(arm_const.UC_ARM_REG_SP)
        stacked = struct.unpack(f"<{words}I", self._memory.read_memory(frame, 4 * words))
        for register, value in zip(_CORE, stacked, strict=False):
            write(register, value)
        if extended:
            for index in range(16):
                write(arm_const.UC_ARM_REG_S0 + index, stacked[8 + index])
            write(arm_const.UC_ARM_REG_FPSCR, stacked[24])
        xpsr = stacked[7]
        write(arm_const.UC_ARM_REG_SP, frame + 4 * words + (xpsr >> 7 & 4))
        write(arm_const.UC_ARM_REG_XPSR, xpsr & ~0x200)
        write(arm_const.UC_ARM_REG_PC, stacked[6] | 1)
        self._active = None
