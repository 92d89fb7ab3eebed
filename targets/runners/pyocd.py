"""pyOCD, used as the library it is: any CMSIS-DAP, ST-Link or J-Link probe."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from targets.model import Target
from targets.runners.base import (
    THUMB_XPSR,
    VTOR,
    Execute,
    Failure,
    FlashError,
    FlashRequest,
    FlashRunner,
    Step,
    failure_message,
)

_OPTIONS = {
    # Flash that the image does not touch keeps its content.
    "chip_erase": "sector",
    "hide_programming_progress": True,
    "warning.cortex_m_default": False,
}


class PyocdRunner(FlashRunner):
    """pyOCD's Python interface; its own exceptions tell the failures apart."""

    name: ClassVar[str] = "pyocd"
    tools: ClassVar[tuple[str, ...]] = ()
    # Its exceptions say what they are by class, and some more exactly by their text.
    patterns = (
        (
            Failure.PROBE_ACCESS,
            r"permission|access denied|busy|in use|already open|unable to claim",
        ),
        (Failure.LOCKED, r"locked|protected|APPROTECT"),
        (Failure.UNSUPPORTED, r"not recognized"),
        (Failure.WRONG_CHIP, r"did not match expected"),
        (Failure.NO_TARGET, r"Target not detected|No ACK"),
    )

    def available(self) -> bool:
        """Whether the package is there."""
        return importlib.util.find_spec("pyocd") is not None

    def install_hint(self) -> str:
        """It is a package of Python."""
        return "pyocd (install it with: pip install 'imse-mcu[pyocd]')"

    def unsupported(self, target: Target) -> str:
        """A chip needs a pyOCD target type."""
        return "" if target.mcu.debug.pyocd else "pyOCD has no target type for it"

    def hint(self, failure: Failure, target: Target) -> str:
        """A missing chip comes with a pack."""
        if failure is Failure.UNSUPPORTED:
            return f"pyocd pack install {target.mcu.debug.pyocd}"
        return super().hint(failure, target)

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """The same as commands of pyOCD's own program, for a dry run."""
        debug = request.target.mcu.debug
        common = ["--no-wait", "--target", str(debug.pyocd)]
        if request.probe:
            common += ["--uid", request.probe]
        steps = []
        device = debug.device_id
        if device is not None:
            read = ("-c", f"read32 0x{device.address:08x} 4")
            argv = ("pyocd", "commander", *common, *read)
            steps.append(Step("identify the chip on", argv, identifies=True))
        if request.loads_ram:
            steps.append(Step("load and start", self._ram_commands(request, common)))
            return tuple(steps)
        load = ("pyocd", "load", *common, "--erase", "sector", "--no-reset")
        steps.append(Step("program", (*load, "--format", "hex", str(request.image.hex))))
        if request.verify:
            compare = f"compare 0x{request.base:08x} '{request.image.bin}'"
            steps.append(Step("verify", ("pyocd", "commander", *common, "-c", compare)))
        if request.reset:
            steps.append(Step("reset", ("pyocd", "reset", *common)))
        return tuple(steps)

    @staticmethod
    def _ram_commands(request: FlashRequest, common: Sequence[str]) -> tuple[str, ...]:
        """One session that does not reset: a reset would lead back to the boot ROM."""
        entry = request.entry()
        where = f"0x{request.base:08x} '{request.image.bin}'"
        commands = ["halt", f"loadmem {where}"]
        commands += [f"compare {where}"] if request.verify else []
        if request.reset:
            commands += [
                f"write32 0x{VTOR:08x} 0x{request.base:08x}",
                f"wreg xpsr 0x{THUMB_XPSR:08x}",
                f"wreg msp 0x{entry.stack:08x}",
                f"wreg pc 0x{entry.pc:08x}",
                "go",
            ]
        words = [word for command in commands for word in ("-c", command)]
        return ("pyocd", "commander", *common, *words)

    def perform(self, request: FlashRequest, steps: Sequence[Step], execute: Execute) -> None:
        """Program the board in this process; ``steps`` and ``execute`` are not used."""
        del steps, execute
        if not self.available():
            raise FlashError(
                Failure.NO_TOOL, "pyOCD is not installed", hint=f"one of: {self.install_hint()}"
            )
        with _quiet_log() as log:
            doing = ["open the debug probe of"]
            try:
                self._program(request, log, doing)
            except FlashError:
                raise
            except Exception as error:
                failure = self._failure_of(error)
                if failure is None:
                    raise
                raise self._error(failure, doing[-1], request, _one_line(error)) from error

    def _program(self, request: FlashRequest, log: list[str], doing: list[str]) -> None:
        """All steps over one connection; the last of ``doing`` says which one it is at."""
        from pyocd.core.session import Session
        from pyocd.flash.file_programmer import FileProgrammer

        debug = request.target.mcu.debug
        probe = self._probe(request, log)
        options = {**_OPTIONS, "target_override": debug.pyocd}
        options["resume_on_disconnect"] = request.reset
        doing.append("connect to")
        with Session(probe, options=options) as session:
            chip = session.target
            if debug.device_id is not None:
                doing.append("identify the chip on")
                self.compare_chip(chip.read32(debug.device_id.address), request)
            if _is_locked(chip):
                raise self._error(Failure.LOCKED, "program", request, "it is read-protected")
            doing.append("program")
            if request.loads_ram:
                # As memory: pack files call this RAM flash, without an algorithm to write it.
                chip.halt()
                chip.write_memory_block8(request.base, request.image.bin.read_bytes())
            else:
                chip.reset_and_halt()
                FileProgrammer(session, progress=lambda share: None).program(
                    str(request.image.hex), file_format="hex"
                )
            if request.verify:
                doing.append("verify")
                self._verify(chip, request)
            if request.reset:
                doing.append("start")
                if request.loads_ram:
                    _enter(chip, request)
                else:
                    chip.reset()

    def _probe(self, request: FlashRequest, log: list[str]) -> Any:
        """The one probe that is meant."""
        from pyocd.core.helpers import ConnectHelper

        probes = ConnectHelper.get_all_connected_probes(
            blocking=False, unique_id=request.probe, print_wait_message=False
        )
        if request.probe:
            exact = [p for p in probes if p.unique_id.lower() == request.probe.lower()]
            probes = exact or probes
        if len(probes) == 1:
            return probes[0]
        if probes:
            names = ", ".join(sorted(probe.unique_id for probe in probes))
            raise self._error(Failure.SEVERAL_PROBES, "choose the probe of", request, names)
        refused = [line for line in log if self.diagnose(line) is Failure.PROBE_ACCESS]
        if refused:
            raise self._error(Failure.PROBE_ACCESS, "open the probe of", request, refused[0])
        which = f"none matches {request.probe}" if request.probe else "none is connected"
        raise self._error(Failure.NO_PROBE, "reach", request, which)

    def _verify(self, chip: Any, request: FlashRequest) -> None:
        """Compares the flash with the image."""
        expected = request.image.bin.read_bytes()
        actual = bytes(chip.read_memory_block8(request.base, len(expected)))
        if actual != expected:
            first = next(i for i, (a, b) in enumerate(zip(actual, expected, strict=True)) if a != b)
            said = (
                f"0x{request.base + first:08x} holds 0x{actual[first]:02x}, "
                f"expected 0x{expected[first]:02x}"
            )
            # Flash algorithms do not tell of a protected sector: they leave it as it was.
            bits = request.target.mcu.debug.open_flash
            if bits is not None and not bits.matches(chip.read32(bits.address)):
                raise self._error(Failure.LOCKED, "program", request, f"write-protected: {said}")
            raise self._error(Failure.VERIFY, "verify", request, said)

    def _failure_of(self, error: Exception) -> Failure | None:
        """What an exception means, ``None`` if it is none of pyOCD's or of the USB system."""
        from pyocd.core import exceptions

        kinds: tuple[tuple[Any, Failure], ...] = (
            (exceptions.TargetSupportError, Failure.UNSUPPORTED),
            # A connection that works and a chip that refuses: its sectors are protected.
            (exceptions.FlashEraseFailure, Failure.LOCKED),
            (exceptions.FlashProgramFailure, Failure.LOCKED),
            (exceptions.FlashFailure, Failure.OTHER),
            (exceptions.ProbeDisconnected, Failure.NO_PROBE),
            ((exceptions.TransferError, exceptions.DebugError), Failure.NO_TARGET),
            ((exceptions.TimeoutError, exceptions.ProbeError), Failure.NO_TARGET),
            (exceptions.Error, Failure.OTHER),
            (OSError, Failure.PROBE_ACCESS),
            # How its support of some chips says that the chip is another one.
            (AssertionError, Failure.WRONG_CHIP),
        )
        for kind, failure in kinds:
            if isinstance(error, kind):
                return self.diagnose(str(error)) or failure
        return None

    def _error(self, failure: Failure, doing: str, request: FlashRequest, said: str) -> FlashError:
        message = failure_message(self.name, doing, request.target, failure, said)
        return FlashError(failure, message, hint=self.hint(failure, request.target))


def _enter(chip: Any, request: FlashRequest) -> None:
    """Let the halted processor go from where a reset from the image's vector table would."""
    entry = request.entry()
    chip.write32(VTOR, request.base)
    for register, value in (("xpsr", THUMB_XPSR), ("msp", entry.stack), ("pc", entry.pc)):
        chip.write_core_register(register, value)
    chip.resume()


def _is_locked(chip: Any) -> bool:
    """Whether the chip is read-protected; a chip family that cannot tell is taken as open."""
    try:
        return bool(chip.is_locked())
    except NotImplementedError:
        return False


def _one_line(error: Exception) -> str:
    """The text of an exception, its class where it has none."""
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


@contextlib.contextmanager
def _quiet_log() -> Iterator[list[str]]:
    """Keeps pyOCD's log off the terminal; yields its warnings and errors."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("pyocd"), Collect(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
