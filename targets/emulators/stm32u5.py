"""Register models of the STM32U575/585 (ST RM0456) with TrustZone off."""

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

MSIS_HZ = 4_000_000  # range 4 after reset
HSI_HZ = 16_000_000
UART_FIFO_BYTES = 8
# ST DS13086 and RM0456: limits per voltage range 1 to 4, clock per flash wait state.
_CPU_LIMITS_HZ = {1: 160e6, 2: 110e6, 3: 55e6, 4: 25e6}
_WAIT_STATE_HZ = {1: 32e6, 2: 30e6, 3: 24e6, 4: 12.5e6}
_BOOST_HZ = 55e6


class Pwr(Peripheral):
    """Power control: voltage range and booster.

    Args:
        rcc: For the clocks.
    """

    VOSR = 0x0C

    def __init__(self, rcc: U5Rcc) -> None:
        self._rcc = rcc
        reset = storage(range(0x00, 0x40, 4)) | {self.VOSR: 0x0000_8000}
        clock = lambda: rcc.bit(rcc.AHB3ENR, 2)  # noqa: E731
        super().__init__("PWR", 0x4602_0800, 0x400, reset, clock)

    @property
    def voltage_range(self) -> int:
        """1, the highest, to 4."""
        return 4 - (self.registers[self.VOSR] >> 16 & 3)

    @property
    def boosted(self) -> bool:
        """Whether the booster runs."""
        return bool(self.registers[self.VOSR] >> 18 & 1)

    def read_word(self, offset: int) -> int:
        """Both are ready at once."""
        value = self.registers[offset]
        if offset == self.VOSR:
            return value | 1 << 15 | (value >> 18 & 1) << 14
        return value

    def write_word(self, offset: int, value: int) -> None:
        """The booster needs the higher ranges and a clock."""
        if offset == self.VOSR and value >> 18 & 1:
            if value >> 16 & 3 < 2:
                raise BusError("the booster works in voltage ranges 1 and 2 only (PWR_VOSR)")
            self._rcc.check_booster_clock()
        self.registers[offset] = value


