"""What is installed, what is missing, what it is for and how to get it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from dataclasses import asdict, dataclass
from typing import Any, Literal

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.process import install_hint, run, which

Status = Literal["ok", "missing", "broken"]

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*(?:[-.\w]*\d)?")
_PYTHON_MINIMUM = (3, 11)


@dataclass(frozen=True)
class ToolSpec:
    """A program or Python package that imse-mcu can use.

    Attributes:
        name: Program or distribution name.
        purpose: What it is for.
        required: Whether building and running on the emulator need it.
        extra: For Python packages, the extra of imse-mcu that brings it.
    """

    name: str
    purpose: str
    required: bool
    extra: str = ""


PROGRAMS = (
    ToolSpec("arm-none-eabi-gcc", "compiles the firmware", required=True),
    ToolSpec("cmake", "configures the firmware project", required=True),
    ToolSpec("ninja", "builds the firmware project", required=True),
    ToolSpec("arm-none-eabi-g++", "compiles the TFLM runtime", required=False),
    ToolSpec("gcc", "compiles networks for this machine (--engine aot)", required=False),
    ToolSpec("qemu-system-arm", "runs images for the QEMU boards", required=False),
    ToolSpec("gdb-multiarch", "flashes through a GDB server", required=False),
    ToolSpec("openocd", "flashes boards", required=False),
    ToolSpec("st-flash", "flashes ST boards", required=False),
    ToolSpec("STM32_Programmer_CLI", "flashes ST boards", required=False),
    ToolSpec("JLinkExe", "flashes boards through a J-Link", required=False),
)

PACKAGES = (
    ToolSpec("tensorflow", "builds and trains models", required=True),
    ToolSpec("ethos-u-vela", "estimates models on an Ethos-U", required=False, extra="ethos-u"),
    ToolSpec("tf-keras", "builds and trains models", required=True),
    ToolSpec("tflite-micro", "reference interpreter for int8 models", required=True),
    ToolSpec("ai-edge-litert", "reads and writes .tflite files", required=True),
    ToolSpec("unicorn", "runs the built image", required=True),
    ToolSpec("numpy", "arithmetic", required=True),
    ToolSpec("soundfile", "reads recordings", required=True),
    ToolSpec("soxr", "resamples recordings", required=True),
    ToolSpec("pesq", "speech quality metric", required=True),
    ToolSpec("pystoi", "speech intelligibility metric", required=True),
    ToolSpec("pyserial", "talks to a board over its UART", required=False, extra="serial"),
    ToolSpec("pyocd", "flashes boards", required=False, extra="pyocd"),
    ToolSpec("torch", "trains on GPUs", required=False, extra="torch"),
)


@dataclass(frozen=True)
class Finding:
    """The state of one tool on this machine.

    Attributes:
        name: Program or package.
        kind: ``program``, ``package`` or ``python``.
        purpose: What it is for.
        required: Whether building and running on the emulator need it.
        status: ``ok``, ``missing`` or ``broken``.
        version: Its version, empty when unknown.
        hint: How to get it, empty when it is there.
    """

    name: str
    kind: str
    purpose: str
    required: bool
    status: Status
    version: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        """Returns the finding as plain data."""
        return asdict(self)


def examine() -> tuple[Finding, ...]:
    """Looks at Python, every package and every program.

    Returns:
        One finding each, required ones first within their kind.
    """
    return (
        _python(),
        *(_package(spec) for spec in PACKAGES),
        *(_program(spec) for spec in PROGRAMS),
    )


def package_version(name: str) -> str:
    """Returns the version of an installed distribution, empty when it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def program_version(name: str) -> str:
    """Returns the version that a program prints, empty when it is missing or prints none."""
    if which(name) is None:
        return ""
    try:
        done = run([name, "--version"], what=f"ask {name} for its version", timeout_s=20)
    except ImseMcuError:
        return ""
    first = next(iter((done.stdout + done.stderr).strip().splitlines()), "")
    plain = re.sub(r"\([^)]*\)", "", first)
    found = _VERSION.search(plain) or _VERSION.search(first)
    return found.group() if found else ""


def _python() -> Finding:
    good = sys.version_info >= _PYTHON_MINIMUM
    return Finding(
        name="python",
        kind="python",
        purpose="runs imse-mcu",
        required=True,
        status="ok" if good else "broken",
        version=platform.python_version(),
        hint="" if good else "install Python 3.11 or newer",
    )


def _package(spec: ToolSpec) -> Finding:
    version = package_version(spec.name)
    source = f"'imse-mcu[{spec.extra}]'" if spec.extra else spec.name
    return Finding(
        name=spec.name,
        kind="package",
        purpose=spec.purpose,
        required=spec.required,
        status="ok" if version else "missing",
        version=version,
        hint="" if version else f"install it with: pip install {source}",
    )


def _program(spec: ToolSpec) -> Finding:
    there = which(spec.name) is not None
    version = program_version(spec.name)
    hint = "" if there else install_hint(spec.name)
    return Finding(
        name=spec.name,
        kind="program",
        purpose=spec.purpose,
        required=spec.required,
        status="ok" if there else "missing",
        version=version,
        hint=hint,
    )
