"""Register models of the STM32F405/407 (ST RM0090) and STM32F74x/75x (ST RM0385)."""

from __future__ import annotations

from dataclasses import dataclass

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.serial import HostUart
from targets.emulators.stm32 import (
    OldUsart,
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
WAIT_STATE_HZ = 30e6  # per flash wait state at 2.7 to 3.6 V, both reference manuals


@dataclass(frozen=True)
class _Chip:
    """Limits at the highest voltage scale (datasheets DS8626 and DS10916).

    Attributes:
        cpu_hz: Processor clock, with the over-drive where there is one.
        plain_hz: Processor clock without the over-drive.
        apb1_hz: Clock of APB1.
        apb2_hz: Clock of APB2.
        vos: Value of PWR_CR.VOS for that scale.
        vos_shift: Its place.
    """

    cpu_hz: float
    plain_hz: float
    apb1_hz: float
    apb2_hz: float
    vos: int
    vos_shift: int


_CHIPS = {
    "stm32f407": _Chip(168e6, 168e6, 42e6, 84e6, 1, 14),
    "stm32f746": _Chip(216e6, 180e6, 54e6, 108e6, 3, 14),
}


class Pwr(Peripheral):
    """Power control: voltage scale and over-drive; both are ready at once.

    Args:
        chip: The chip.
        rcc: For the clock.
    """

    CR, CSR = 0x00, 0x04

    def __init__(self, chip: _Chip, rcc: F4F7Rcc) -> None:
        self._chip = chip
        reset = {self.CR: 0xC000, self.CSR: 0, 0x08: 0, 0x0C: 0}
        clock = lambda: rcc.bit(rcc.APB1ENR, 28)  # noqa: E731
        super().__init__("PWR", 0x4000_7000, 0x400, reset, clock)

    @property
    def scale1(self) -> bool:
        """Whether the highest voltage scale is selected."""
        chip = self._chip
        return self.registers[self.CR] >> chip.vos_shift & chip.vos == chip.vos

    @property
    def over_drive(self) -> bool:
        """Whether the over-drive is on and switched to."""
        return self.registers[self.CR] >> 16 & 3 == 3

    def read_word(self, offset: int) -> int:
        """Ready flags follow."""
        value = self.registers[offset]
        if offset == self.CSR:
            return value | 1 << 14 | self.registers[self.CR] & 3 << 16
        return value

    def write_word(self, offset: int, value: int) -> None:
        """The over-drive is switched to after it is on."""
        if offset == self.CR:
            has_over_drive = self._chip.plain_hz < self._chip.cpu_hz
            if value >> 16 & 3 and not has_over_drive:
                raise BusError("this chip has no over-drive (PWR_CR.ODEN)")
            if value >> 17 & 1 and not self.registers[offset] >> 16 & 1:
                raise BusError("the over-drive is switched to before it is on (PWR_CR.ODSWEN)")
        self.registers[offset] = value


class F4F7Rcc(Rcc):
    """Reset and clock control.

    Args:
        target: The board.
        chip: Its chip.
    """

    PLLCFGR, CFGR, CIR = 0x04, 0x08, 0x0C
    AHB1ENR, APB1ENR, APB2ENR, DCKCFGR2 = 0x30, 0x40, 0x44, 0x90
    _READY = ((0, 1), (16, 17), (24, 25), (26, 27))

    def __init__(self, target: Target, chip: _Chip) -> None:
        self._chip = chip
        self._on_apb2 = target.board.uart.peripheral in ("USART1", "USART6")
        reset = storage(range(0x00, 0x94, 4))
        reset |= {self.CR: 0x83, self.PLLCFGR: 0x2400_3010, self.AHB1ENR: 0x0010_0000}
        super().__init__(target, 0x4002_3800, reset, self._READY)
        self.pwr = Pwr(chip, self)
        self.flash = Peripheral(
            "the flash interface", 0x4002_3C00, 0x400, storage(range(0x00, 0x1C, 4))
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
            self.check_limits()

    def sysclk_hz(self) -> float:
        """System clock: HSI, HSE or PLL.

        Raises:
            BusError: The source is off or out of its range.
        """
        select = self.registers[self.CFGR] & 3
        if select == 0:
            return HSI_HZ
        if not self.bit(self.CR, 16 if select == 1 else 24):
            raise BusError("the system clock's source is off")
        if select == 1:
            return self.hse_hz()
        if select == 3:
            raise BusError("clock source 3 does not exist")
        config = self.registers[self.PLLCFGR]
        source = self.hse_hz() if config >> 22 & 1 else HSI_HZ
        divider = config & 0x3F
        if divider < 2:
            raise BusError("the PLL's divider M must be at least 2")
        reference = mhz_between("the PLL's reference is", source / divider, 1, 2)
        vco = mhz_between("the PLL's VCO runs at", reference * (config >> 6 & 0x1FF), 100, 432)
        mhz_between("the PLL's Q output runs at", vco / max(config >> 24 & 0xF, 1), 0, 48)
        return vco / (2 * ((config >> 16 & 3) + 1))

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it."""
        return self.sysclk_hz() / ahb_divider(self.registers[self.CFGR] >> 4 & 0xF)

    def uart_kernel_hz(self) -> float:
        """Kernel clock of the UART to the host: its bus clock."""
        if self.registers[self.DCKCFGR2] & 0xFFF:
            raise BusError("only bus clocks are modelled for serial ports (DCKCFGR2)")
        shift = 13 if self._on_apb2 else 10
        return self.cpu_hz() / apb_divider(self.registers[self.CFGR] >> shift & 7)

    def check_limits(self) -> None:
        """Check the clock tree against supply and flash wait states.

        Raises:
            BusError: Something runs too fast.
        """
        cpu, chip, config = self.cpu_hz(), self._chip, self.registers[self.CFGR]
        if cpu > HSI_HZ and not self.pwr.scale1:
            raise BusError("the voltage scale is not the highest (PWR_CR.VOS)")
        where = "with over-drive" if self.pwr.over_drive else "without over-drive"
        limit = chip.cpu_hz if self.pwr.over_drive else chip.plain_hz
        check_limit("the processor", cpu, limit, where)
        check_limit("APB1", cpu / apb_divider(config >> 10 & 7), chip.apb1_hz, "here")
        check_limit("APB2", cpu / apb_divider(config >> 13 & 7), chip.apb2_hz, "here")
        latency = self.flash.registers[0] & 0xF
        check_limit("the flash", cpu, WAIT_STATE_HZ * (latency + 1), f"with {latency} wait states")


# UART -> RCC register and bit of its clock.
_UART_ENABLE = {
    "USART1": (F4F7Rcc.APB2ENR, 4),
    "USART2": (F4F7Rcc.APB1ENR, 17),
    "USART3": (F4F7Rcc.APB1ENR, 18),
    "USART6": (F4F7Rcc.APB2ENR, 5),
}


def attach(bus: Bus, target: Target, machine: Machine) -> HostUart:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    chip = _CHIPS[target.mcu.name]
    rcc = F4F7Rcc(target, chip)
    letters = "ABCDEFGHI" if target.mcu.name == "stm32f407" else "ABCDEFGHIJK"
    modes = {"A": 0xA800_0000, "B": 0x0000_0280}
    pins = Pins(0x4002_0000, letters, lambda index: rcc.bit(rcc.AHB1ENR, index), modes, 0)
    enable = _UART_ENABLE[target.board.uart.peripheral]
    usart: OldUsart | Usart
    if target.mcu.name == "stm32f407":
        usart = OldUsart(target, rcc, pins, machine, enable)
    else:
        usart = Usart(target, rcc, pins, machine, enable, fifo_bytes=1)
    for peripheral in (rcc, rcc.pwr, rcc.flash, *pins.ports.values(), usart):
        bus.add(peripheral)
    return usart
