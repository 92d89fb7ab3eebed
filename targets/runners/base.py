"""One interface to all flash tools.

A runner turns a request into steps, each one command line made of data only, so that they are
tested without hardware and shown by a dry run. What a tool prints is matched against patterns that
tell the failures apart; the exit status alone does not.
"""

from __future__ import annotations

import re
import struct
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from imse_mcu.core import process
from targets.errors import TargetError
from targets.model import Target

WORK = "{work}"
"""Stands for a temporary folder with the step's files in a step's arguments."""

STEP_TIMEOUT_S = 180.0


class Failure(Enum):
    """Why flashing failed."""

    NO_TOOL = "no tool"
    UNSUPPORTED = "unsupported"
    NO_PROBE = "no probe"
    SEVERAL_PROBES = "several probes"
    PROBE_ACCESS = "probe access"
    NO_TARGET = "no target"
    WRONG_CHIP = "wrong chip"
    LOCKED = "locked"
    VERIFY = "verify"
    OTHER = "other"


_HINTS: Mapping[Failure, str] = {
    Failure.NO_PROBE: "plug in the board's debug USB port; a serial number is given with --probe",
    Failure.SEVERAL_PROBES: "choose one with --probe SERIAL",
    Failure.PROBE_ACCESS: "close other debuggers; on Linux install the tool's udev rules",
    Failure.NO_TARGET: "check the board's power and the debug cable; hold it in reset and try "
    "again",
    Failure.WRONG_CHIP: "connect the board this project was built for, or build it for yours",
    Failure.LOCKED: "remove the read-out or write protection with the vendor's tool; "
    "that erases the chip",
    Failure.VERIFY: "try again at a lower speed or with another cable; the image is not on the "
    "board",
}


class FlashError(TargetError):
    """Flashing failed.

    Attributes:
        failure: Which kind of failure.
    """

    exit_code = 4

    def __init__(self, failure: Failure, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or _HINTS.get(failure, ""))
        self.failure = failure


@dataclass(frozen=True)
class FlashImage:
    """The files of a build.

    Attributes:
        elf: Image with symbols.
        bin: Raw flash content.
        hex: Intel HEX.
    """

    elf: Path
    bin: Path
    hex: Path


VTOR = 0xE000_ED08
THUMB_XPSR = 1 << 24
"""XPSR of a processor that handles no exception."""


@dataclass(frozen=True)
class Entry:
    """The first two words of a vector table.

    Attributes:
        stack: Stack pointer.
        reset: Address of the reset handler, with the Thumb bit.
    """

    stack: int
    reset: int

    @property
    def pc(self) -> int:
        """Address of the reset handler's first instruction."""
        return self.reset & ~1


@dataclass(frozen=True)
class FlashRequest:
    """What to do.

    Attributes:
        target: The board.
        image: What to program.
        probe: Serial number of the debug probe, or for gdb ``[SERVER@]HOST:PORT``.
        verify: Compare the flash with the image afterwards.
        reset: Start the new image afterwards.
    """

    target: Target
    image: FlashImage
    probe: str | None = None
    verify: bool = True
    reset: bool = True

    @property
    def base(self) -> int:
        """Address of the raw image, which begins with the vector table."""
        return self.target.mcu.region_for("code").origin

    @property
    def loads_ram(self) -> bool:
        """Whether the image goes to RAM: it is started by hand, as a reset leads elsewhere."""
        return self.target.mcu.region_for("code").loaded

    def entry(self) -> Entry:
        """What the processor would take from the vector table."""
        return Entry(*struct.unpack("<II", self.image.bin.read_bytes()[:8].ljust(8, b"\0")))


