"""The emulated image behind a pseudo-terminal, and what happens to the bytes between."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imse_mcu.buildfolder import BuildFolder
from targets.emulators.unicorn import UnicornMachine

Damage = Callable[[bytes], bytes]
_IDLE_S = 0.02


class UnpluggedError(Exception):
    """Raised by a line's damage: from here on the port is gone."""


@dataclass
class Line:
    """What happens to bytes between host and board; may be changed while it is in use.

    Attributes:
        to_board: Applied to what the host sends.
        from_board: Applied to what the board sends.
        delay: Seconds that the next bytes are held back.
    """

    to_board: Damage = bytes
    from_board: Damage = bytes
    delay: Callable[[], float] = lambda: 0.0


@contextmanager
def board_on_a_port(
    build: BuildFolder, line: Line | None = None, machine: UnicornMachine | None = None
) -> Iterator[str]:
    """Runs the image behind a pseudo-terminal.

    Args:
        build: The build.
        line: What happens to the bytes.
        machine: Its machine, where that has been running; default: it is started.

    Yields:
        Name of the port.
    """
    line = line or Line()
    machine = machine or UnicornMachine(build.target(), build.artifact("elf"))
    transport = machine.transport()
    board, host = pty.openpty()
    tty.setraw(board)
    tty.setraw(host)
    stop = threading.Event()
    failures: list[BaseException] = []

    def send(data: bytes) -> None:
        time.sleep(line.delay())
        rest = memoryview(line.from_board(data))
        while rest and not stop.is_set():
            if select.select([], [board], [], 0.1)[1]:
                rest = rest[os.write(board, rest) :]

    def serve() -> None:
        try:
            while not stop.is_set():
                if select.select([board], [], [], _IDLE_S)[0]:
                    data = line.to_board(os.read(board, 4096))
                    time.sleep(line.delay())
                    transport.write(data)
                # The board's time passes too: it gives up on a packet that does not go on.
                while data := transport.read(_IDLE_S):
                    send(data)
        except UnpluggedError:
            os.close(board)
        except BaseException as error:  # noqa: BLE001 - shown by the test that uses it
            failures.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(host)
    finally:
        stop.set()
        thread.join(timeout=30)
        for descriptor in (board, host):
            with contextlib.suppress(OSError):  # closed by unplugging
                os.close(descriptor)
    assert failures == []
