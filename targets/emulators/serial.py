"""What every UART model has in common: bytes from and to the host, and what must be right first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from targets.emulators.bus import BusError, Machine, Peripheral
from targets.model import Target

BAUD_TOLERANCE = 0.025
IDLE_POLLS = 16


class HostUart(Protocol):
    """What the machine needs of a family's UART model."""

    bytes_received: int
    bytes_sent: int

    def put(self, data: bytes) -> None:
        """Bytes from the host."""

    def take(self) -> bytes:
        """Bytes to the host."""

    def resume(self) -> None:
        """The host goes on without new bytes."""

    def inject_overrun(self) -> None:
        """Lose a byte."""


@dataclass(frozen=True)
class SerialSetup:
    """What the firmware must have set up before its first byte.

    Attributes:
        target: The board: baud rate, pins, processor clock.
        cpu_hz: The processor's clock as the registers set it.
        check_pin: Raises :class:`BusError` unless a pin is switched to the UART.
        check_clocks: Raises :class:`BusError` where something runs beyond its limits.
    """

    target: Target
    cpu_hz: Callable[[], float]
    check_pin: Callable[[str], None]
    check_clocks: Callable[[], None] = lambda: None

    def check(self, name: str, baud: float) -> None:
        """Compare what is set with what the board needs.

        Args:
            name: The UART.
            baud: Its baud rate as the registers set it.

        Raises:
            BusError: They differ.
        """
        uart = self.target.board.uart
        for pin in (uart.tx_pin, uart.rx_pin):
            if pin is not None:
                self.check_pin(pin)
        if abs(baud - uart.baud) > BAUD_TOLERANCE * uart.baud:
            raise BusError(f"{name} runs at {baud:.0f} baud, expected {uart.baud}")
        self.check_clocks()
        clock = self.cpu_hz()
        if round(clock) != self.target.mcu.clock_hz:
            raise BusError(
                f"the processor runs at {clock / 1e6:g} MHz, "
                f"expected {self.target.mcu.clock_hz / 1e6:g} MHz"
            )


class PolledUart(Peripheral):
    """Queues between firmware and host, for a UART that the firmware polls.

    Args:
        name: Name in the reference manual.
        base: First address.
        reset: Offset -> reset value of every register.
        machine: To be stopped while the firmware waits for bytes.
        setup: What must be right before the first byte.
        clock: Returns whether the peripheral's clock is on; ``None`` if it always is.
        size: Size of the block of registers in bytes.
    """

    def __init__(
        self,
        name: str,
        base: int,
        reset: dict[int, int],
        machine: Machine,
        setup: SerialSetup,
        clock: Callable[[], bool] | None = None,
        size: int = 0x400,
    ) -> None:
        super().__init__(name, base, size, reset, clock)
        self._machine = machine
        self._setup = setup
        self._received: deque[int] = deque()
        self._sent = bytearray()
        self._overrun = False
        self._room = 0
        self._idle_polls = 0
        self._checked = False
        self.bytes_received = 0
        self.bytes_sent = 0

    @property
    def baud(self) -> float:
        """Baud rate as the registers set it.

        Raises:
            BusError: The settings make no baud rate.
        """
        raise NotImplementedError

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

    def _poll(self) -> bool:
        """Whether a byte waits; a firmware that goes on asking in vain is stopped."""
        if self._received:
            self._check_setup()
            return True
        self._idle_polls += 1
        if self._idle_polls > IDLE_POLLS:
            self._machine.stop_idle()
        return False

    def _pop(self, otherwise: int) -> int:
        """The byte that waits, or what the register holds without one."""
        self._idle_polls = 0
        if not self._received:
            return otherwise
        self.bytes_received += 1
        return self._received.popleft()

    def _push(self, byte: int, register: str, flag: str) -> None:
        """A byte to the host; the firmware must have seen that there is room."""
        if self._room == 0:
            raise BusError(
                f"{register} is written without reading {flag} since the last byte",
                hint="the hardware would overwrite the byte being sent",
            )
        self._room -= 1
        self._emit(bytes([byte]))

    def _emit(self, data: bytes) -> None:
        """Bytes to the host."""
        self._check_setup()
        self._idle_polls = 0
        self.bytes_sent += len(data)
        self._sent += data

    def _check_setup(self) -> None:
        """What must be right before the first byte, once."""
        if not self._checked:
            self._setup.check(self.name, self.baud)
            self._checked = True
