"""Register models of the Alif Ensemble E7's high performance core (Alif E7 HWRM).

The secure enclave sets the processor's clock before the image starts; so it is taken as given.
"""

from __future__ import annotations

from collections.abc import Callable

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.serial import PolledUart, SerialSetup
from targets.model import Target

SYST_PCLK_HZ, HFOSC_HZ = 100e6, 38.4e6
UART_FIFO_BYTES = 32


class Uart16550(PolledUart):
    """A 16550 with fractional divider, polled.

    Args:
        target: The board.
        machine: To be stopped while the firmware waits for bytes.
        check_pin: Raises where a pin is not switched to the UART.
        control: The clock control's UART_CTRL.
    """

    RBR, IER, FCR, LCR, LSR, USR, DLF = 0x00, 0x04, 0x08, 0x0C, 0x14, 0x7C, 0xC0

    def __init__(
        self,
        target: Target,
        machine: Machine,
        check_pin: Callable[[str], None],
        control: Callable[[], int],
    ) -> None:
        uart = target.board.uart
        self._instance = (uart.base - 0x4901_8000) >> 12
        setup = SerialSetup(target, lambda: float(target.mcu.clock_hz), check_pin)
        clock = lambda: bool(control() >> self._instance & 1)  # noqa: E731
        reset = dict.fromkeys((0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x7C, 0xC0), 0)
        super().__init__(uart.peripheral, uart.base, reset, machine, setup, clock, 0x1000)
        self._control = control
        self._divider = 0
        self._fifo = False

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        sixteenths = self._divider * 16 + (self.registers[self.DLF] & 0xF)
        if self._divider == 0:
            raise BusError(f"{self.name} has no valid baud rate (DLL, DLH)")
        system = self._control() >> (8 + self._instance) & 1
        return (SYST_PCLK_HZ if system else HFOSC_HZ) / sixteenths

    @property
    def _latch(self) -> bool:
        return bool(self.registers[self.LCR] >> 7 & 1)

    def read_word(self, offset: int) -> int:
        """LSR and RBR have effects."""
        if offset == self.LSR:
            self._room = UART_FIFO_BYTES if self._fifo else 1
            if self._overrun:
                self._overrun = False
                return 0x60 | 1 << 1
            return 0x60 | self._poll()
        if offset == self.RBR and not self._latch:
            self.registers[self.RBR] = self._pop(self.registers[self.RBR])
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """THR sends; with DLAB the first two registers are the divider."""
        if offset == self.RBR:
            if self._latch:
                self._divider = self._divider & 0xFF00 | value & 0xFF
            else:
                self._push(value & 0xFF, f"{self.name}_THR", "LSR.THRE")
        elif offset == self.IER and self._latch:
            self._divider = self._divider & 0xFF | (value & 0xFF) << 8
        elif offset == self.IER and value:
            raise BusError(f"{self.name}'s interrupts are not delivered; poll LSR")
        elif offset == self.FCR:
            self._fifo = bool(value & 1)
        else:
            self.registers[offset] = value


def attach(bus: Bus, target: Target, machine: Machine) -> Uart16550:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    control = Peripheral("CLKCTL_PER_SLV", 0x4902_F000, 0x1000, dict.fromkeys(range(0, 0x40, 4), 0))
    pinmux = Peripheral("PINMUX", 0x1A60_3000, 0x1000, dict.fromkeys(range(0, 0x200, 4), 0))

    def check_pin(pin: str) -> None:
        port, number = (int(part) for part in pin.removeprefix("P").split("_"))
        value = pinmux.registers[32 * port + 4 * number]
        if value & 7 != target.board.uart.af:
            raise BusError(f"pin {pin} is not switched to {target.board.uart.peripheral}")
        if pin == target.board.uart.rx_pin and not value >> 16 & 1:
            raise BusError(f"the input of pin {pin} is off (read enable)")

    uart = Uart16550(target, machine, check_pin, lambda: control.registers[0x08])
    for peripheral in (control, pinmux, uart):
        bus.add(peripheral)
    return uart
