"""Register models of the STM32L4R5 (ST RM0432)."""

from __future__ import annotations

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.serial import HostUart
from targets.emulators.stm32 import (
    Pins,
    Rcc,
    Usart,
    ahb_divider,
    apb_divider,
    check_limit,
    mhz_between,
    storage,
)
from targets.model import Target

HSI_HZ = 16_000_000
UART_FIFO_BYTES = 8
# ST RM0432, read access latency: 20 MHz per wait state in range 1, normal and boost mode alike.
WAIT_STATE_HZ = 20e6
_MSI_HZ = (100e3, 200e3, 400e3, 800e3, 1e6, 2e6, 4e6, 8e6, 16e6, 24e6, 32e6, 48e6)


class Pwr(Peripheral):
    """Power control: voltage range, boost mode, supply of port G.

    Args:
        rcc: For the clock.
    """

    CR1, CR2, SR2, CR5 = 0x00, 0x04, 0x14, 0x80

    def __init__(self, rcc: L4Rcc) -> None:
        reset = storage(range(0x00, 0x68, 4))
        reset |= {self.CR1: 0x200, 0x08: 0x8000, self.SR2: 0x100, self.CR5: 0x100}
        clock = lambda: rcc.bit(rcc.APB1ENR1, 28)  # noqa: E731
        super().__init__("PWR", 0x4000_7000, 0x400, reset, clock)

    @property
    def cpu_limit_hz(self) -> float:
        """Processor clock of the voltage range (ST DS12023)."""
        if self.registers[self.CR1] >> 9 & 3 != 1:
            return 26e6
        return 80e6 if self.registers[self.CR5] >> 8 & 1 else 120e6


class L4Rcc(Rcc):
    """Reset and clock control.

    Args:
        target: The board.
    """

    CFGR, PLLCFGR, AHB2ENR, APB1ENR1, APB1ENR2 = 0x08, 0x0C, 0x4C, 0x58, 0x5C
    APB2ENR, CCIPR = 0x60, 0x88
    _READY = ((0, 1), (8, 10), (16, 17), (24, 25), (26, 27), (28, 29))

    def __init__(self, target: Target) -> None:
        reset = storage(range(0x00, 0xA0, 4))
        reset |= {self.CR: 0x63, self.PLLCFGR: 0x1000, 0x48: 0x100}
        super().__init__(target, 0x4002_1000, reset, self._READY)
        self.pwr = Pwr(self)
        self.flash = Peripheral(
            "the flash interface", 0x4002_2000, 0x400, storage(range(0x00, 0x34, 4)) | {0: 0x600}
        )

    def read_word(self, offset: int) -> int:
        """SWS follows SW."""
        value = super().read_word(offset)
        if offset == self.CFGR:
            value = value & ~0xC | (value & 3) << 2
        return value

    def check_change(self, offset: int, previous: int, value: int) -> None:
        """What the hardware ignores or does not survive."""
        if offset == self.PLLCFGR and previous != value and self.bit(self.CR, 24):
            raise BusError("the PLL is set up while it runs; the hardware ignores that")
        if offset == self.CFGR:
            before = previous & 3, ahb_divider(previous >> 4 & 0xF)
            if self.cpu_hz() > 80e6 and (before[0] != value & 3 or before[1] > 2):
                raise BusError(
                    "the processor clock jumps above 80 MHz in one step",
                    hint="pass through HPRE = 2 for 1 us (ST RM0432, PLL)",
                )
            self.check_limits()

    def msi_hz(self) -> float:
        """The multispeed oscillator; its range is taken from CR once MSIRGSEL is set."""
        control = self.registers[self.CR]
        return _MSI_HZ[control >> 4 & 0xF] if control >> 3 & 1 else 4e6

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it.

        Raises:
            BusError: The clock tree cannot run like this.
        """
        config = self.registers[self.CFGR]
        sources = (self.msi_hz, lambda: HSI_HZ, self.hse_hz, self.pll_hz)
        enable = (0, 8, 16, 24)[config & 3]
        if not self.bit(self.CR, enable):
            raise BusError("the system clock's source is off")
        return sources[config & 3]() / ahb_divider(config >> 4 & 0xF)

    def pll_hz(self) -> float:
        """The PLL's R output.

        Raises:
            BusError: Its settings are outside the limits.
        """
        config = self.registers[self.PLLCFGR]
        if config & 3 == 0:
            raise BusError("the PLL has no clock source (PLLCFGR.PLLSRC)")
        source = (self.msi_hz, lambda: HSI_HZ, self.hse_hz)[(config & 3) - 1]()
        reference = mhz_between(
            "the PLL's reference is", source / ((config >> 4 & 0xF) + 1), 2.66, 16
        )
        vco = mhz_between("the PLL's VCO runs at", reference * (config >> 8 & 0x7F), 64, 344)
        if not config >> 24 & 1:
            raise BusError("the PLL's R output is off (PLLCFGR.PLLREN)")
        return vco / (2 * ((config >> 25 & 3) + 1))

    def uart_kernel_hz(self) -> float:
        """Kernel clock of LPUART1: APB1."""
        if self.registers[self.CCIPR] >> 10 & 3:
            raise BusError("only the bus clock is modelled for LPUART1 (CCIPR.LPUART1SEL)")
        return self.cpu_hz() / apb_divider(self.registers[self.CFGR] >> 8 & 7)

    def check_limits(self) -> None:
        """Check the processor clock against voltage range and flash wait states.

        Raises:
            BusError: It is too fast.
        """
        cpu = self.cpu_hz()
        check_limit("the processor", cpu, self.pwr.cpu_limit_hz, "in this voltage range")
        latency = self.flash.registers[0] & 0xF
        check_limit("the flash", cpu, WAIT_STATE_HZ * (latency + 1), f"with {latency} wait states")


class PoweredPins(Pins):
    """Ports of which G has a supply of its own, which the firmware must declare present.

    Args:
        rcc: For clocks and power.
    """

    def __init__(self, rcc: L4Rcc) -> None:
        self._pwr = rcc.pwr
        modes = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}
        clock = lambda index: rcc.bit(rcc.AHB2ENR, index)  # noqa: E731
        super().__init__(0x4800_0000, "ABCDEFGHI", clock, modes, 0xFFFF_FFFF)

    def check(self, pin: str, function: int | None, what: str) -> None:
        """PG2 to PG15 work only with PWR_CR2.IOSV."""
        isolated = pin[1] == "G" and int(pin[2:]) >= 2
        if isolated and not self._pwr.registers[Pwr.CR2] >> 9 & 1:
            raise BusError(f"pin {pin} is isolated from its supply (PWR_CR2.IOSV)")
        super().check(pin, function, what)


def attach(bus: Bus, target: Target, machine: Machine) -> HostUart:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    rcc = L4Rcc(target)
    pins = PoweredPins(rcc)
    enable = {"LPUART1": (rcc.APB1ENR2, 0), "USART1": (rcc.APB2ENR, 14)}
    place = enable[target.board.uart.peripheral]
    usart = Usart(target, rcc, pins, machine, place, UART_FIFO_BYTES)
    for peripheral in (rcc, rcc.pwr, rcc.flash, *pins.ports.values(), usart):
        bus.add(peripheral)
    return usart
