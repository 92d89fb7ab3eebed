"""Register models of the i.MX RT1062 (NXP i.MX RT1060 Reference Manual, IMXRT1060CEC)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.serial import PolledUart, SerialSetup
from targets.model import Target

CRYSTAL_HZ = 24_000_000
UART_FIFO_BYTES = 4
_CPU_LIMIT_HZ, _IPG_LIMIT_HZ = 600e6, 150e6


class Ccm(Peripheral):
    """Clock controller with the ARM PLL.

    Args:
        core_millivolts: Core voltage as the converter is set.
    """

    CACRR, CBCDR, CBCMR, CSCDR1, CDHIPR, CCGR5 = 0x10, 0x14, 0x18, 0x24, 0x48, 0x7C

    def __init__(self, core_millivolts: Callable[[], int]) -> None:
        reset = dict.fromkeys(range(0x00, 0x8C, 4), 0)
        # As the boot ROM leaves it: from the system PLL at 528 MHz, all gates open but CCGR5.
        reset |= {self.CBCDR: 0x000A_8200, self.CBCMR: 0x2DAE_8324, self.CSCDR1: 0x0649_0B00}
        super().__init__("CCM", 0x400F_C000, 0x4000, reset)
        self.analog = Peripheral("CCM_ANALOG", 0x400D_8000, 0x1000, {0x00: 0x0001_3063})
        self.analog.read_word = self._read_analog  # type: ignore[method-assign]
        self._core_millivolts = core_millivolts

    def _read_analog(self, offset: int) -> int:
        """The PLL locks at once when it is on."""
        value = self.analog.registers[offset]
        return value | 1 << 31 if value >> 13 & 1 and not value >> 12 & 1 else value

    def pll_arm_hz(self) -> float:
        """Frequency of the ARM PLL.

        Raises:
            BusError: It is off or out of its range.
        """
        value = self.analog.registers[0]
        if value >> 16 & 1:
            return CRYSTAL_HZ
        if not value >> 13 & 1 or value >> 12 & 1:
            raise BusError("the ARM PLL is off (CCM_ANALOG_PLL_ARM)")
        divider = value & 0x7F
        if not 54 <= divider <= 108:
            raise BusError(f"the ARM PLL's divider is {divider}, expected 54 to 108")
        return CRYSTAL_HZ * divider / 2

    def _ahb_root_hz(self) -> float:
        if self.registers[self.CBCDR] >> 25 & 1:
            if self.registers[self.CBCMR] >> 12 & 3 != 1:
                raise BusError("only the crystal is modelled as PERIPH_CLK2 (CCM_CBCMR)")
            return CRYSTAL_HZ / ((self.registers[self.CBCDR] >> 27 & 7) + 1)
        select = self.registers[self.CBCMR] >> 18 & 3
        if select == 0:
            return 528e6
        if select == 3:
            return self.pll_arm_hz() / ((self.registers[self.CACRR] & 7) + 1)
        raise BusError("only the system PLL and the ARM PLL are modelled (CCM_CBCMR)")

    def cpu_hz(self) -> float:
        """Processor clock as the registers set it."""
        return self._ahb_root_hz() / ((self.registers[self.CBCDR] >> 10 & 7) + 1)

    def uart_kernel_hz(self) -> float:
        """Clock of the UARTs: the crystal, or PLL3 over 6."""
        source = CRYSTAL_HZ if self.registers[self.CSCDR1] >> 6 & 1 else 80e6
        return source / ((self.registers[self.CSCDR1] & 0x3F) + 1)

    def check_limits(self) -> None:
        """Check clocks against the datasheet's limits and the core voltage.

        Raises:
            BusError: Something runs too fast.
        """
        cpu = self.cpu_hz()
        ipg = cpu / ((self.registers[self.CBCDR] >> 8 & 3) + 1)
        if cpu > _CPU_LIMIT_HZ * 1.0001:
            raise BusError(f"the processor would run at {cpu / 1e6:g} MHz, at most 600 are allowed")
        if ipg > _IPG_LIMIT_HZ * 1.0001:
            raise BusError(f"the bus clock would be {ipg / 1e6:g} MHz, at most 150 are allowed")
        if cpu > 528e6 * 1.0001 and self._core_millivolts() < 1250:
            raise BusError(
                f"{cpu / 1e6:g} MHz need a core voltage of 1.25 V or more, "
                f"it is {self._core_millivolts() / 1000:g} V (DCDC_REG3.TRG)"
            )

    def write_word(self, offset: int, value: int) -> None:
        """Switching is checked."""
        previous = self.registers[offset]
        self.registers[offset] = value
        if offset in (self.CBCDR, self.CBCMR, self.CACRR) and value != previous:
            try:
                self.check_limits()
            except BusError:
                self.registers[offset] = previous
                raise


class Lpuart(PolledUart):
    """Low-power UART, polled, FIFOs of four bytes.

    Args:
        target: The board.
        machine: To be stopped while the firmware waits for bytes.
        ccm: Clocks.
        check_pin: Raises where a pin is not switched to the UART.
    """

    GLOBAL, BAUD, STAT, CTRL, DATA, FIFO = 0x08, 0x10, 0x14, 0x18, 0x1C, 0x28
    OR, RDRF, TC, TDRE = 1 << 19, 1 << 21, 1 << 22, 1 << 23

    def __init__(
        self, target: Target, machine: Machine, ccm: Ccm, check_pin: Callable[[str], None]
    ) -> None:
        uart = target.board.uart
        setup = SerialSetup(target, ccm.cpu_hz, check_pin, ccm.check_limits)
        reset = dict.fromkeys(range(0x00, 0x30, 4), 0)
        reset |= {self.BAUD: 0x0F00_0004, self.STAT: 0x00C0_0000, self.FIFO: 0x00C0_0011}
        clock = lambda: ccm.registers[Ccm.CCGR5] >> 24 & 3 == 3  # noqa: E731
        super().__init__(uart.peripheral, uart.base, reset, machine, setup, clock, 0x4000)
        self._ccm = ccm

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        value = self.registers[self.BAUD]
        samples, divider = (value >> 24 & 0x1F) + 1, value & 0x1FFF
        if divider == 0 or samples < 4 or (samples < 8 and not value >> 17 & 1):
            raise BusError(f"{self.name} has no valid baud rate (BAUD)")
        return self._ccm.uart_kernel_hz() / (samples * divider)

    def read_word(self, offset: int) -> int:
        """STAT and DATA have effects."""
        if offset == self.STAT:
            fifo = bool(self.registers[self.FIFO] >> 7 & 1)
            self._room = UART_FIFO_BYTES if fifo else 1
            status = self.TDRE | self.TC
            if self._overrun:
                return status | self.OR
            if self.registers[self.CTRL] >> 18 & 1 and self._poll():
                status |= self.RDRF
            return status
        if offset == self.DATA:
            self.registers[self.DATA] = self._pop(self.registers[self.DATA])
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """DATA sends."""
        control = self.registers[self.CTRL]
        if offset == self.DATA:
            if not control >> 19 & 1:
                raise BusError(f"{self.name} sends while it is off (CTRL.TE)")
            self._push(value & 0xFF, f"{self.name}_DATA", "STAT.TDRE")
            return
        if offset == self.STAT:
            if value & self.OR:
                self._overrun = False
            return
        if offset in (self.BAUD, self.FIFO) and control >> 18 & 3:
            raise BusError(f"{self.name} must be off (CTRL) to set BAUD or FIFO")
        if offset == self.CTRL and value & 0x00F0_0000:
            raise BusError(f"{self.name}'s interrupts are not delivered; poll STAT")
        self.registers[offset] = value


def attach(bus: Bus, target: Target, machine: Machine) -> Lpuart:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    dcdc = Peripheral("DCDC", 0x4008_0000, 0x4000, {0x00: 0x8403_0111, 4: 0x111B_A29C, 12: 0x10E})
    ccm = Ccm(lambda: 800 + 25 * (dcdc.registers[12] & 0x1F))
    iomuxc = Peripheral("IOMUXC", 0x401F_8000, 0x4000, dict.fromkeys(range(0x14, 0x490, 4), 5))

    def check_pin(pin: str) -> None:
        number = 16 * int(pin[9]) + int(pin[11:])
        if iomuxc.registers[0xBC + 4 * number] & 7 != target.board.uart.af:
            raise BusError(f"pin {pin} is not switched to {target.board.uart.peripheral}")

    uart = Lpuart(target, machine, ccm, check_pin)
    watchdogs = [
        Peripheral("WDOG1", 0x400B_8000, 0x4000, dict.fromkeys((0, 4, 8), 0)),
        Peripheral("WDOG2", 0x400D_0000, 0x4000, dict.fromkeys((0, 4, 8), 0)),
        Peripheral("WDOG3", 0x400B_C000, 0x4000, {0: 0x2980, 4: 0, 8: 0x400, 12: 0}),
    ]
    for peripheral in (dcdc, ccm, ccm.analog, iomuxc, uart, *watchdogs):
        bus.add(peripheral)
    return uart


def check_boot(target: Target, read: Callable[[int, int], bytes]) -> None:
    """What the boot ROM needs: configuration block and image vector table.

    Args:
        target: The board.
        read: Reads the machine's memory.

    Raises:
        BusError: The ROM would not start the image.
    """
    start = target.mcu.region_for("boot").origin
    vectors = target.mcu.region_for("code").origin
    if read(start, 4) != b"FCFB":
        raise BusError("the flash configuration block (FCFB) is not at the start of the flash")
    table = start + 0x1000
    header, entry, _, _, data, this = struct.unpack("<6I", read(table, 24))
    if header != 0x4120_00D1 or this != table:
        raise BusError(f"there is no image vector table at 0x{table:08x}")
    if entry != vectors:
        raise BusError(f"the image vector table's entry is 0x{entry:08x}, not 0x{vectors:08x}")
    if struct.unpack("<I", read(data, 4))[0] != start:
        raise BusError("the boot data does not name the start of the flash")
