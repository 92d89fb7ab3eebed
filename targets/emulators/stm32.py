"""Register models that the STM32 families share: pins, USARTs, clock tree arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from targets.emulators.bus import BusError, Machine, Peripheral
from targets.emulators.serial import PolledUart, SerialSetup
from targets.model import Target


class ClockTree(Protocol):
    """What pins and UARTs ask of a family's reset and clock control."""

    def bit(self, offset: int, bit: int) -> bool:
        """Whether a bit of a register is set."""

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it."""

    def uart_kernel_hz(self) -> float:
        """Kernel clock of the UART to the host."""

    def check_limits(self) -> None:
        """Raises BusError where something runs too fast."""


class Rcc(Peripheral):
    """Reset and clock control: ready flags follow enable bits, the clock tree is checked.

    Args:
        target: For the frequency of the external clock.
        base: First address.
        reset: Offset -> reset value of every register.
        ready: Enable bit and ready bit of the oscillators in CR.
        oscillator_bits: HSEON and HSEBYP in CR, ``None`` where the family has no HSE here.
    """

    CR = 0x00

    def __init__(
        self,
        target: Target,
        base: int,
        reset: dict[int, int],
        ready: tuple[tuple[int, int], ...],
        oscillator_bits: tuple[int, int] = (16, 18),
    ) -> None:
        super().__init__("RCC", base, 0x400, reset)
        self._oscillator = target.board.oscillator
        self._ready = ready
        self._hse_on, self._hse_bypass = oscillator_bits

    def bit(self, offset: int, bit: int) -> bool:
        """Whether a bit of a register is set."""
        return bool(self.registers[offset] >> bit & 1)

    def read_word(self, offset: int) -> int:
        """Ready flags follow their enable bits."""
        value = self.registers[offset]
        if offset == self.CR:
            for enable, ready in self._ready:
                value = value & ~(1 << ready) | (value >> enable & 1) << ready
        return value

    def write_word(self, offset: int, value: int) -> None:
        """Checks what would stop or overdrive the clock tree."""
        previous = self.registers[offset]
        self.registers[offset] = value
        try:
            if offset == self.CR and (value & ~previous) >> self._hse_on & 1:
                self.hse_hz()
            self.check_change(offset, previous, value)
        except BusError:
            self.registers[offset] = previous
            raise

    def check_change(self, offset: int, previous: int, value: int) -> None:
        """What a family forbids when a register changes."""

    def hse_hz(self) -> float:
        """Frequency of the external clock.

        Raises:
            BusError: It would not start on this board.
        """
        if self._oscillator is None:
            raise BusError("the board has no external clock (HSE)")
        if self.bit(self.CR, self._hse_bypass) != self._oscillator.bypass:
            needed = "a clock signal (HSEBYP = 1)" if self._oscillator.bypass else "a crystal"
            raise BusError(f"HSE would not start: the board has {needed}")
        return self._oscillator.hz


def ahb_divider(field: int) -> int:
    """Division by a 4-bit HPRE field."""
    return (2, 4, 8, 16, 64, 128, 256, 512)[field & 7] if field & 8 else 1


def apb_divider(field: int) -> int:
    """Division by a 3-bit PPRE field."""
    return 2 << (field & 3) if field & 4 else 1


def mhz_between(what: str, hz: float, low: float, high: float, where: str = "") -> float:
    """Pass a frequency on that lies within its limits.

    Args:
        what: The clock.
        hz: Its frequency.
        low: Lower limit in MHz.
        high: Upper limit in MHz.
        where: What the limits hold for.

    Raises:
        BusError: It does not.
    """
    if not low * 0.9999 <= hz / 1e6 <= high * 1.0001:
        raise BusError(f"{what} {hz / 1e6:g} MHz, expected {low:g} to {high:g} MHz{where}")
    return hz


def check_limit(what: str, hz: float, limit_hz: float, where: str) -> None:
    """Refuse a clock above its limit.

    Raises:
        BusError: It is above.
    """
    if hz > limit_hz * 1.0001:
        raise BusError(
            f"{what} would run at {hz / 1e6:g} MHz, at most {limit_hz / 1e6:g} MHz "
            f"are allowed {where}"
        )


class Gpio(Peripheral):
    """One GPIO port.

    Args:
        index: 0 for port A.
        base: Its address.
        clock: Returns whether its clock is on.
        mode: Reset value of MODER.
    """

    MODER, IDR, ODR, BSRR, AFRL, AFRH = 0x00, 0x10, 0x14, 0x18, 0x20, 0x24

    def __init__(self, index: int, base: int, clock: Callable[[], bool], mode: int) -> None:
        reset = dict.fromkeys(range(0x00, 0x28, 4), 0)
        reset[self.MODER] = mode
        super().__init__(f"GPIO{'ABCDEFGHIJKLMNOPQ'[index]}", base, 0x400, reset, clock)

    def alternate_function(self, pin: int) -> int | None:
        """The pin's alternate function, ``None`` if the pin is in another mode."""
        if self.registers[self.MODER] >> 2 * pin & 3 != 2:
            return None
        register = self.AFRH if pin >= 8 else self.AFRL
        return self.registers[register] >> 4 * (pin & 7) & 0xF

    def write_word(self, offset: int, value: int) -> None:
        """BSRR sets and clears ODR."""
        if offset == self.BSRR:
            self.registers[self.ODR] &= ~(value >> 16)
            self.registers[self.ODR] |= value & 0xFFFF
        else:
            self.registers[offset] = value


