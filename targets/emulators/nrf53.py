"""Register models of the nRF5340's application core in secure state (Nordic nRF5340 PS)."""

from __future__ import annotations

from collections import deque

from targets.emulators.bus import Bus, BusError, Machine, Peripheral
from targets.emulators.serial import PolledUart, SerialSetup
from targets.model import Target

_BAUD = {0x01D6_0000: 115200, 0x0F00_0000: 921600, 0x1000_0000: 1_000_000}


class Clock(Peripheral):
    """High-frequency clock: source and divider."""

    START, STARTED, SRC, STAT, CTRL = 0x000, 0x100, 0x514, 0x40C, 0x558

    def __init__(self) -> None:
        reset = dict.fromkeys((self.START, 0x004, self.STARTED, 0x408, self.STAT, self.SRC), 0)
        super().__init__("CLOCK", 0x5000_5000, 0x1000, reset | {self.CTRL: 1})
        self.crystal = False

    def cpu_hz(self) -> float:
        """128 MHz over the divider."""
        return 128e6 / (1 << (self.registers[self.CTRL] & 3))

    def write_word(self, offset: int, value: int) -> None:
        """Starting raises the event."""
        self.registers[offset] = value
        if offset == self.START and value & 1:
            self.crystal = bool(self.registers[self.SRC] & 1)
            self.registers[self.STARTED] = 1
            self.registers[self.STAT] = 1 << 16 | int(self.crystal)

    def check(self) -> None:
        """A UART needs the crystal.

        Raises:
            BusError: It does not run.
        """
        if not self.crystal:
            raise BusError("the UART runs from the internal oscillator (CLOCK.HFCLKSRC)")


class Gpio(Peripheral):
    """Both ports: directions and pin configurations."""

    def __init__(self) -> None:
        reset: dict[int, int] = {}
        for port in (0x500, 0x800):
            reset |= dict.fromkeys(range(port + 0x04, port + 0x2C, 4), 0)
            reset |= dict.fromkeys(range(port + 0x200, port + 0x280, 4), 2)
        super().__init__("GPIO", 0x5084_2000, 0x1000, reset)

    def write_word(self, offset: int, value: int) -> None:
        """OUTSET, OUTCLR, DIRSET and DIRCLR change OUT and DIR."""
        port, register = (0x800, offset - 0x800) if offset >= 0x800 else (0x500, offset - 0x500)
        if register in (0x08, 0x18):
            self.registers[port + register - 4] |= value
        elif register in (0x0C, 0x1C):
            self.registers[port + register - 8] &= ~value
        else:
            self.registers[offset] = value

    def is_output(self, port: int, pin: int) -> bool:
        """Whether a pin drives."""
        return bool(self.registers[(0x500, 0x800)[port] + 0x14] >> pin & 1)

    def is_input(self, port: int, pin: int) -> bool:
        """Whether a pin's input buffer is connected."""
        return not self.registers[(0x500, 0x800)[port] + 0x200 + 4 * pin] >> 1 & 1


class Events(Peripheral):
    """The event system's channels."""

    CHEN, CHENSET, CHENCLR = 0x500, 0x504, 0x508

    def __init__(self) -> None:
        super().__init__("DPPIC", 0x5001_7000, 0x1000, {self.CHEN: 0, 0x504: 0, 0x508: 0})

    def write_word(self, offset: int, value: int) -> None:
        """Set and clear."""
        if offset == self.CHENSET:
            self.registers[self.CHEN] |= value
        elif offset == self.CHENCLR:
            self.registers[self.CHEN] &= ~value
        else:
            self.registers[offset] = value

    def connects(self, publish: int, subscribe: int) -> bool:
        """Whether an event reaches a task."""
        on = publish >> 31 and subscribe >> 31 and publish & 0xFF == subscribe & 0xFF
        return bool(on and self.registers[self.CHEN] >> (publish & 0xFF) & 1)