class U5Rcc(Rcc):
    """Reset and clock control.

    Args:
        target: The board.
    """

    CFGR1, CFGR2, PLL1CFGR, PLL1DIVR, PLL1FRACR = 0x1C, 0x20, 0x28, 0x34, 0x38
    AHB2ENR1, AHB3ENR, APB1ENR1, APB2ENR, CCIPR1 = 0x8C, 0x94, 0x9C, 0xA4, 0xE0
    _READY = ((0, 2), (4, 5), (8, 10), (12, 13), (16, 17), (24, 25), (26, 27), (28, 29))

    def __init__(self, target: Target) -> None:
        reset = storage(range(0x00, 0x118, 4))
        reset |= {self.CR: 0x35, 0x08: 0x4400_0000, self.PLL1DIVR: 0x0101_0280}
        reset |= {0x88: 0xC800_0100, self.AHB2ENR1: 0x4000_0000, self.AHB3ENR: 0x8000_0000}
        super().__init__(target, 0x4602_0C00, reset, self._READY)
        self.pwr = Pwr(self)
        self.flash = Peripheral(
            "the flash interface", 0x4002_2000, 0x400, storage(range(0x00, 0x60, 4)) | {0: 1}
        )

    def read_word(self, offset: int) -> int:
        """SWS follows SW."""
        value = super().read_word(offset)
        if offset == self.CFGR1:
            value = value & ~0xC | (value & 3) << 2
        return value

    def check_change(self, offset: int, previous: int, value: int) -> None:
        """What the hardware ignores or does not survive."""
        if offset == self.PLL1DIVR and previous != value and self.bit(self.CR, 24):
            raise BusError("PLL1 is set up while it runs; the hardware ignores that")
        if offset in (self.CFGR1, self.CFGR2):
            self.check_limits()

    def pll_source_hz(self) -> float:
        """Source of PLL1.

        Raises:
            BusError: It has none.
        """
        select = self.registers[self.PLL1CFGR] & 3
        if select == 0:
            raise BusError("PLL1 has no clock source (PLL1CFGR.PLL1SRC)")
        if not self.bit(self.CR, (0, 8, 16)[select - 1]):
            raise BusError("PLL1's clock source is off")
        return (lambda: MSIS_HZ, lambda: HSI_HZ, self.hse_hz)[select - 1]()

    def check_booster_clock(self) -> None:
        """The booster runs from PLL1's source, divided by PLL1MBOOST.

        Raises:
            BusError: It is not 4 to 16 MHz.
        """
        field = self.registers[self.PLL1CFGR] >> 12 & 0xF
        divider = (1, 2, 4, 6, 8, 10, 12, 14, 16)[min(field, 8)]
        mhz_between("the booster's clock is", self.pll_source_hz() / divider, 4, 16)

    def pll1_hz(self) -> float:
        """PLL1's R output.

        Raises:
            BusError: Its settings are outside the limits.
        """
        config, dividers = self.registers[self.PLL1CFGR], self.registers[self.PLL1DIVR]
        reference = self.pll_source_hz() / ((config >> 8 & 0xF) + 1)
        low, high = (8, 16) if config >> 2 & 3 == 3 else (4, 8)
        mhz_between("PLL1's reference is", reference, low, high, " (PLL1CFGR.PLL1RGE)")
        vco = mhz_between("PLL1's VCO runs at", reference * ((dividers & 0x1FF) + 1), 128, 544)
        if not config >> 18 & 1:
            raise BusError("PLL1's R output is off (PLL1CFGR.PLL1REN)")
        return vco / ((dividers >> 24 & 0x7F) + 1)

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it.

        Raises:
            BusError: The clock tree cannot run like this.
        """
        select = self.registers[self.CFGR1] & 3
        if not self.bit(self.CR, (0, 8, 16, 24)[select]):
            raise BusError("the system clock's source is off")
        sources = (lambda: MSIS_HZ, lambda: HSI_HZ, self.hse_hz, self.pll1_hz)
        return sources[select]() / ahb_divider(self.registers[self.CFGR2] & 0xF)

    def uart_kernel_hz(self) -> float:
        """Kernel clock of USART1: APB2."""
        if self.registers[self.CCIPR1] & 3:
            raise BusError("only the bus clock is modelled for USART1 (CCIPR1.USART1SEL)")
        return self.cpu_hz() / apb_divider(self.registers[self.CFGR2] >> 8 & 7)

    def check_limits(self) -> None:
        """Check the processor clock against voltage range, booster and flash wait states.

        Raises:
            BusError: It is too fast.
        """
        cpu, level = self.cpu_hz(), self.pwr.voltage_range
        check_limit("the processor", cpu, _CPU_LIMITS_HZ[level], f"in voltage range {level}")
        if cpu > _BOOST_HZ and not self.pwr.boosted:
            raise BusError("above 55 MHz the booster must run (PWR_VOSR.BOOSTEN)")
        latency = self.flash.registers[0] & 0xF
        limit = _WAIT_STATE_HZ[level] * (latency + 1)
        check_limit("the flash", cpu, limit, f"with {latency} wait states")


def attach(bus: Bus, target: Target, machine: Machine) -> HostUart:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    rcc = U5Rcc(target)
    modes = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}
    clock = lambda index: rcc.bit(rcc.AHB2ENR1, index)  # noqa: E731
    pins = Pins(0x4202_0000, "ABCDEFGHI", clock, modes, 0xFFFF_FFFF)
    place = {"USART1": (rcc.APB2ENR, 14)}[target.board.uart.peripheral]
    usart = Usart(target, rcc, pins, machine, place, UART_FIFO_BYTES)
    icache = Peripheral("ICACHE", 0x4003_0400, 0x400, storage(range(0x00, 0x30, 4)) | {0: 4})
    for peripheral in (rcc, rcc.pwr, rcc.flash, *pins.ports.values(), usart, icache):
        bus.add(peripheral)
    return usart
