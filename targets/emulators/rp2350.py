"""Register models of the RP2350 (Raspberry Pi RP2350 Datasheet)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.serial import PolledUart, SerialSetup
from targets.model import Target

UART_FIFO_BYTES = 32
_CPU_LIMIT_HZ = 150e6
_BOOT_BYTES = 4096
_BLOCK_START, _BLOCK_END = 0xFFFF_DED3, 0xAB12_3579
_IMAGE_TYPE_ARM_SECURE = 0x1021_0142


class Resets(Peripheral):
    """Which blocks are held in reset; all the modelled ones are after power on."""

    RESET, DONE = 0x00, 0x08

    def __init__(self) -> None:
        super().__init__("RESETS", 0x4002_0000, 0x1000, {0: 0x1FFF_FFFF, 4: 0, 8: 0})

    def read_word(self, offset: int) -> int:
        """A released block is done at once."""
        if offset == self.DONE:
            return ~self.registers[self.RESET] & 0x1FFF_FFFF
        return self.registers[offset]

    def released(self, bit: int) -> Callable[[], bool]:
        """Whether a block is out of reset, as a function."""
        return lambda: not self.registers[self.RESET] >> bit & 1


class Clocks(Peripheral):
    """Clock generators with crystal oscillator and system PLL.

    Args:
        target: For the crystal.
        resets: The PLL's reset.
    """

    REF_CTRL, REF_SELECTED, SYS_CTRL, SYS_SELECTED, PERI_CTRL = 0x30, 0x38, 0x3C, 0x44, 0x48

    def __init__(self, target: Target, resets: Resets) -> None:
        reset = dict.fromkeys(range(0x00, 0xD4, 4), 0) | {0x34: 0x1_0000, 0x40: 0x1_0000}
        super().__init__("CLOCKS", 0x4001_0000, 0x1000, reset)
        self._target = target
        xosc = {0x00: 0, 0x04: 0, 0x08: 0, 0x0C: 0, 0x10: 0}
        self.xosc = Peripheral("XOSC", 0x4004_8000, 0x1000, xosc)
        self.xosc.read_word = self._read_xosc  # type: ignore[method-assign]
        pll = {0x00: 1, 0x04: 0x2D, 0x08: 0, 0x0C: 0x0007_7000}
        self.pll = Peripheral("PLL_SYS", 0x4005_0000, 0x1000, pll, resets.released(14))
        self.pll.read_word = self._read_pll  # type: ignore[method-assign]

    def _read_xosc(self, offset: int) -> int:
        value = self.xosc.registers[offset]
        return value | self._crystal_runs() << 31 if offset == 0x04 else value

    def _crystal_runs(self) -> bool:
        control = self.xosc.registers[0]
        return control >> 12 & 0xFFF == 0xFAB and control & 0xFFF == 0xAA0

    def _read_pll(self, offset: int) -> int:
        value = self.pll.registers[offset]
        locked = not self.pll.registers[0x04] & 0x21
        return value | locked << 31 if offset == 0x00 else value

    def crystal_hz(self) -> float:
        """Frequency of the crystal.

        Raises:
            BusError: It does not run.
        """
        oscillator = self._target.board.oscillator
        if oscillator is None or not self._crystal_runs():
            raise BusError("the crystal oscillator does not run (XOSC_CTRL)")
        if self.xosc.registers[0x0C] * 256 < oscillator.hz / 1000 * 0.9:
            raise BusError("the crystal is not given 1 ms to start (XOSC_STARTUP)")
        return oscillator.hz

    def pll_hz(self) -> float:
        """Output of the system PLL.

        Raises:
            BusError: It is off or out of its range.
        """
        registers = self.pll.registers
        if registers[0x04] & 0x29:
            raise BusError("the system PLL or its dividers are off (PLL_PWR)")
        reference = self.crystal_hz() / (registers[0x00] & 0x3F)
        divider = registers[0x08] & 0xFFF
        vco = reference * divider
        if not 750e6 <= vco <= 1600e6 or not 16 <= divider <= 320 or reference < 5e6:
            raise BusError(
                f"the PLL's VCO runs at {vco / 1e6:g} MHz from {reference / 1e6:g} MHz, "
                "expected 750 to 1600 MHz from 5 MHz or more"
            )
        return vco / ((registers[0x0C] >> 16 & 7) * (registers[0x0C] >> 12 & 7))

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it.

        Raises:
            BusError: The clock tree cannot run like this.
        """
        if self.registers[self.SYS_CTRL] & 1:
            if self.registers[self.SYS_CTRL] >> 5 & 7:
                raise BusError("only the system PLL is modelled as auxiliary source of clk_sys")
            return self.pll_hz()
        if self.registers[self.REF_CTRL] & 3 == 2:
            return self.crystal_hz()
        return 11e6

    def uart_kernel_hz(self) -> float:
        """The peripheral clock.

        Raises:
            BusError: It is off or not modelled.
        """
        control = self.registers[self.PERI_CTRL]
        if not control >> 11 & 1 or control >> 5 & 7:
            raise BusError("clk_peri is off or not clk_sys (CLK_PERI_CTRL)")
        return self.cpu_hz()

    def check_limits(self) -> None:
        """Check the processor clock against the datasheet.

        Raises:
            BusError: It is too fast.
        """
        if self.cpu_hz() > _CPU_LIMIT_HZ * 1.0001:
            raise BusError(f"the processor would run at {self.cpu_hz() / 1e6:g} MHz, at most 150")

    def read_word(self, offset: int) -> int:
        """SELECTED is one bit per source."""
        if offset == self.REF_SELECTED:
            return 1 << (self.registers[self.REF_CTRL] & 3)
        if offset == self.SYS_SELECTED:
            return 1 << (self.registers[self.SYS_CTRL] & 1)
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Switching is checked."""
        previous = self.registers[offset]
        self.registers[offset] = value
        if offset in (self.REF_CTRL, self.SYS_CTRL):
            try:
                self.check_limits()
            except BusError:
                self.registers[offset] = previous
                raise


class Pl011(PolledUart):
    """Arm PL011, polled.

    Args:
        target: The board.
        machine: To be stopped while the firmware waits for bytes.
        clocks: Clocks.
        check_pin: Raises where a pin is not switched to the UART.
        released: Whether it is out of reset.
    """

    DR, RSR, FR, IBRD, FBRD, LCR_H, CR = 0x00, 0x04, 0x18, 0x24, 0x28, 0x2C, 0x30

    def __init__(
        self,
        target: Target,
        machine: Machine,
        clocks: Clocks,
        check_pin: Callable[[str], None],
        released: Callable[[], bool],
    ) -> None:
        uart = target.board.uart
        setup = SerialSetup(target, clocks.cpu_hz, check_pin, clocks.check_limits)
        reset = dict.fromkeys((*range(0x00, 0x08, 4), *range(0x18, 0x4C, 4)), 0)
        reset |= {self.CR: 0x300, 0x34: 0x12}
        super().__init__(uart.peripheral, uart.base, reset, machine, setup, released, 0x1000)
        self._clocks = clocks

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        divider = self.registers[self.IBRD] + (self.registers[self.FBRD] & 63) / 64
        if divider < 1:
            raise BusError(f"{self.name} has no valid baud rate (UARTIBRD)")
        return self._clocks.uart_kernel_hz() / (16 * divider)

    def read_word(self, offset: int) -> int:
        """FR and DR have effects."""
        control = self.registers[self.CR]
        if offset == self.FR:
            fifo = bool(self.registers[self.LCR_H] >> 4 & 1)
            self._room = UART_FIFO_BYTES if fifo else 1
            on = control & 1 and control >> 9 & 1
            ready = self._overrun or (bool(on) and self._poll())
            return 0x90 if not ready else 0x80
        if offset == self.DR:
            if self._overrun:
                self._overrun = False
                return 1 << 11
            self.registers[self.DR] = self._pop(self.registers[self.DR])
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """DR sends; the dividers take effect with LCR_H."""
        control = self.registers[self.CR]
        if offset == self.DR:
            if not control & 1 or not control >> 8 & 1:
                raise BusError(f"{self.name} sends while it is off (UARTCR)")
            self._push(value & 0xFF, "UARTDR", "UARTFR.TXFF")
            return
        if offset in (self.IBRD, self.FBRD, self.LCR_H) and control & 1:
            raise BusError(f"{self.name} must be off (UARTCR.UARTEN) to set its line")
        if offset == 0x38 and value:
            raise BusError(f"{self.name}'s interrupts are not delivered; poll UARTFR")
        self.registers[offset] = value


def attach(bus: Bus, target: Target, machine: Machine) -> Pl011:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    resets = Resets()
    clocks = Clocks(target, resets)
    functions = {8 * pin + 4: 0x1F for pin in range(48)}
    io = Peripheral("IO_BANK0", 0x4002_8000, 0x1000, functions, resets.released(6))
    pads = Peripheral(
        "PADS_BANK0",
        0x4003_8000,
        0x1000,
        {4 + 4 * pin: 0x116 for pin in range(48)},
        resets.released(9),
    )

    def check_pin(pin: str) -> None:
        number = int(pin.removeprefix("GPIO"))
        if io.registers[8 * number + 4] & 0x1F != target.board.uart.af:
            raise BusError(f"pin {pin} is not switched to {target.board.uart.peripheral}")
        pad = pads.registers[4 + 4 * number]
        if pad >> 8 & 1:
            raise BusError(f"pin {pin} is isolated (PADS_BANK0.ISO)")
        if pin == target.board.uart.rx_pin and not pad >> 6 & 1:
            raise BusError(f"the input of pin {pin} is off (PADS_BANK0.IE)")

    uart = Pl011(target, machine, clocks, check_pin, resets.released(26))
    for peripheral in (resets, clocks, clocks.xosc, clocks.pll, io, pads, uart):
        bus.add(peripheral)
    return uart


def check_boot(target: Target, read: Callable[[int, int], bytes]) -> None:
    """What the boot ROM needs: an image definition in the first 4 KiB.

    Args:
        target: The board.
        read: Reads the machine's memory.

    Raises:
        BusError: The ROM would not start the image.
    """
    words = struct.unpack(f"<{_BOOT_BYTES // 4}I", read(target.mcu.region_for("code").origin, 4096))
    for index, word in enumerate(words[:-4]):
        if word == _BLOCK_START:
            kind, last, link, end = words[index + 1 : index + 5]
            if kind != _IMAGE_TYPE_ARM_SECURE or last != 0x1FF or link != 0 or end != _BLOCK_END:
                raise BusError("the image definition is not that of one Arm image in secure state")
            return
    raise BusError(f"there is no image definition in the first {_BOOT_BYTES} bytes")