@dataclass(frozen=True)
class Capabilities:
    """What a tool can be asked for.

    Attributes:
        probe: Choosing one of several probes.
        skip_verify: Leaving out the comparison.
        skip_reset: Leaving the chip stopped.
        identify: Reading the chip's identity before anything is written.
    """

    probe: bool = True
    skip_verify: bool = True
    skip_reset: bool = True
    identify: bool = True


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        title: What it does, for people.
        argv: Program and arguments; :data:`WORK` stands for the folder with ``files``.
        files: Name -> content of files the command reads.
        identifies: Its output holds the chip's identity.
    """

    title: str
    argv: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    identifies: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {"title": self.title, "argv": list(self.argv), "files": dict(self.files)}


@dataclass(frozen=True)
class FlashReport:
    """What was done.

    Attributes:
        runner: Name of the runner.
        steps: The commands.
        dry_run: Nothing was executed.
        identified: The chip was checked before writing.
        verified: The flash was compared with the image.
        reset: The new image was started.
    """

    runner: str
    steps: tuple[Step, ...]
    dry_run: bool
    identified: bool
    verified: bool
    reset: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "runner": self.runner,
            "steps": [step.to_json() for step in self.steps],
            "dry_run": self.dry_run,
            "identified": self.identified,
            "verified": self.verified,
            "reset": self.reset,
        }


Execute = Callable[[Sequence[str]], process.CompletedProcess]


class FlashRunner(ABC):
    """A flash tool."""

    name: ClassVar[str]
    tools: ClassVar[tuple[str, ...]]
    capabilities: ClassVar[Capabilities] = Capabilities()
    patterns: ClassVar[Sequence[tuple[Failure, str]]]
    """Failure and regular expression, the first that matches decides."""

    success: ClassVar[Sequence[str]] = ()
    """Regular expressions of which the output of a writing step must match one."""

    @abstractmethod
    def unsupported(self, target: Target) -> str:
        """Why the tool cannot program a target, empty if it can."""

    @abstractmethod
    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """The commands that fulfil a request.

        Raises:
            FlashError: The request asks for something the tool cannot do.
        """

    def available(self) -> bool:
        """Whether the tool is installed."""
        return all(process.which(tool) for tool in self.tools)

    def install_hint(self) -> str:
        """How to install what is needed."""
        missing = [tool for tool in self.tools if process.which(tool) is None] or self.tools
        return f"{self.name} ({', '.join(process.install_hint(tool) for tool in missing)})"

    def chip_id(self, output: str, request: FlashRequest) -> int | None:
        """The identity word in the output of an identifying step, ``None`` if there is none."""
        device = request.target.mcu.debug.device_id
        if device is None:
            return None
        found = re.search(
            rf"0?x?{device.address:08x}[^:=\n]*[:=]\s*(?:0x)?([0-9a-f]{{8}})", output, re.I
        )
        return int(found[1], 16) if found else None

    def flash(
        self, request: FlashRequest, *, dry_run: bool = False, execute: Execute | None = None
    ) -> FlashReport:
        """Program the board.

        Args:
            request: What to do.
            dry_run: Only return the commands.
            execute: Runs a command and returns its output, for tests; never raises for a status.

        Raises:
            FlashError: Anything failed; ``failure`` says what.
            ToolNotFoundError: The tool is not installed.
        """
        self._check(request)
        steps = self.steps(request)
        if not dry_run:
            self.perform(request, steps, execute or _execute)
        return FlashReport(
            runner=self.name,
            steps=steps,
            dry_run=dry_run,
            identified=any(step.identifies for step in steps) and not dry_run,
            verified=(request.verify or not self.capabilities.skip_verify) and not dry_run,
            reset=request.reset and not dry_run,
        )

    def perform(self, request: FlashRequest, steps: Sequence[Step], execute: Execute) -> None:
        """Do what a request asks for.

        Args:
            request: What to do.
            steps: The commands that fulfil it.
            execute: Runs one of them.

        Raises:
            FlashError: Anything failed; ``failure`` says what.
            ToolNotFoundError: The tool is not installed.
        """
        for tool in self.tools:
            process.find_tool(tool, what=f"program {request.target.name}")
        for step in steps:
            self._run(step, request, execute)

    def hint(self, failure: Failure, target: Target) -> str:
        """What to do about a failure."""
        return _HINTS.get(failure, "run again with -v to see the command")

    def diagnose(self, output: str) -> Failure | None:
        """The failure that the output of the tool describes."""
        for failure, pattern in self.patterns:
            if re.search(pattern, output, re.I | re.M):
                return failure
        return None

    def _check(self, request: FlashRequest) -> None:
        reason = self.unsupported(request.target)
        if reason:
            raise FlashError(
                Failure.UNSUPPORTED, f"{self.name} cannot program {request.target.name}: {reason}"
            )
        for path in (request.image.elf, request.image.bin, request.image.hex):
            if not path.is_file():
                raise FlashError(
                    Failure.OTHER, f"the image {path.name} is missing", hint="build the project"
                )
        wishes = (
            (request.probe is None or self.capabilities.probe, "choose a probe"),
            (request.verify or self.capabilities.skip_verify, "leave out the verification"),
            (request.reset or self.capabilities.skip_reset, "leave out the reset"),
        )
        for possible, wish in wishes:
            if not possible:
                raise FlashError(
                    Failure.UNSUPPORTED,
                    f"{self.name} cannot {wish}",
                    hint="use another runner: --runner openocd",
                )

    def _run(self, step: Step, request: FlashRequest, execute: Execute) -> None:
        with tempfile.TemporaryDirectory(prefix="imse-mcu-flash-") as work:
            for name, content in step.files.items():
                (Path(work) / name).write_text(content, encoding="utf-8")
            argv = [argument.replace(WORK, work) for argument in step.argv]
            result = execute(argv)
        output = f"{result.stdout}\n{result.stderr}"
        failure = self.diagnose(output)
        if failure is None and step.identifies:
            self._check_chip(output, request)
        if failure is None and result.returncode != 0:
            failure = Failure.OTHER
        writes = not step.identifies and self.success
        if failure is None and writes and not any(re.search(p, output) for p in self.success):
            failure = Failure.OTHER
        if failure is not None:
            said = _evidence(output, self.patterns)
            message = failure_message(self.name, step.title, request.target, failure, said)
            raise FlashError(failure, message, hint=self.hint(failure, request.target))

    def _check_chip(self, output: str, request: FlashRequest) -> None:
        word = self.chip_id(output, request)
        if word is None:
            raise FlashError(
                Failure.NO_TARGET,
                f"{self.name} could not identify the chip on {request.target.name}: "
                f"{_evidence(output, self.patterns)}",
            )
        self.compare_chip(word, request)

    @staticmethod
    def compare_chip(word: int, request: FlashRequest) -> None:
        """Compare the identity word of the connected chip with the target's.

        Raises:
            FlashError: It is another chip.
        """
        target = request.target
        device = target.mcu.debug.device_id
        if device is not None and not device.matches(word):
            raise FlashError(
                Failure.WRONG_CHIP,
                f"the connected chip has identity 0x{word & device.mask:x}, "
                f"expected 0x{device.value:x} ({target.mcu.title}); nothing was written",
            )


_MEANINGS: Mapping[Failure, str] = {
    Failure.NO_TOOL: "the tool is missing",
    Failure.UNSUPPORTED: "the tool does not know this chip",
    Failure.NO_PROBE: "no debug probe was found",
    Failure.SEVERAL_PROBES: "several debug probes are connected",
    Failure.PROBE_ACCESS: "the debug probe cannot be opened",
    Failure.NO_TARGET: "the probe gets no answer from the chip",
    Failure.WRONG_CHIP: "another chip is connected",
    Failure.LOCKED: "the flash is locked",
    Failure.VERIFY: "the flash differs from the image after writing",
    Failure.OTHER: "the tool failed",
}


def failure_message(runner: str, doing: str, target: Target, failure: Failure, said: str) -> str:
    """One line on what failed.

    Args:
        runner: Name of the runner.
        doing: What it was doing: ``program``.
        target: The board.
        failure: Which kind of failure.
        said: What the tool said.
    """
    return f"{runner} could not {doing} {target.name}: {_MEANINGS[failure]} ({said})"


def _evidence(output: str, patterns: Sequence[tuple[Failure, str]]) -> str:
    """The line of the output that says most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for _, pattern in patterns:
        for line in lines:
            if re.search(pattern, line, re.I):
                return line
    errors = [line for line in lines if re.search(r"\b(error|fail)", line, re.I)]
    return (errors or lines[-1:] or ["it printed nothing"])[0]


def _execute(argv: Sequence[str]) -> process.CompletedProcess:
    return process.run(argv, what="program the board", timeout_s=STEP_TIMEOUT_S, check=False)
