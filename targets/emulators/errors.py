"""Errors of the emulators."""

from __future__ import annotations

from collections.abc import Mapping

from targets.errors import TargetError


class EmulatorError(TargetError):
    """The emulator cannot run the image."""


class ImageError(EmulatorError):
    """The ELF does not fit the target or cannot be read."""


class EmulatedFaultError(EmulatorError):
    """The firmware did something that the hardware would punish.

    Attributes:
        address: Address of the access, ``None`` for other faults.
        pc: Program counter of the instruction.
        function: Function that holds ``pc``.
        registers: Register name -> value at the fault.
    """

    def __init__(
        self,
        what: str,
        *,
        pc: int,
        function: str,
        registers: Mapping[str, int],
        address: int | None = None,
        hint: str = "",
    ) -> None:
        dump = " ".join(f"{name}={value:08x}" for name, value in registers.items())
        super().__init__(
            f"{what} by the instruction at 0x{pc:08x} in {function}",
            hint=f"{hint}; registers: {dump}" if hint else f"registers: {dump}",
        )
        self.address = address
        self.pc = pc
        self.function = function
        self.registers = dict(registers)
