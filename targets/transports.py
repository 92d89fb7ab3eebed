"""Byte transports: how packets reach a device.

A transport moves bytes in order and tells the time they take, nothing more. Time is a property of
the transport because an emulated machine has its own: a link over it is deterministic.
"""

from __future__ import annotations

import importlib
import os
import select
import time
from typing import Any, Protocol

from targets.errors import TargetError


class TransportError(TargetError):
    """The transport itself failed: port missing, unplugged, process gone."""


class ByteTransport(Protocol):
    """Bytes to and from a device."""

    @property
    def description(self) -> str:
        """What this is, for messages: ``/dev/ttyACM0 at 921600 baud``."""

    def write(self, data: bytes) -> None:
        """Send all bytes.

        Raises:
            TransportError: The transport failed.
        """

    def read(self, timeout_s: float) -> bytes:
        """Return at least one byte, or ``b""`` if none came within ``timeout_s`` seconds.

        Raises:
            TransportError: The transport failed.
        """

    def now(self) -> float:
        """Seconds on this transport's clock; only differences mean something."""

    def close(self) -> None:
        """Release the transport; calling it again does nothing."""


class FileTransport:
    """A transport over file descriptors: pseudo-terminal, socket or pipes.

    Args:
        read_fd: Descriptor to read from.
        write_fd: Descriptor to write to; the same as ``read_fd`` for a terminal.
        description: For messages.
        write_timeout_s: Longest time the other side may refuse bytes.
    """

    def __init__(
        self, read_fd: int, write_fd: int, description: str, *, write_timeout_s: float = 10.0
    ) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._description = description
        self._write_timeout_s = write_timeout_s
        self._closed = False
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)

    @property
    def description(self) -> str:
        """What this is, for messages."""
        return self._description

    def write(self, data: bytes) -> None:
        """Send all bytes; see :class:`ByteTransport`."""
        self._check_open()
        rest = memoryview(data)
        deadline = self.now() + self._write_timeout_s
        while rest:
            remaining = deadline - self.now()
            if remaining <= 0 or not select.select([], [self._write_fd], [], remaining)[1]:
                raise TransportError(f"{self._description} accepts no more bytes")
            try:
                rest = rest[os.write(self._write_fd, rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone(error) from error

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived; see :class:`ByteTransport`."""
        self._check_open()
        if not select.select([self._read_fd], [], [], max(timeout_s, 0.0))[0]:
            return b""
        try:
            data = os.read(self._read_fd, 65536)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise TransportError(f"{self._description} was closed by the other side")
        return data

    def now(self) -> float:
        """Monotonic time of the host in seconds."""
        return time.monotonic()

    def close(self) -> None:
        """Close the descriptors."""
        if self._closed:
            return
        self._closed = True
        for descriptor in {self._read_fd, self._write_fd}:
            os.close(descriptor)

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError(f"{self._description} is closed")

    def _gone(self, error: OSError) -> TransportError:
        return TransportError(f"{self._description} failed: {error.strerror}")


class SerialTransport:
    """A serial port, through pyserial.

    Args:
        port: Port name: ``/dev/ttyACM0``, ``COM5`` or a pyserial URL.
        baud: Bits per second.

    Raises:
        TransportError: pyserial is not installed, or the port cannot be opened.
    """

    def __init__(self, port: str, baud: int) -> None:
        try:
            serial = importlib.import_module("serial")
        except ModuleNotFoundError as error:
            raise TransportError(
                "talking to a serial port needs the Python package pyserial",
                hint="pip install pyserial",
            ) from error
        self._description = f"{port} at {baud} baud"
        self._errors: tuple[type[BaseException], ...] = (serial.SerialException, OSError)
        try:
            self._port: Any = serial.serial_for_url(
                port, baudrate=baud, timeout=0, write_timeout=10.0
            )
        except (*self._errors, ValueError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number).lower() if number else str(error)
            raise TransportError(
                f"cannot open the serial port {port}: {reason}",
                hint="check the cable and the name; on Linux your user must be in group dialout",
            ) from error

    @property
    def description(self) -> str:
        """What this is, for messages."""
        return self._description

    def write(self, data: bytes) -> None:
        """Send all bytes; see :class:`ByteTransport`."""
        try:
            self._port.write(data)
        except self._errors as error:
            raise TransportError(f"{self._description} failed: {error}") from error

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived; see :class:`ByteTransport`."""
        try:
            self._port.timeout = max(timeout_s, 0.0)
            data = bytes(self._port.read(1))
            waiting = self._port.in_waiting if data else 0
            return data + bytes(self._port.read(waiting)) if waiting else data
        except self._errors as error:
            raise TransportError(f"{self._description} failed: {error}") from error

    def now(self) -> float:
        """Monotonic time of the host in seconds."""
        return time.monotonic()

    def close(self) -> None:
        """Close the port."""
        self._port.close()