class Pins:
    """The GPIO ports of a chip.

    Args:
        base: Address of port A.
        letters: The ports that exist, such as ``ABCDEFGH``.
        clock: Returns whether the clock of the port with an index is on.
        modes: Port letter -> reset value of MODER where it is not the others'.
        mode: Reset value of MODER of the other ports.
    """

    def __init__(
        self,
        base: int,
        letters: str,
        clock: Callable[[int], bool],
        modes: dict[str, int],
        mode: int,
    ) -> None:
        self.ports: dict[str, Gpio] = {}
        for letter in letters:
            index = ord(letter) - ord("A")
            self.ports[letter] = Gpio(
                index,
                base + 0x400 * index,
                lambda index=index: clock(index),  # type: ignore[misc]
                modes.get(letter, mode),
            )

    def check(self, pin: str, function: int | None, what: str) -> None:
        """Refuse a pin that is not switched to what needs it.

        Raises:
            BusError: The pin has another function.
        """
        if self.ports[pin[1]].alternate_function(int(pin[2:])) != function:
            raise BusError(f"pin {pin} is not switched to {what} (AF{function})")


class Usart(PolledUart):
    """A USART or low-power UART with ISR, RDR and TDR, in asynchronous mode, polled.

    Args:
        target: Pins and baud rate the board needs.
        rcc: Clocks.
        pins: GPIO ports.
        machine: To be stopped while the firmware waits for bytes.
        enable: RCC register and bit of the peripheral's clock.
        fifo_bytes: Depth of the FIFO, 1 where there is none.
    """

    CR1, CR2, CR3, BRR, RQR, ISR, ICR = 0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20
    RDR, TDR, PRESC = 0x24, 0x28, 0x2C
    ORE, RXNE, TC, TXE, TEACK, REACK = 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 21, 1 << 22

    def __init__(
        self,
        target: Target,
        rcc: ClockTree,
        pins: Pins,
        machine: Machine,
        enable: tuple[int, int],
        fifo_bytes: int,
    ) -> None:
        uart = target.board.uart
        registers = range(0x00, 0x30 if fifo_bytes > 1 else 0x2C, 4)
        setup = _setup(target, rcc, pins)
        reset = dict.fromkeys(registers, 0)
        clock = lambda: rcc.bit(*enable)  # noqa: E731
        super().__init__(uart.peripheral, uart.base, reset, machine, setup, clock)
        self._rcc = rcc
        self._fifo_bytes = fifo_bytes

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        prescaler = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)
        index = self.registers.get(self.PRESC, 0) & 0xF
        if index >= len(prescaler):
            raise BusError(f"{self.name} has no valid baud rate (BRR, PRESC)")
        kernel = self._rcc.uart_kernel_hz() / prescaler[index]
        if self.name.startswith("LPUART"):
            divider = self.registers[self.BRR] & 0xF_FFFF
            if divider < 0x300:
                raise BusError(f"{self.name} has no valid baud rate (BRR below 0x300)")
            return 256 * kernel / divider
        divider = self.registers[self.BRR] & 0xFFFF
        over8 = bool(self.registers[self.CR1] >> 15 & 1)
        if over8:
            divider = divider & 0xFFF0 | (divider & 7) << 1
        if divider < 16:
            raise BusError(f"{self.name} has no valid baud rate (BRR, PRESC)")
        return kernel * (2 if over8 else 1) / divider

    def read_word(self, offset: int) -> int:
        """ISR and RDR have effects; the rest is storage."""
        if offset == self.ISR:
            return self._read_status()
        if offset == self.RDR:
            self.registers[self.RDR] = self._pop(self.registers[self.RDR])
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """TDR sends, ICR clears flags."""
        if offset == self.TDR:
            self._send(value & 0xFF)
        elif offset == self.ICR:
            if value & self.ORE:
                self._overrun = False
        elif offset == self.RQR:
            if value >> 3 & 1:
                self._received.clear()
        elif offset == self.ISR:
            raise BusError(f"{self.name}_ISR is read only")
        else:
            if offset in (self.BRR, self.PRESC) and self.registers[self.CR1] & 1:
                raise BusError(f"{self.name} must be off (CR1.UE) to set its baud rate")
            interrupts = 0xF0 | 1 << 8
            if offset == self.CR1 and value & interrupts:
                raise BusError(f"{self.name}'s interrupts are not delivered; poll ISR")
            if offset == self.CR1 and value >> 29 & 1 and self._fifo_bytes == 1:
                raise BusError(f"{self.name} has no FIFO (CR1.FIFOEN)")
            self.registers[offset] = value

    def _read_status(self) -> int:
        control = self.registers[self.CR1]
        enabled = bool(control & 1)
        status = 0x0000_00C0
        if enabled:
            self._room = self._fifo_bytes if control >> 29 & 1 else 1
            status |= self.TEACK * (control >> 3 & 1) | self.REACK * (control >> 2 & 1)
        if self._overrun:
            return status | self.ORE
        if enabled and control & 4 and self._poll():
            return status | self.RXNE
        return status

    def _send(self, byte: int) -> None:
        control = self.registers[self.CR1]
        if not control & 1 or not control & 8:
            raise BusError(f"{self.name} sends while it is off (CR1.UE, CR1.TE)")
        self._push(byte, f"{self.name}_TDR", "ISR.TXE")


