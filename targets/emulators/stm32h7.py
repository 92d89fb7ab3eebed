"""Register models of the STM32H743 (ST RM0433), H747 (RM0399) and H7A3 (RM0455).

What the hardware would get wrong in silence is an error here: a peripheral without its clock, a
clock tree beyond the limits of voltage scale and flash latency, a supply the board is not wired
for, a UART whose pins, baud rate or transmit flag were not looked after, SDRAM used before its
start-up sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from targets.emulators.stm32h7_audio import attach_audio
from targets.emulators.stm32h7_sdram import Fmc
from targets.model import Target

HSI_HZ = 64_000_000
CSI_HZ = 4_000_000
UART_FIFO_BYTES = 16


@dataclass(frozen=True)
class Limits:
    """What a chip may do in each voltage scale, 0 to 3.

    Attributes:
        cpu_hz: Processor clock (datasheet, general operating conditions).
        axi_hz: AXI and AHB clock.
        apb_hz: APB clocks.
        latency_hz: AXI clock per number of flash wait states (reference manual, table "FLASH
            recommended number of wait states").
        vco_hz: Range of PLL1's wide VCO.
    """

    cpu_hz: tuple[float, ...]
    axi_hz: tuple[float, ...]
    apb_hz: tuple[float, ...]
    latency_hz: tuple[tuple[float, ...], ...]
    vco_hz: tuple[float, float]


_H743_LATENCY = (
    (70e6, 140e6, 210e6, 225e6, 240e6),
    (70e6, 140e6, 210e6, 225e6),
    (55e6, 110e6, 165e6, 224e6),
    (45e6, 90e6, 135e6, 180e6, 224e6),
)
# ST DS12110, DS12930 and DS13195.
_LIMITS = {
    "stm32h743": Limits(
        (480e6, 400e6, 300e6, 200e6),
        (240e6, 200e6, 150e6, 100e6),
        (120e6, 100e6, 75e6, 50e6),
        _H743_LATENCY,
        (192e6, 960e6),
    ),
    "stm32h747": Limits(
        (480e6, 400e6, 300e6, 200e6),
        (240e6, 200e6, 150e6, 100e6),
        (120e6, 100e6, 75e6, 50e6),
        _H743_LATENCY,
        (192e6, 836e6),
    ),
    "stm32h7a3": Limits(
        (280e6, 225e6, 160e6, 88e6),
        (280e6, 225e6, 160e6, 88e6),
        (140e6, 112.5e6, 80e6, 44e6),
        (
            (42e6, 84e6, 126e6, 168e6, 210e6, 252e6, 280e6),
            (38e6, 76e6, 114e6, 152e6, 190e6, 225e6),
            (34e6, 68e6, 102e6, 136e6, 160e6),
            (22e6, 44e6, 66e6, 88e6),
        ),
        (128e6, 560e6),
    ),
}


class H7Rcc(Rcc):
    """Reset and clock control.

    Args:
        target: The board.
    """

    CFGR, D1CFGR, D2CFGR, D3CFGR = 0x10, 0x18, 0x1C, 0x20
    PLLCKSELR, PLLCFGR, PLL1DIVR, PLL1FRACR = 0x28, 0x2C, 0x30, 0x34
    PLL2DIVR, PLL2FRACR, D2CCIP1R = 0x38, 0x3C, 0x50
    D2CCIP2R, D3CCIPR, BDCR, CSR = 0x54, 0x58, 0x70, 0x74

    # Enable bit -> ready bit of CR.
    _READY = ((0, 2), (7, 8), (12, 13), (16, 17), (24, 25), (26, 27), (28, 29))

    def __init__(self, target: Target) -> None:
        self._limits = _LIMITS[target.mcu.name]
        self._on_apb2 = target.board.uart.peripheral in ("USART1", "USART6")
        self.voltage_scale: Callable[[], int] = lambda: 3
        self.flash_latency: Callable[[], int] = lambda: 7
        # The H7A3 has its clock enables where the others have those of the first processor.
        self.enables = 0x134 if target.mcu.name == "stm32h7a3" else 0xD4
        registers = storage(range(0x00, 0x80, 4), range(0x7C, 0xA4, 4), range(0xA8, 0xB0, 4))
        registers |= storage(range(0xD0, 0x164, 4))
        registers |= {
            self.CR: 0x0000_0083,
            0x04: 0x4000_0000,
            self.PLLCKSELR: 0x0202_0200,
            self.PLLCFGR: 0x01FF_0000,
            self.PLL1DIVR: 0x0101_0280,
            0x38: 0x0101_0280,
            0x40: 0x0101_0280,
            0xD0: 0x00FE_0000,
        }
        super().__init__(target, 0x5802_4400, registers, self._READY)
        self.AHB3ENR, self.AHB2ENR = self.enables, self.enables + 0x08
        self.AHB4ENR, self.APB1LENR = self.enables + 0x0C, self.enables + 0x14
        self.APB2ENR, self.APB4ENR = self.enables + 0x1C, self.enables + 0x20

    def read_word(self, offset: int) -> int:
        """Ready flags follow their enable bits."""
        value = super().read_word(offset)
        if offset == self.CR:
            value |= 3 << 14  # D1CKRDY, D2CKRDY
        elif offset == self.CFGR:
            value = value & ~(7 << 3) | (value & 7) << 3
        elif offset in (self.BDCR, self.CSR):
            value = value & ~2 | (value & 1) << 1
        return value

    def source_hz(self, select: int) -> float:
        """Frequency of a system clock source: 0 HSI, 1 CSI, 2 HSE, 3 PLL1 P.

        Raises:
            BusError: The source is off or does not exist.
        """
        names = ("HSI", "CSI", "HSE", "PLL1")
        enabled = (0, 7, 16, 24)
        if select > 3:
            raise BusError(f"clock source {select} does not exist")
        if not self.bit(self.CR, enabled[select]):
            raise BusError(f"{names[select]} is selected as clock while it is off")
        if select == 0:
            return HSI_HZ / (1 << (self.registers[self.CR] >> 3 & 3))
        if select == 1:
            return CSI_HZ
        if select == 2:
            return self.hse_hz()
        return self.pll1_hz()

    def pll1_hz(self) -> float:
        """Frequency of PLL1's P output.

        Raises:
            BusError: Its settings are outside the limits.
        """
        selection = self.registers[self.PLLCKSELR]
        if selection & 3 == 3:
            raise BusError("PLL1 has no clock source (PLLCKSELR.PLLSRC)")
        divider_m = selection >> 4 & 0x3F
        if divider_m == 0:
            raise BusError("PLL1's prescaler is off (PLLCKSELR.DIVM1 = 0)")
        config = self.registers[self.PLLCFGR]
        reference = self.source_hz(selection & 3) / divider_m
        wide = not config >> 1 & 1
        low, high = (2e6, 16e6) if wide else (1e6, 2e6)
        if not low <= reference <= high:
            raise BusError(
                f"PLL1's reference is {reference / 1e6:g} MHz, "
                f"expected {low / 1e6:g} to {high / 1e6:g} MHz for this VCO"
            )
        limits = ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))[config >> 2 & 3]
        if not limits[0] <= reference <= limits[1]:
            raise BusError(f"PLL1's reference is {reference / 1e6:g} MHz, outside PLLCFGR.PLL1RGE")
        dividers = self.registers[self.PLL1DIVR]
        fraction = (self.registers[self.PLL1FRACR] >> 3 & 0x1FFF) / 8192 if config & 1 else 0.0
        vco = reference * ((dividers & 0x1FF) + 1 + fraction)
        low, high = self._limits.vco_hz if wide else (150e6, 420e6)
        if not low <= vco <= high:
            raise BusError(
                f"PLL1's VCO runs at {vco / 1e6:g} MHz, "
                f"expected {low / 1e6:g} to {high / 1e6:g} MHz"
            )
        if not config >> 16 & 1:
            raise BusError("PLL1's P output is off (PLLCFGR.DIVP1EN)")
        return vco / ((dividers >> 9 & 0x7F) + 1)

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it.

        Raises:
            BusError: The clock tree cannot run like this.
        """
        sysclk = self.source_hz(self.registers[self.CFGR] & 7)
        return sysclk / ahb_divider(self.registers[self.D1CFGR] >> 8 & 0xF)

    def axi_hz(self) -> float:
        """AXI and AHB clock."""
        return self.cpu_hz() / ahb_divider(self.registers[self.D1CFGR] & 0xF)

    def apb1_hz(self) -> float:
        """Clock of APB1."""
        return self.axi_hz() / apb_divider(self.registers[self.D2CFGR] >> 4 & 7)

    def apb2_hz(self) -> float:
        """Clock of APB2."""
        return self.axi_hz() / apb_divider(self.registers[self.D2CFGR] >> 8 & 7)

    def uart_kernel_hz(self) -> float:
        """Kernel clock of the UART to the host.

        Raises:
            BusError: The selected source is off or not modelled.
        """
        select = self.registers[self.D2CCIP2R] >> (3 if self._on_apb2 else 0) & 7
        if select == 0:
            return self.apb2_hz() if self._on_apb2 else self.apb1_hz()
        if select == 3:
            return self.source_hz(0)
        if select == 4:
            return self.source_hz(1)
        raise BusError(
            f"the UART's kernel clock source {select} is not modelled",
            hint="use pclk, HSI or CSI (D2CCIP2R)",
        )

    def sai1_kernel_hz(self) -> float:
        """Kernel clock of SAI1: PLL2's P output.

        Raises:
            BusError: It is another one, or outside its limits.
        """
        registers = self.registers
        if registers[self.D2CCIP1R] & 7 != 1:
            raise BusError("only PLL2's P output is modelled for SAI1 (D2CCIP1R.SAI1SEL)")
        if not self.bit(self.CR, 26):
            raise BusError("PLL2 is off")
        config, dividers = registers[self.PLLCFGR], registers[self.PLL2DIVR]
        divider_m = registers[self.PLLCKSELR] >> 12 & 0x3F
        if divider_m == 0 or not config >> 19 & 1:
            raise BusError("PLL2's prescaler or P output is off (DIVM2, DIVP2EN)")
        reference = self.source_hz(registers[self.PLLCKSELR] & 3) / divider_m
        lowest = 1 << (config >> 6 & 3)
        mhz_between("PLL2's reference is", reference, lowest, 2 * lowest, " (PLLCFGR.PLL2RGE)")
        fraction = (registers[self.PLL2FRACR] >> 3 & 0x1FFF) / 8192 if config >> 4 & 1 else 0.0
        vco = reference * ((dividers & 0x1FF) + 1 + fraction)
        low, high = (150e6, 420e6) if config >> 5 & 1 else self._limits.vco_hz
        mhz_between("PLL2's VCO runs at", vco, low / 1e6, high / 1e6)
        return vco / ((dividers >> 9 & 0x7F) + 1)

    def check_limits(self) -> None:
        """Check the clock tree against voltage scale and flash latency.

        Raises:
            BusError: Something runs too fast.
        """
        scale = self.voltage_scale()
        cpu, axi = self.cpu_hz(), self.axi_hz()
        apbs = {
            "APB1": self.apb1_hz(),
            "APB2": self.apb2_hz(),
            "APB3": axi / apb_divider(self.registers[self.D1CFGR] >> 4 & 7),
            "APB4": axi / apb_divider(self.registers[self.D3CFGR] >> 4 & 7),
        }
        limits = self._limits
        where = f"in voltage scale {scale}"
        check_limit("the processor", cpu, limits.cpu_hz[scale], where)
        check_limit("AXI", axi, limits.axi_hz[scale], where)
        for name, hz in apbs.items():
            check_limit(name, hz, limits.apb_hz[scale], where)
        latencies = limits.latency_hz[scale]
        latency = self.flash_latency()
        limit = latencies[min(latency, len(latencies) - 1)]
        if axi > limit * 1.0001:
            raise BusError(
                f"{latency} flash wait states allow {limit / 1e6:g} MHz on AXI in voltage scale "
                f"{scale}, which would run at {axi / 1e6:g} MHz"
            )

    def check_change(self, offset: int, previous: int, value: int) -> None:
        """What the hardware ignores or does not survive."""
        changed = previous ^ value
        registers = self.registers
        if offset == self.CR:
            self.source_hz(registers[self.CFGR] & 7)
            return
        pll_registers = (self.PLLCKSELR, self.PLLCFGR, self.PLL1DIVR)
        if offset in pll_registers and changed and self.bit(self.CR, 24):
            # The bits of PLL2 and PLL3 are free as long as those are off.
            others = sum(0xF << 4 * n for n in (1, 2) if not self.bit(self.CR, 24 + 2 * n))
            running = offset == self.PLLCFGR and not changed & ~(0x01FF_0001 | others)
            if not running and not (offset == self.PLLCKSELR and not changed & 0x3F3):
                raise BusError("PLL1 is set up while it runs; the hardware ignores that")
        # On the clock after reset all dividers are legal, whatever the voltage scale's limits say.
        after_reset = registers[self.CFGR] & 7 == 0
        if offset in (self.CFGR, self.D1CFGR, self.D2CFGR, self.D3CFGR) and not after_reset:
            self.check_limits()


class Pwr(Peripheral):
    """Power control: supply and voltage scaling.

    Args:
        target: How the board feeds the core.
    """

    CSR1, CR3, D3CR = 0x04, 0x0C, 0x18
    _SUPPLY = 0x7

    def __init__(self, target: Target) -> None:
        self._h7a3 = target.mcu.name == "stm32h7a3"
        self._needed = {"ldo": 1 << 1, "smps": 1 << 2}[target.board.supply]
        self._has_choice = target.mcu.name != "stm32h743"
        reset = {0x00: 0xF000_C000, self.CSR1: 0, 0x08: 0, self.CR3: 0x46, 0x10: 0}
        reset |= {self.D3CR: 0x4000 if not self._h7a3 else 0, 0x20: 0, 0x24: 0, 0x28: 0}
        super().__init__("PWR", 0x5802_4800, 0x400, reset)

    @property
    def scale(self) -> int:
        """Voltage scale from D3CR.VOS: 1 to 3, on the H7A3 0 to 3."""
        field = self.registers[self.D3CR] >> 14 & 3
        return 3 - field if self._h7a3 else 4 - max(field, 1)

    def read_word(self, offset: int) -> int:
        """The regulator is always ready."""
        value = self.registers[offset]
        if offset == self.D3CR:
            return value | 1 << 13
        if offset == self.CSR1:
            return 1 << 13 | self.registers[self.D3CR] & 3 << 14
        if offset == self.CR3:
            return value | 1 << 16
        return value

    def write_word(self, offset: int, value: int) -> None:
        """A wrong supply stops the chip until power is cut."""
        supply = value & self._SUPPLY
        if offset == self.CR3 and self._has_choice and supply != self._needed:
            raise BusError(
                f"PWR_CR3 selects another supply (0x{supply:x}) than the board is wired for "
                f"(0x{self._needed:x})",
                hint='the board\'s file says which one: supply = "ldo" or "smps"',
            )
        rescaled = offset == self.D3CR and (value ^ self.registers[offset]) >> 14 & 3
        chosen = self.registers[self.CR3] & self._SUPPLY == self._needed
        if rescaled and self._has_choice and not chosen:
            raise BusError("the voltage scale is changed before the supply is set (PWR_CR3)")
        self.registers[offset] = value


class Syscfg(Peripheral):
    """System configuration: overdrive of the core voltage.

    Args:
        rcc: For the clock.
        pwr: Overdrive needs voltage scale 1.
    """

    PWRCR = 0x2C

    def __init__(self, rcc: H7Rcc, pwr: Pwr) -> None:
        self._pwr = pwr
        reset = dict.fromkeys([0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x2C], 0)
        super().__init__("SYSCFG", 0x5800_0400, 0x400, reset, lambda: rcc.bit(rcc.APB4ENR, 1))

    @property
    def overdrive(self) -> bool:
        """Whether PWRCR.ODEN is set."""
        return bool(self.registers[self.PWRCR] & 1)

    def write_word(self, offset: int, value: int) -> None:
        """Overdrive is allowed in voltage scale 1 only."""
        if offset == self.PWRCR and value & 1 and self._pwr.scale != 1:
            raise BusError("overdrive (SYSCFG_PWRCR.ODEN) needs voltage scale 1 first")
        self.registers[offset] = value


class Flash(Peripheral):
    """Flash interface: access control only; programming is not modelled."""

    ACR = 0x00

    def __init__(self) -> None:
        super().__init__("the flash interface", 0x5200_2000, 0x400, {self.ACR: 0x37})

    @property
    def latency(self) -> int:
        """Wait states."""
        return self.registers[self.ACR] & 0xF


# UART -> register of the clock enables, relative to AHB3ENR, and bit.
_UART_ENABLE = {
    "USART1": (0x1C, 4),
    "USART2": (0x14, 17),
    "USART3": (0x14, 18),
    "UART4": (0x14, 19),
    "UART5": (0x14, 20),
    "USART6": (0x1C, 5),
    "UART7": (0x14, 30),
    "UART8": (0x14, 31),
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
    rcc, pwr, flash = H7Rcc(target), Pwr(target), Flash()
    syscfg = Syscfg(rcc, pwr)
    modes = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}
    pins = Pins(0x5802_0000, "ABCDEFGHIJK", lambda i: rcc.bit(rcc.AHB4ENR, i), modes, 0xFFFF_FFFF)
    rcc.voltage_scale = lambda: 0 if syscfg.overdrive else pwr.scale
    rcc.flash_latency = lambda: flash.latency
    register, bit = _UART_ENABLE[target.board.uart.peripheral]
    enable = (rcc.enables + register, bit)
    usart = Usart(target, rcc, pins, machine, enable, UART_FIFO_BYTES)
    identity = {"stm32h7a3": 0x1000_6480}.get(target.mcu.name, 0x2003_6450)
    debug = Peripheral("DBGMCU", 0x5C00_1000, 0x400, {0x00: identity, 0x04: 0})
    for peripheral in (rcc, pwr, flash, syscfg, *pins.ports.values(), usart, debug):
        bus.add(peripheral)
    attach_audio(bus, target, machine, rcc, pins, (rcc.enables + 0x04, rcc.APB2ENR))
    if any(region.name == Fmc.REGION for region in target.mcu.regions):
        fmc = Fmc(rcc, pins, machine)
        bus.add(fmc)
    return usart
