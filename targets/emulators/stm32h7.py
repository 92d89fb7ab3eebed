"""Register models of the STM32H742/743/753 (ST RM0433), strict about how they are used.

What the hardware would get wrong in silence is an error here: a peripheral without its clock, a
clock tree beyond the limits of voltage scale and flash latency, a UART whose pins, baud rate or
transmit flag were not looked after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.model import Target

HSI_HZ = 64_000_000
CSI_HZ = 4_000_000
BAUD_TOLERANCE = 0.025
IDLE_POLLS = 16
UART_FIFO_BYTES = 16

# ST RM0433, table "FLASH recommended number of wait states": AXI clock limit per latency.
_LATENCY_LIMITS_HZ = {
    0: (70e6, 140e6, 210e6, 225e6, 240e6),
    1: (70e6, 140e6, 185e6, 210e6, 225e6),
    2: (55e6, 110e6, 165e6, 224e6),
    3: (45e6, 90e6, 135e6, 180e6, 224e6),
}
# ST DS12110, general operating conditions: processor clock limit per voltage scale.
_CPU_LIMITS_HZ = {0: 480e6, 1: 400e6, 2: 300e6, 3: 200e6}
_AXI_LIMITS_HZ = {0: 240e6, 1: 200e6, 2: 150e6, 3: 100e6}
_APB_LIMITS_HZ = {0: 120e6, 1: 100e6, 2: 75e6, 3: 50e6}


def _ahb_divider(field: int) -> int:
    return (2, 4, 8, 16, 64, 128, 256, 512)[field & 7] if field & 8 else 1


def _apb_divider(field: int) -> int:
    return 2 << (field & 3) if field & 4 else 1


class Rcc(Peripheral):
    """Reset and clock control.

    Args:
        target: For the frequency of the external clock.
    """

    CR, CFGR, D1CFGR, D2CFGR, D3CFGR = 0x00, 0x10, 0x18, 0x1C, 0x20
    PLLCKSELR, PLLCFGR, PLL1DIVR, PLL1FRACR = 0x28, 0x2C, 0x30, 0x34
    D2CCIP2R, D3CCIPR, BDCR, CSR = 0x54, 0x58, 0x70, 0x74
    AHB4ENR, APB1LENR, APB2ENR, APB4ENR = 0xE0, 0xE8, 0xF0, 0xF4

    # Enable bit -> ready bit of CR.
    _READY = ((0, 2), (7, 8), (12, 13), (16, 17), (24, 25), (26, 27), (28, 29))

    def __init__(self, target: Target) -> None:
        self._oscillator = target.board.oscillator
        self.voltage_scale: Callable[[], int] = lambda: 3
        self.flash_latency: Callable[[], int] = lambda: 7
        registers = dict.fromkeys(
            [*range(0x00, 0x80, 4), *range(0x7C, 0xA4, 4), *range(0xA8, 0xB0, 4)], 0
        )
        registers |= dict.fromkeys(range(0xD0, 0x11C, 4), 0)
        registers |= {
            self.CR: 0x0000_0083,
            0x04: 0x4000_0000,
            self.PLLCKSELR: 0x0202_0200,
            self.PLLCFGR: 0x01FF_0000,
            self.PLL1DIVR: 0x0101_0280,
            0x38: 0x0101_0280,
            0x40: 0x0101_0280,
            0xD0: 0x00FE_0000,
            0xD4: 0x0000_0000,
        }
        super().__init__("RCC", 0x5802_4400, 0x400, registers)

    def bit(self, offset: int, bit: int) -> bool:
        """Whether a bit of a register is set."""
        return bool(self.registers[offset] >> bit & 1)

    def read_word(self, offset: int) -> int:
        """Ready flags follow their enable bits."""
        value = self.registers[offset]
        if offset == self.CR:
            for enable, ready in self._READY:
                value = value & ~(1 << ready) | (value >> enable & 1) << ready
            value |= 3 << 14  # D1CKRDY, D2CKRDY
        elif offset == self.CFGR:
            value = value & ~(7 << 3) | (value & 7) << 3
        elif offset in (self.BDCR, self.CSR):
            value = value & ~2 | (value & 1) << 1
        return value

    def write_word(self, offset: int, value: int) -> None:
        """Checks what would stop or overdrive the clock tree."""
        previous = self.registers[offset]
        self.registers[offset] = value
        try:
            self._check_clock_tree(offset, previous ^ value)
        except BusError:
            self.registers[offset] = previous
            raise

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
            return self._hse_hz()
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
        low, high = (192e6, 960e6) if wide else (150e6, 420e6)
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
        return sysclk / _ahb_divider(self.registers[self.D1CFGR] >> 8 & 0xF)

    def axi_hz(self) -> float:
        """AXI and AHB clock."""
        return self.cpu_hz() / _ahb_divider(self.registers[self.D1CFGR] & 0xF)

    def apb1_hz(self) -> float:
        """Clock of APB1."""
        return self.axi_hz() / _apb_divider(self.registers[self.D2CFGR] >> 4 & 7)

    def uart_kernel_hz(self) -> float:
        """Kernel clock of USART2/3 and UART4/5/7/8.

        Raises:
            BusError: The selected source is off or not modelled.
        """
        select = self.registers[self.D2CCIP2R] & 7
        if select == 0:
            return self.apb1_hz()
        if select == 3:
            return self.source_hz(0)
        if select == 4:
            return self.source_hz(1)
        raise BusError(
            f"the UART's kernel clock source {select} is not modelled",
            hint="use pclk1, HSI or CSI (D2CCIP2R.USART234578SEL)",
        )

    def check_limits(self) -> None:
        """Check the clock tree against voltage scale and flash latency.

        Raises:
            BusError: Something runs too fast.
        """
        scale = self.voltage_scale()
        cpu, axi = self.cpu_hz(), self.axi_hz()
        apbs = {
            "APB1": self.apb1_hz(),
            "APB2": axi / _apb_divider(self.registers[self.D2CFGR] >> 8 & 7),
            "APB3": axi / _apb_divider(self.registers[self.D1CFGR] >> 4 & 7),
            "APB4": axi / _apb_divider(self.registers[self.D3CFGR] >> 4 & 7),
        }
        checks = [("the processor", cpu, _CPU_LIMITS_HZ[scale])]
        checks.append(("AXI", axi, _AXI_LIMITS_HZ[scale]))
        checks += [(name, hz, _APB_LIMITS_HZ[scale]) for name, hz in apbs.items()]
        for name, hz, limit in checks:
            if hz > limit * 1.0001:
                raise BusError(
                    f"{name} would run at {hz / 1e6:g} MHz, at most {limit / 1e6:g} MHz "
                    f"are allowed in voltage scale {scale}"
                )
        limits = _LATENCY_LIMITS_HZ[scale]
        latency = self.flash_latency()
        limit = limits[min(latency, len(limits) - 1)]
        if axi > limit * 1.0001:
            raise BusError(
                f"{latency} flash wait states allow {limit / 1e6:g} MHz on AXI in voltage scale "
                f"{scale}, which would run at {axi / 1e6:g} MHz"
            )

    def _hse_hz(self) -> float:
        if self._oscillator is None:
            raise BusError("the board has no external clock (HSE)")
        bypass = self.bit(self.CR, 18)
        if bypass != self._oscillator.bypass:
            needed = "a clock signal (HSEBYP = 1)" if self._oscillator.bypass else "a crystal"
            raise BusError(f"HSE would not start: the board has {needed}")
        return self._oscillator.hz

    def _check_clock_tree(self, offset: int, changed: int) -> None:
        registers = self.registers
        if offset == self.CR:
            if changed >> 16 & 1 and registers[self.CR] >> 16 & 1:
                self._hse_hz()
            self.source_hz(registers[self.CFGR] & 7)
            return
        pll_registers = (self.PLLCKSELR, self.PLLCFGR, self.PLL1DIVR)
        if offset in pll_registers and changed and self.bit(self.CR, 24):
            running = offset == self.PLLCFGR and not changed & ~0x01FF_0001
            if not running and not (offset == self.PLLCKSELR and not changed & 0x3F3):
                raise BusError("PLL1 is set up while it runs; the hardware ignores that")
        if offset in (self.CFGR, self.D1CFGR, self.D2CFGR, self.D3CFGR):
            self.check_limits()


class Pwr(Peripheral):
    """Power control: voltage scaling."""

    CSR1, CR3, D3CR = 0x04, 0x0C, 0x18

    def __init__(self) -> None:
        reset = {0x00: 0xF000_C000, self.CSR1: 0, 0x08: 0, self.CR3: 0x46, 0x10: 0}
        reset |= {self.D3CR: 0x4000, 0x20: 0, 0x24: 0, 0x28: 0}
        super().__init__("PWR", 0x5802_4800, 0x400, reset)

    @property
    def scale(self) -> int:
        """Voltage scale from D3CR.VOS: 1 to 3."""
        return 4 - max(self.registers[self.D3CR] >> 14 & 3, 1)

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


class Syscfg(Peripheral):
    """System configuration: overdrive of the core voltage.

    Args:
        rcc: For the clock.
        pwr: Overdrive needs voltage scale 1.
    """

    PWRCR = 0x2C

    def __init__(self, rcc: Rcc, pwr: Pwr) -> None:
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


class Gpio(Peripheral):
    """One GPIO port.

    Args:
        index: 0 for port A.
        rcc: For the clock.
    """

    MODER, IDR, ODR, BSRR, AFRL, AFRH = 0x00, 0x10, 0x14, 0x18, 0x20, 0x24

    def __init__(self, index: int, rcc: Rcc) -> None:
        reset = dict.fromkeys(range(0x00, 0x28, 4), 0)
        reset[self.MODER] = {0: 0xABFF_FFFF, 1: 0xFFFF_FEBF}.get(index, 0xFFFF_FFFF)
        letter = "ABCDEFGHIJK"[index]
        super().__init__(
            f"GPIO{letter}",
            0x5802_0000 + 0x400 * index,
            0x400,
            reset,
            lambda: rcc.bit(rcc.AHB4ENR, index),
        )

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


class Usart(Peripheral):
    """A USART in asynchronous mode, polled.

    Args:
        target: Pins and baud rate the board needs.
        rcc: Clocks.
        ports: GPIO ports.
        machine: To be stopped while the firmware waits for bytes.
        enable: RCC register and bit of the peripheral's clock.
    """

    CR1, CR2, CR3, BRR, RQR, ISR, ICR = 0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20
    RDR, TDR, PRESC = 0x24, 0x28, 0x2C
    ORE, RXNE, TC, TXE, TEACK, REACK = 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 21, 1 << 22

    def __init__(
        self,
        target: Target,
        rcc: Rcc,
        ports: list[Gpio],
        machine: Machine,
        enable: tuple[int, int],
    ) -> None:
        uart = target.board.uart
        reset = dict.fromkeys(range(0x00, 0x30, 4), 0)
        super().__init__(uart.peripheral, uart.base, 0x400, reset, lambda: rcc.bit(*enable))
        self._target = target
        self._rcc = rcc
        self._ports = ports
        self._machine = machine
        self._received: deque[int] = deque()
        self._sent = bytearray()
        self._overrun = False
        self._room = 0
        self._idle_polls = 0
        self._checked = False
        self.bytes_received = 0
        self.bytes_sent = 0

    def put(self, data: bytes) -> None:
        """Bytes from the host; the firmware reads them one by one."""
        self._received.extend(data)
        self._idle_polls = 0

    def take(self) -> bytes:
        """Bytes the firmware has sent since the last call."""
        data = bytes(self._sent)
        self._sent.clear()
        return data

    def resume(self) -> None:
        """The host goes on without new bytes: polls may come back empty again."""
        self._idle_polls = 0

    def inject_overrun(self) -> None:
        """Lose the next byte and raise the overrun flag, as if the firmware had been too slow."""
        if self._received:
            self._received.popleft()
        self._overrun = True

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        prescaler = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)
        index = self.registers[self.PRESC] & 0xF
        divider = self.registers[self.BRR] & 0xFFFF
        over8 = bool(self.registers[self.CR1] >> 15 & 1)
        if over8:
            divider = divider & 0xFFF0 | (divider & 7) << 1
        if divider < 16 or index >= len(prescaler):
            raise BusError(f"{self.name} has no valid baud rate (BRR, PRESC)")
        kernel = self._rcc.uart_kernel_hz() / prescaler[index]
        return kernel * (2 if over8 else 1) / divider

    def read_word(self, offset: int) -> int:
        """ISR and RDR have effects; the rest is storage."""
        if offset == self.ISR:
            return self._read_status()
        if offset == self.RDR:
            self._idle_polls = 0
            if self._received:
                self.bytes_received += 1
                self.registers[self.RDR] = self._received.popleft()
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
            self.registers[offset] = value

    def _read_status(self) -> int:
        control = self.registers[self.CR1]
        enabled = bool(control & 1)
        status = 0x0000_00C0
        if enabled:
            self._room = UART_FIFO_BYTES if control >> 29 & 1 else 1
            status |= self.TEACK * (control >> 3 & 1) | self.REACK * (control >> 2 & 1)
        if self._overrun:
            return status | self.ORE
        if enabled and control & 4:
            if self._received:
                self._check_setup()
                return status | self.RXNE
            self._idle_polls += 1
            if self._idle_polls > IDLE_POLLS:
                self._machine.stop_idle()
        return status

    def _send(self, byte: int) -> None:
        control = self.registers[self.CR1]
        if not control & 1 or not control & 8:
            raise BusError(f"{self.name} sends while it is off (CR1.UE, CR1.TE)")
        if self._room == 0:
            raise BusError(
                f"{self.name}_TDR is written without reading ISR.TXE since the last byte",
                hint="the hardware would overwrite the byte being sent",
            )
        self._check_setup()
        self._room -= 1
        self._idle_polls = 0
        self.bytes_sent += 1
        self._sent.append(byte)

    def _check_setup(self) -> None:
        """What must be right before the first byte, once."""
        if self._checked:
            return
        uart = self._target.board.uart
        for pin in (uart.tx_pin, uart.rx_pin):
            if pin is None:
                continue
            port = self._ports[ord(pin[1]) - ord("A")]
            if port.alternate_function(int(pin[2:])) != uart.af:
                raise BusError(f"pin {pin} is not switched to {self.name} (AF{uart.af})")
        actual = self.baud
        if abs(actual - uart.baud) > BAUD_TOLERANCE * uart.baud:
            raise BusError(f"{self.name} runs at {actual:.0f} baud, expected {uart.baud}")
        clock = self._rcc.cpu_hz()
        if round(clock) != self._target.mcu.clock_hz:
            raise BusError(
                f"the processor runs at {clock / 1e6:g} MHz, "
                f"expected {self._target.mcu.clock_hz / 1e6:g} MHz"
            )
        self._checked = True


_UART_ENABLE = {
    "USART1": (Rcc.APB2ENR, 4),
    "USART2": (Rcc.APB1LENR, 17),
    "USART3": (Rcc.APB1LENR, 18),
    "UART4": (Rcc.APB1LENR, 19),
    "UART5": (Rcc.APB1LENR, 20),
    "USART6": (Rcc.APB2ENR, 5),
    "UART7": (Rcc.APB1LENR, 30),
    "UART8": (Rcc.APB1LENR, 31),
}


def attach(bus: Bus, target: Target, machine: Machine) -> Usart:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    rcc, pwr, flash = Rcc(target), Pwr(), Flash()
    syscfg = Syscfg(rcc, pwr)
    ports = [Gpio(index, rcc) for index in range(11)]
    rcc.voltage_scale = lambda: 0 if syscfg.overdrive else pwr.scale
    rcc.flash_latency = lambda: flash.latency
    enable = _UART_ENABLE[target.board.uart.peripheral]
    usart = Usart(target, rcc, ports, machine, enable)
    debug = Peripheral("DBGMCU", 0x5C00_1000, 0x400, {0x00: 0x2003_6450, 0x04: 0})
    for peripheral in (rcc, pwr, flash, syscfg, *ports, usart, debug):
        bus.add(peripheral)
    return usart