class OldUsart(PolledUart):
    """A USART of the first generation, with SR and DR, in asynchronous mode, polled.

    Args:
        target: Pins and baud rate the board needs.
        rcc: Clocks.
        pins: GPIO ports.
        machine: To be stopped while the firmware waits for bytes.
        enable: RCC register and bit of the peripheral's clock.
    """

    SR, DR, BRR, CR1, CR2, CR3, GTPR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
    ORE, RXNE, TC, TXE = 1 << 3, 1 << 5, 1 << 6, 1 << 7

    def __init__(
        self,
        target: Target,
        rcc: ClockTree,
        pins: Pins,
        machine: Machine,
        enable: tuple[int, int],
    ) -> None:
        uart = target.board.uart
        setup = _setup(target, rcc, pins)
        reset = dict.fromkeys(range(0x00, 0x1C, 4), 0)
        clock = lambda: rcc.bit(*enable)  # noqa: E731
        super().__init__(uart.peripheral, uart.base, reset, machine, setup, clock)
        self._rcc = rcc
        self._overrun_seen = False

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        divider = self.registers[self.BRR] & 0xFFFF
        if self.registers[self.CR1] >> 15 & 1 or divider < 16:
            raise BusError(f"{self.name} has no valid baud rate (BRR; OVER8 is not modelled)")
        return self._rcc.uart_kernel_hz() / divider

    def read_word(self, offset: int) -> int:
        """SR and DR have effects; the rest is storage."""
        if offset == self.SR:
            return self._read_status()
        if offset == self.DR:
            if self._overrun_seen:
                self._overrun = self._overrun_seen = False
                return self.registers[self.DR]
            self.registers[self.DR] = self._pop(self.registers[self.DR])
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """DR sends."""
        control = self.registers[self.CR1]
        if offset == self.DR:
            if not control >> 13 & 1 or not control & 8:
                raise BusError(f"{self.name} sends while it is off (CR1.UE, CR1.TE)")
            self._push(value & 0xFF, f"{self.name}_DR", "SR.TXE")
            return
        if offset == self.SR:
            raise BusError(f"{self.name}_SR is not written by this firmware")
        if offset == self.CR1 and value & (0xF0 | 1 << 8):
            raise BusError(f"{self.name}'s interrupts are not delivered; poll SR")
        self.registers[offset] = value

    def _read_status(self) -> int:
        control = self.registers[self.CR1]
        status = self.TC | self.TXE
        if not control >> 13 & 1:
            return status
        self._room = 1
        if self._overrun:
            self._overrun_seen = True
            return status | self.ORE
        if control & 4 and self._poll():
            return status | self.RXNE
        return status


def _setup(target: Target, rcc: ClockTree, pins: Pins) -> SerialSetup:
    uart = target.board.uart
    return SerialSetup(
        target,
        rcc.cpu_hz,
        lambda pin: pins.check(pin, uart.af, uart.peripheral),
        rcc.check_limits,
    )


def storage(*ranges: Iterable[int]) -> dict[int, int]:
    """Registers that reset to zero."""
    return {offset: 0 for group in ranges for offset in group}


__all__ = [
    "ClockTree",
    "Gpio",
    "OldUsart",
    "Pins",
    "Rcc",
    "Usart",
    "ahb_divider",
    "apb_divider",
    "check_limit",
    "mhz_between",
    "storage",
]
