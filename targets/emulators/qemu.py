"""Runs the built image on QEMU's Cortex-M boards, its UART connected to this process.

QEMU counts virtual time in instructions (``-icount shift=0``: one instruction is one nanosecond),
so the tick counters of the firmware measure instructions and are the same in every run.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from imse_mcu.core import process
from targets.emulators.errors import EmulatorError, ImageError
from targets.emulators.image import FirmwareImage
from targets.model import Target
from targets.transports import FileTransport, TransportError

QEMU = "qemu-system-arm"
_ERROR_BYTES = 65536
_LONGEST_WAIT_S = 1.0
_SHARE_OF_HOST_TIME = 0.1


def qemu_argv(
    target: Target, elf_path: str | Path, *, icount: bool = True, boot: str | Path | None = None
) -> list[str]:
    """The command line that runs an image.

    Args:
        target: A target whose board is one of QEMU's.
        elf_path: The linked image.
        icount: Let virtual time follow the number of instructions.
        boot: File with the two words that the processor starts with, for address 0.

    Raises:
        EmulatorError: The target's board is not one of QEMU's.
    """
    emulator = target.board.emulator
    if emulator is None or emulator.kind != "qemu":
        raise EmulatorError(
            f"QEMU has no machine for {target.name}",
            hint="QEMU runs the boards whose [emulator] says so: imse-mcu targets",
        )
    argv = [QEMU, "-M", emulator.machine, "-kernel", str(elf_path)]
    argv += ["-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio"]
    if icount:
        argv += ["-icount", "shift=0"]
    if boot is not None:
        argv += ["-device", f"loader,file={boot},addr=0,force-raw=on"]
    return argv


class QemuMachine:
    """A QEMU board running an image; to be used in a ``with`` statement.

    Args:
        target: A target whose board is one of QEMU's.
        elf_path: The linked image.
        icount: Let virtual time follow the number of instructions.

    Raises:
        EmulatorError: The target's board is not one of QEMU's.
        ImageError: The ELF is not readable or does not fit the target.
        ToolNotFoundError: QEMU is not installed.
    """

    def __init__(self, target: Target, elf_path: str | Path, *, icount: bool = True) -> None:
        self.target = target
        self.image = FirmwareImage(Path(elf_path))
        _check_memory(self.image, target)
        with contextlib.ExitStack() as resources:
            boot = _boot_words(self.image, resources)
            argv = qemu_argv(target, self.image.path, icount=icount, boot=boot)
            self._child = process.start(argv, what=f"run the image on {target.name}")
            self._resources = resources.pop_all()
        self._transports: list[QemuTransport] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def instructions_per_cycle(self) -> float:
        """Instructions that one tick of the processor clock stands for with ``icount``."""
        return 1e9 / self.target.mcu.clock_hz

    def transport(self) -> QemuTransport:
        """The UART as a byte transport."""
        transport = QemuTransport(self)
        self._transports.append(transport)
        return transport

    def descriptors(self) -> tuple[int, int]:
        """Own copies of the descriptors to read from and write to.

        Raises:
            EmulatorError: QEMU has ended.
        """
        stdin, stdout = self._child.stdin, self._child.stdout
        if stdin is None or stdout is None or stdin.closed or stdout.closed:
            raise EmulatorError("QEMU was shut down")
        return os.dup(stdout.fileno()), os.dup(stdin.fileno())

    def processor_time_s(self) -> float:
        """Processor time that QEMU has used, in seconds; 0 where the host does not tell."""
        try:
            text = Path(f"/proc/{self._child.pid}/stat").read_text("ascii", "replace")
        except OSError:
            return 0.0
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def last_words(self) -> str:
        """What QEMU printed to its error output, on one line."""
        stderr = self._child.stderr
        if stderr is None or stderr.closed:
            return ""
        if self._child.poll() is None:
            os.set_blocking(stderr.fileno(), False)
        data = stderr.read(_ERROR_BYTES) or b""
        return " ".join(data.decode("utf-8", "replace").split())

    def close(self) -> None:
        """Shut QEMU down."""
        for transport in self._transports:
            transport.close()
        process.stop(self._child)
        self._resources.close()


class QemuTransport(FileTransport):
    """The UART of a QEMU board.

    Its clock is the processor time that QEMU has had, so that a board on a busy host does not seem
    to be silent; a tenth of the host's time where that is more, for an image that sleeps.

    Args:
        machine: The running machine.
    """

    def __init__(self, machine: QemuMachine) -> None:
        self._machine = machine
        self._opened = time.monotonic()
        read_fd, write_fd = machine.descriptors()
        super().__init__(read_fd, write_fd, f"QEMU {machine.target.name}")

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived; an error carries QEMU's own message."""
        deadline = self.now() + timeout_s
        try:
            while True:
                remaining = max(deadline - self.now(), 0.0)
                data = super().read(min(remaining, _LONGEST_WAIT_S))
                if data or remaining == 0.0:
                    return data
        except TransportError as error:
            said = self._machine.last_words()
            if not said:
                raise
            raise TransportError(f"{error.message}: {said}") from error

    def now(self) -> float:
        """Seconds on the clock described above."""
        host = time.monotonic() - self._opened
        return max(self._machine.processor_time_s(), host * _SHARE_OF_HOST_TIME)


def _boot_words(image: FirmwareImage, resources: contextlib.ExitStack) -> Path | None:
    """Stack pointer and entry of an image that does not begin at address 0, as a file."""
    vectors = image.symbol("__vectors__")
    if not vectors:
        return None
    folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="imse-mcu-"))
    path = Path(folder) / "boot.bin"
    path.write_bytes(next(s.data[:8] for s in image.segments if s.address == vectors))
    return path


def _check_memory(image: FirmwareImage, target: Target) -> None:
    for segment in image.segments:
        region = target.mcu.region_at(segment.address)
        if region is None or not region.contains(segment.address, len(segment.data)):
            raise ImageError(
                f"{image.path.name}: {len(segment.data)} bytes at 0x{segment.address:08x} "
                f"lie outside the memory of {target.name}",
                hint="build the project for this target",
            )
