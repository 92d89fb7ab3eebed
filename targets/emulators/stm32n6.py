"""Register models of the STM32N657 in secure state (ST RM0486)."""

from __future__ import annotations

from targets.emulators.bus import Bus, BusError, Machine
from targets.emulators.serial import HostUart
from targets.emulators.stm32 import Pins, Rcc, Usart, apb_divider, check_limit, mhz_between, storage
from targets.model import Target

HSI_HZ = 64_000_000
UART_FIFO_BYTES = 16
# ST DS14791, core voltage as after reset (VOS low).
_CPU_LIMIT_HZ, _BUS_LIMIT_HZ, _AHB_LIMIT_HZ = 600e6, 400e6, 200e6


class N6Rcc(Rcc):
    """Reset and clock control.

    Args:
        target: The board.
    """

    SR, CFGR1, CFGR2, PLL1CFGR1, PLL1CFGR2, PLL1CFGR3 = 0x04, 0x20, 0x24, 0x80, 0x84, 0x88
    IC1CFGR, IC2CFGR, IC6CFGR, IC11CFGR, CCIPR13 = 0xC4, 0xC8, 0xD8, 0xEC, 0x174
    DIVENR, AHB4ENR, APB2ENR = 0x240, 0x25C, 0x26C

    def __init__(self, target: Target) -> None:
        reset = storage(range(0x00, 0x2A4, 4))
        reset |= {self.CR: 0x8, self.CFGR2: 0x0010_0000, self.PLL1CFGR1: 0x0820_2500}
        reset |= {self.PLL1CFGR3: 0x4900_000D}
        super().__init__(target, 0x5602_8000, reset, ())

    def read_word(self, offset: int) -> int:
        """Status follows control."""
        value = self.registers[offset]
        if offset == self.SR:
            return self.registers[self.CR] & 0xF1F
        if offset == self.CFGR1:
            return value & 0x0303_0000 | (value & 0x0303_0000) << 4
        return value

    def check_change(self, offset: int, previous: int, value: int) -> None:
        """What the hardware ignores or does not survive."""
        pll = (self.PLL1CFGR1, self.PLL1CFGR2, self.PLL1CFGR3)
        if offset in pll and previous != value and self.bit(self.CR, 8):
            raise BusError("PLL1 is set up while it runs; the hardware ignores that")
        if offset == self.CFGR1:
            self.check_limits()

    def pll1_hz(self) -> float:
        """PLL1's output.

        Raises:
            BusError: It is off or outside its limits.
        """
        if not self.bit(self.CR, 8):
            raise BusError("PLL1 is off")
        first, third = self.registers[self.PLL1CFGR1], self.registers[self.PLL1CFGR3]
        if first >> 28 & 7 or first >> 27 & 1:
            raise BusError("only the internal oscillator is modelled as PLL1's source")
        reference = HSI_HZ / max(first >> 20 & 0x3F, 1)
        mhz_between("PLL1's reference is", reference, 5, 50)
        vco = mhz_between("PLL1's VCO runs at", reference * (first >> 8 & 0xFFF), 800, 3200)
        dividers = (third >> 27 & 7) * (third >> 24 & 7)
        if not third >> 30 & 1 or dividers == 0:
            raise BusError("PLL1's output is off (PLL1CFGR3.PLL1PDIVEN)")
        return vco / dividers

    def _ic_hz(self, register: int, enable: int) -> float:
        value = self.registers[register]
        if not self.bit(self.DIVENR, enable) or value >> 28 & 3:
            raise BusError("a clock divider is off or does not run from PLL1 (DIVENR, ICxCFGR)")
        return self.pll1_hz() / ((value >> 16 & 0xFF) + 1)

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it."""
        select = self.registers[self.CFGR1] >> 16 & 3
        if select == 0:
            return HSI_HZ
        if select != 3:
            raise BusError("only HSI and IC1 are modelled as processor clock (CFGR1.CPUSW)")
        return self._ic_hz(self.IC1CFGR, 0)

    def bus_hz(self) -> float:
        """System bus clock: IC2, which switches together with IC6 and IC11."""
        if self.registers[self.CFGR1] >> 24 & 3 != 3:
            return HSI_HZ
        for register, enable in ((self.IC6CFGR, 5), (self.IC11CFGR, 10)):
            self._ic_hz(register, enable)
        return self._ic_hz(self.IC2CFGR, 1)

    def ahb_hz(self) -> float:
        """AHB clock."""
        return self.bus_hz() / (1 << (self.registers[self.CFGR2] >> 20 & 7))

    def uart_kernel_hz(self) -> float:
        """Kernel clock of USART1: APB2."""
        if self.registers[self.CCIPR13] & 7:
            raise BusError("only the bus clock is modelled for USART1 (CCIPR13.USART1SEL)")
        return self.ahb_hz() / apb_divider(self.registers[self.CFGR2] >> 4 & 7)

    def check_limits(self) -> None:
        """Check the clocks against the datasheet.

        Raises:
            BusError: Something runs too fast.
        """
        where = "at the core voltage after reset"
        check_limit("the processor", self.cpu_hz(), _CPU_LIMIT_HZ, where)
        check_limit("the system bus", self.bus_hz(), _BUS_LIMIT_HZ, where)
        check_limit("AHB", self.ahb_hz(), _AHB_LIMIT_HZ, where)


def attach(bus: Bus, target: Target, machine: Machine) -> HostUart:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    rcc = N6Rcc(target)
    modes = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}
    clock = lambda index: rcc.bit(rcc.AHB4ENR, index)  # noqa: E731
    pins = Pins(0x5602_0000, "ABCDEFGH", clock, modes, 0xFFFF_FFFF)
    place = {"USART1": (rcc.APB2ENR, 4)}[target.board.uart.peripheral]
    usart = Usart(target, rcc, pins, machine, place, UART_FIFO_BYTES)
    for peripheral in (rcc, *pins.ports.values(), usart):
        bus.add(peripheral)
    return usart
