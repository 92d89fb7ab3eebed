"""Reaching the built image: on the emulator, or on a board over its UART."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.registry import UnknownNameError

if TYPE_CHECKING:
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink
    from targets.protocol import DeviceInfo

CycleMeaning = Literal["instructions", "cycles"]
PLACES = ("emulator", "unicorn", "qemu", "serial:PORT")

_QEMU_TIMEOUT_S = 30.0


class DeviceChoiceError(ImseMcuError):
    """The image cannot run at the named place."""

    exit_code = 2


@dataclass(frozen=True)
class Device:
    """The running image.

    Attributes:
        place: Where it runs, for reports: ``unicorn``, ``qemu`` or ``serial``.
        link: Conversation with it, before the greeting.
        counts: What a tick of its cycle counter stands for there.
        counts_per_tick: How many of them one tick stands for.
        machine: The emulated machine where it can be looked into, else None.
        build_id: Hash that the linker left of the image that must run there.
    """

    place: str
    link: DeviceLink
    counts: CycleMeaning
    counts_per_tick: float
    machine: UnicornMachine | None
    build_id: str

    def identify(self, model_digest: str) -> DeviceInfo:
        """Makes sure that it is this build's image, which goes on with what it does.

        Args:
            model_digest: SHA-256 of the .tflite that the image must hold.

        Raises:
            HandshakeError: Another model, image or version of the protocol.
            LinkError: No answer, or the device reports a failure.
        """
        return self.link.hello(expected_digest=model_digest, expected_build_id=self.build_id)

    def greet(self, model_digest: str) -> DeviceInfo:
        """Makes sure that it is this build's image, and brings it to its initial state.

        Args:
            model_digest: SHA-256 of the .tflite that the image must hold.

        Raises:
            HandshakeError: Another model, image or version of the protocol.
            LinkError: No answer, or the device reports a failure.
        """
        info = self.identify(model_digest)
        self.link.reset()
        return info


@contextlib.contextmanager
def open_device(build: BuildFolder, on: str) -> Iterator[Device]:
    """Starts or connects to the image of a build.

    Args:
        build: The build.
        on: ``emulator`` (that of the target), ``unicorn``, ``qemu``, or ``serial:PORT`` such as
            ``serial:/dev/ttyACM0``.

    Yields:
        The device; it is closed afterwards.

    Raises:
        DeviceChoiceError: If the target has no emulator, or the place is unknown.
        ImseMcuError: If the image does not start or the port cannot be opened.
    """
    from targets.emulators.image import FirmwareImage
    from targets.link import DeviceLink

    target = build.target()
    kind, _, port = on.partition(":")
    if kind == "serial":
        from targets.transports import SerialTransport

        if not port:
            raise DeviceChoiceError(
                "no serial port given", hint="for example: --on serial:/dev/ttyACM0"
            )
        build_id = FirmwareImage(build.artifact("elf")).build_id
        transport = SerialTransport(port, target.board.uart.baud)
        with DeviceLink(transport, first_sequence=secrets.randbelow(1 << 16)) as link:
            yield Device("serial", link, "cycles", 1.0, None, build_id)
    elif on in ("emulator", "unicorn", "qemu"):
        emulator = target.board.emulator
        if emulator is None or on not in ("emulator", emulator.kind):
            there = f"it has {emulator.kind}" if emulator else "it has none"
            raise DeviceChoiceError(
                f"{target.title} does not run on {on} here, {there}",
                hint="use --on emulator, or a board: --on serial:PORT",
            )
        with _emulated(build, emulator.kind) as device:
            yield device
    else:
        raise UnknownNameError("place to run", on, PLACES)


@contextlib.contextmanager
def _emulated(build: BuildFolder, kind: str) -> Iterator[Device]:
    """Starts the image of a build on the emulator of its target."""
    from targets.link import DeviceLink
    from targets.stand_in import emulated

    target, elf = emulated(build.target()), build.emulated_elf()
    if kind == "qemu":
        from targets.emulators.qemu import QemuMachine

        with QemuMachine(target, elf) as board:
            scale = board.instructions_per_cycle
            with DeviceLink(board.transport(), timeout_s=_QEMU_TIMEOUT_S) as link:
                yield Device("qemu", link, "instructions", scale, None, board.image.build_id)
        return
    from targets.emulators.unicorn import UnicornMachine

    machine = UnicornMachine(target, elf)
    with DeviceLink(machine.transport()) as link:
        yield Device("unicorn", link, "instructions", 1.0, machine, machine.image.build_id)
