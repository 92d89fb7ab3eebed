"""What the host sees of an emulated machine: its UART as a transport, its measurements as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from targets.emulators.errors import EmulatorError
from targets.emulators.serial import HostUart
from targets.model import Target


@dataclass(frozen=True)
class MachineStats:
    """What the machine has measured since power on.

    Attributes:
        instructions: Instructions executed while counting was on.
        idle_cycles: Virtual cycles spent waiting for the UART.
        stack_bytes: Size of the stack, ``None`` if the image does not say where it is.
        peak_stack_bytes: Most of it ever used, ``None`` likewise.
        uart_bytes_received: Bytes the firmware has read.
        uart_bytes_sent: Bytes the firmware has sent.
    """

    instructions: int
    idle_cycles: int
    stack_bytes: int | None
    peak_stack_bytes: int | None
    uart_bytes_received: int
    uart_bytes_sent: int

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "instructions": self.instructions,
            "idle_cycles": self.idle_cycles,
            "stack_bytes": self.stack_bytes,
            "peak_stack_bytes": self.peak_stack_bytes,
            "uart_bytes_received": self.uart_bytes_received,
            "uart_bytes_sent": self.uart_bytes_sent,
        }


class LinkedMachine(Protocol):
    """What the transport asks of a machine."""

    target: Target
    uart: HostUart

    def run(self) -> None:
        """Run until the firmware waits for UART bytes."""

    def idle(self, seconds: float) -> bytes:
        """Let time pass; returns what the firmware sends meanwhile."""

    def cycles(self) -> int:
        """Instructions and idle cycles since power on."""


class UnicornTransport:
    """The emulated UART as a byte transport; its time is the machine's.

    Args:
        machine: The machine.
        damage: Applied to bytes on their way to the firmware, for tests.
    """

    def __init__(
        self, machine: LinkedMachine, *, damage: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._machine = machine
        self._damage = damage
        self._closed = False

    @property
    def description(self) -> str:
        """What this is, for messages."""
        return f"the emulated {self._machine.target.board.uart.peripheral}"

    def write(self, data: bytes) -> None:
        """Queue bytes for the firmware."""
        self._check_open()
        self._machine.uart.put(self._damage(data) if self._damage else data)

    def read(self, timeout_s: float) -> bytes:
        """Run the firmware until it waits, then let up to ``timeout_s`` seconds pass."""
        self._check_open()
        data = self._machine.uart.take()
        if data:
            return data
        self._machine.run()
        return self._machine.uart.take() or self._machine.idle(timeout_s)

    def now(self) -> float:
        """Seconds on the machine's clock."""
        return self._machine.cycles() / self._machine.target.mcu.clock_hz

    def close(self) -> None:
        """Disconnect; the machine stays."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise EmulatorError("the emulated UART was closed")