class Timer(Peripheral):
    """A timer as a counter of events."""

    START, CLEAR, CAPTURE0, SUBSCRIBE_COUNT = 0x000, 0x00C, 0x040, 0x088
    MODE, BITMODE, CC0 = 0x504, 0x508, 0x540

    def __init__(self) -> None:
        offsets = (0x000, 0x004, 0x008, 0x00C, 0x040, 0x080, 0x088, 0x200, 0x504, 0x508, 0x510)
        super().__init__("TIMER0", 0x5000_F000, 0x1000, dict.fromkeys((*offsets, self.CC0), 0))
        self.uarte: Uarte | None = None
        self._running = False
        self._count = 0

    def count(self, events: int) -> None:
        """Events have come in."""
        if self._running and self.registers[self.MODE] in (1, 2):
            width = (16, 8, 24, 32)[self.registers[self.BITMODE] & 3]
            self._count = (self._count + events) & ((1 << width) - 1)

    def read_word(self, offset: int) -> int:
        """Looking at the capture without anything new is waiting."""
        if offset == self.CC0 and self.uarte is not None:
            self.uarte.looked_at()
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Tasks."""
        self.registers[offset] = value
        if offset == self.START:
            self._running = True
        elif offset == self.CLEAR:
            self._count = 0
        elif offset == self.CAPTURE0:
            if self.uarte is not None:
                self.uarte.receive()
            self.registers[self.CC0] = self._count


class Uarte(PolledUart):
    """UART with DMA in both directions.

    Args:
        target: The board.
        machine: Whose memory the DMA reaches.
        clock: For the crystal and the processor clock.
        gpio: Pins.
        events: From RXDRDY to the timer.
        timer: Counts received bytes.
    """

    STARTRX, STARTTX, ENDRX, ENDTX, ERROR = 0x000, 0x008, 0x110, 0x120, 0x124
    RXSTARTED, PUBLISH_RXDRDY, SHORTS, ERRORSRC, ENABLE = 0x14C, 0x188, 0x200, 0x480, 0x500
    PSEL_TXD, PSEL_RXD, BAUDRATE, RXD_PTR, RXD_MAXCNT = 0x50C, 0x514, 0x524, 0x534, 0x538
    TXD_PTR, TXD_MAXCNT, CONFIG = 0x544, 0x548, 0x56C

    def __init__(
        self,
        target: Target,
        machine: Machine,
        clock: Clock,
        gpio: Gpio,
        events: Events,
        timer: Timer,
    ) -> None:
        uart = target.board.uart
        offsets = [*range(0x000, 0x010, 4), 0x02C, 0x100, 0x104, 0x108, 0x110, 0x11C, 0x120]
        offsets += [0x124, 0x144, 0x14C, 0x150, 0x158, 0x188, 0x200, 0x300, 0x304, 0x308, 0x480]
        offsets += [0x500, 0x508, 0x50C, 0x510, 0x514, 0x524, *range(0x534, 0x550, 4), 0x56C]
        reset = dict.fromkeys(offsets, 0) | {self.BAUDRATE: 0x0400_0000}
        reset |= {self.PSEL_TXD: 0xFFFF_FFFF, self.PSEL_RXD: 0xFFFF_FFFF}
        setup = SerialSetup(target, clock.cpu_hz, self._check_pin, clock.check)
        super().__init__(uart.peripheral, uart.base, reset, machine, setup, size=0x1000)
        self._target = target
        self._gpio = gpio
        self._events = events
        self._timer = timer
        timer.uarte = self
        self._buffer: deque[int] = deque()  # addresses still to be filled by the DMA
        self._fresh = False

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The setting makes no baud rate.
        """
        value = self.registers[self.BAUDRATE]
        if value not in _BAUD:
            raise BusError(f"{self.name} has no valid baud rate (BAUDRATE 0x{value:08x})")
        return _BAUD[value]

    def receive(self) -> None:
        """One byte arrives by DMA: the firmware looks more often than the line brings them."""
        if self.registers[self.ENABLE] != 8 or not self._received or not self._buffer:
            return
        self._check_setup()
        byte = self._pop(0)
        self._machine.write_memory(self._buffer.popleft(), bytes([byte]))
        self._fresh = True
        published = self.registers[self.PUBLISH_RXDRDY]
        if self._events.connects(published, self._timer.registers[Timer.SUBSCRIBE_COUNT]):
            self._timer.count(1)
        if not self._buffer:
            self.registers[self.ENDRX] = 1
            if self.registers[self.SHORTS] >> 5 & 1:
                self._start_reception()

    def looked_at(self) -> None:
        """The firmware has read the byte counter."""
        if self._fresh:
            self._fresh = False
            self._idle_polls = 0
        else:
            self._poll()

    def read_word(self, offset: int) -> int:
        """An overrun is an error event."""
        if offset == self.ERROR and self._overrun:
            self._overrun = False
            self.registers[self.ERROR] = self.registers[self.ERRORSRC] = 1
        return self.registers[offset]

    def write_word(self, offset: int, value: int) -> None:
        """Tasks start the DMA."""
        if offset in (0x300, 0x304) and value:
            raise BusError(f"{self.name}'s interrupts are not delivered; poll the events")
        if offset == self.ERRORSRC:
            self.registers[offset] &= ~value
            return
        self.registers[offset] = value
        if offset == self.STARTRX and value & 1:
            self._start_reception()
        elif offset == self.STARTTX and value & 1:
            self._transmit()

    def _start_reception(self) -> None:
        if self.registers[self.ENABLE] != 8:
            raise BusError(f"{self.name} receives while it is off (ENABLE)")
        first = self.registers[self.RXD_PTR]
        self._buffer = deque(range(first, first + self.registers[self.RXD_MAXCNT]))
        self.registers[self.RXSTARTED] = 1

    def _transmit(self) -> None:
        if self.registers[self.ENABLE] != 8:
            raise BusError(f"{self.name} sends while it is off (ENABLE)")
        address = self.registers[self.TXD_PTR]
        region = self._target.mcu.region_at(address)
        if region is None or region.kind != "ram":
            raise BusError(f"{self.name}'s DMA cannot read 0x{address:08x}: it reaches RAM only")
        self._emit(self._machine.read_memory(address, self.registers[self.TXD_MAXCNT]))
        self.registers[self.ENDTX] = 1

    def _check_pin(self, pin: str) -> None:
        uart = self._target.board.uart
        port, number = int(pin[1]), int(pin[3:])
        sends = pin == uart.tx_pin
        selected = self.registers[self.PSEL_TXD if sends else self.PSEL_RXD]
        if selected != port << 5 | number:
            raise BusError(f"pin {pin} is not selected for {self.name} (PSEL)")
        if not (self._gpio.is_output if sends else self._gpio.is_input)(port, number):
            raise BusError(f"pin {pin} has the wrong direction")


def attach(bus: Bus, target: Target, machine: Machine) -> Uarte:
    """Put the family's peripherals on the bus.

    Args:
        bus: Where they go.
        target: The board.
        machine: The machine they belong to.

    Returns:
        The UART to the host.
    """
    clock, gpio, events, timer = Clock(), Gpio(), Events(), Timer()
    uarte = Uarte(target, machine, clock, gpio, events, timer)
    cache = Peripheral("CACHE", 0x5000_1000, 0x1000, {0x500: 0, 0x50C: 0, 0x514: 0})
    # One trim value, for a register of the oscillators, then the end of the list.
    trim = dict.fromkeys(range(0x300, 0x400, 4), 0xFFFF_FFFF)
    trim |= {0x300: 0x5000_45C4, 0x304: 0x0000_0012}
    factory = Peripheral("FICR", 0x00FF_0000, 0x1000, trim)
    oscillators = Peripheral("OSCILLATORS", 0x5000_4000, 0x1000, {0x5C4: 0, 0x6C0: 0, 0x6D0: 0})
    for peripheral in (clock, gpio, events, timer, uarte, cache, factory, oscillators):
        bus.add(peripheral)
    return uarte
