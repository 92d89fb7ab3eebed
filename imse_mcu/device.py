"""Reaching the built image: on the emulator, or on a board over its UART."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.registry import UnknownNameError

if TYPE_CHECKING:
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

CycleMeaning = Literal["instructions", "cycles"]
PLACES = ("emulator", "serial:PORT")


class DeviceChoiceError(ImseMcuError):
    """The image cannot run at the named place."""

    exit_code = 2


@dataclass(frozen=True)
class Device:
    """The running image.

    Attributes:
        place: Where it runs, for reports: ``unicorn`` or ``serial``.
        link: Conversation with it, before the greeting.
        counts: What its cycle counter counts there.
        machine: The emulated machine, or None for a board.
    """

    place: str
    link: DeviceLink
    counts: CycleMeaning
    machine: UnicornMachine | None


@contextlib.contextmanager
def open_device(build: BuildFolder, on: str) -> Iterator[Device]:
    """Starts or connects to the image of a build.

    Args:
        build: The build.
        on: ``emulator``, or ``serial:PORT`` such as ``serial:/dev/ttyACM0``.

    Yields:
        The device; it is closed afterwards.

    Raises:
        DeviceChoiceError: If the target has no emulator, or the place is unknown.
        ImseMcuError: If the image does not start or the port cannot be opened.
    """
    from targets.link import DeviceLink

    target = build.target()
    kind, _, port = on.partition(":")
    if kind == "serial":
        from targets.transports import SerialTransport

        if not port:
            raise DeviceChoiceError(
                "no serial port given", hint="for example: --on serial:/dev/ttyACM0"
            )
        transport = SerialTransport(port, target.board.uart.baud)
        with DeviceLink(transport) as link:
            yield Device("serial", link, "cycles", None)
    elif on == "emulator":
        emulator = target.board.emulator
        if emulator is None or emulator.kind != "unicorn":
            raise DeviceChoiceError(
                f"{target.title} has no emulator here", hint="use a board: --on serial:PORT"
            )
        from targets.emulators.unicorn import UnicornMachine

        machine = UnicornMachine(target, build.artifact("elf"))
        with DeviceLink(machine.transport()) as link:
            yield Device("unicorn", link, "instructions", machine)
    else:
        raise UnknownNameError("place to run", on, PLACES)
