"""SDRAM on the memory controller of the STM32H747 (ST RM0399): closed until it is set up."""

from __future__ import annotations

from typing import Protocol

from targets.emulators.bus import BusError, Machine, Peripheral
from targets.emulators.stm32 import Pins, storage


class MemoryClocks(Protocol):
    """What the memory controller asks of reset and clock control."""

    AHB3ENR: int

    def bit(self, offset: int, bit: int) -> bool:
        """Whether a bit of a register is set."""

    def axi_hz(self) -> float:
        """AXI and AHB clock."""


# IS42S32800J on the STM32H747I-DISCO (ST UM2411): ports D to I, as pin numbers.
_SDRAM_PINS = {
    "D": (0, 1, 8, 9, 10, 14, 15),
    "E": (0, 1, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    "F": (0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15),
    "G": (0, 1, 2, 4, 5, 8, 15),
    "H": (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    "I": (0, 1, 2, 3, 4, 5, 6, 7, 9, 10),
}


class Fmc(Peripheral):
    """Memory controller with one SDRAM on its second bank (ST RM0399, SDRAM controller).

    The memory can be used once clock, precharge, refreshes and mode were commanded in this order.

    Args:
        rcc: For the clock.
        pins: The memory's signals.
        machine: Whose memory region becomes usable.
    """

    BCR1, SDCR1, SDCR2, SDTR1, SDTR2 = 0x000, 0x140, 0x144, 0x148, 0x14C
    SDCMR, SDRTR, SDSR = 0x150, 0x154, 0x158
    REGION = "SDRAM"
    _SEQUENCE = (1, 2, 3, 4)
    _ROWS, _PERIOD_S = 4096, 0.064

    def __init__(self, rcc: MemoryClocks, pins: Pins, machine: Machine) -> None:
        reset = storage(range(0x00, 0x20, 4), range(0x140, 0x15C, 4)) | {self.BCR1: 0x0000_30DB}
        reset |= {self.SDCR1: 0x2D0, self.SDCR2: 0x2D0, self.SDTR1: 0x0FFF_FFFF}
        reset |= {self.SDTR2: 0x0FFF_FFFF}
        super().__init__("FMC", 0x5200_4000, 0x400, reset, lambda: rcc.bit(rcc.AHB3ENR, 12))
        self._rcc = rcc
        self._pins = pins
        self._machine = machine
        self._commands: list[int] = []
        machine.allow_access(self.REGION, allowed=False)

    def write_word(self, offset: int, value: int) -> None:
        """SDCMR takes commands, SDRTR the refresh rate."""
        self.registers[offset] = value
        if offset == self.SDCMR:
            self._command(value)
        elif offset == self.SDRTR:
            self.check_refresh()

    def check_refresh(self) -> None:
        """All rows must be refreshed within 64 ms.

        Raises:
            BusError: They are not.
        """
        divider = self.registers[self.SDCR1] >> 10 & 3
        if divider < 2:
            raise BusError("the SDRAM's clock is off (FMC_SDCR1.SDCLK)")
        clock = self._rcc.axi_hz() / divider
        cycles = self.registers[self.SDRTR] >> 1 & 0x1FFF
        if cycles < 41 or cycles * self._ROWS / clock > self._PERIOD_S:
            raise BusError(
                f"FMC_SDRTR refreshes all rows in {cycles * self._ROWS / clock * 1e3:.1f} ms, "
                f"expected at most {self._PERIOD_S * 1e3:g} ms"
            )

    def _command(self, word: int) -> None:
        if not word >> 3 & 1:
            raise BusError("the SDRAM command does not address bank 2 (FMC_SDCMR.CTB2)")
        if not self.registers[self.BCR1] >> 31:
            raise BusError("the FMC is off (FMC_BCR1.FMCEN)")
        geometry = self.registers[self.SDCR2] & 0x1FF
        if geometry != 0x1E5:
            raise BusError(
                f"FMC_SDCR2 has the geometry 0x{geometry:03x}, the SDRAM has 9 columns, 12 rows, "
                "32 bits, 4 banks and CAS latency 3 (0x1e5)"
            )
        for port, numbers in _SDRAM_PINS.items():
            for number in numbers:
                self._pins.check(f"P{port}{number}", 12, "the FMC")
        self._commands.append(word & 7)
        if tuple(self._commands[-4:]) == self._SEQUENCE:
            if word >> 9 & 0x7F != 0x30:
                raise BusError("the SDRAM's mode is not burst 1, sequential, CAS latency 3")
            self._machine.allow_access(self.REGION, allowed=True)
