"""GDB and any GDB server: OpenOCD, pyOCD, J-Link, or QEMU's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from imse_mcu.core import process
from targets.model import Target
from targets.runners.base import (
    THUMB_XPSR,
    VTOR,
    Failure,
    FlashError,
    FlashRequest,
    FlashRunner,
    Step,
)

DEFAULT_SERVER = "openocd@localhost:3333"
_DEBUGGERS = ("arm-none-eabi-gdb", "gdb-multiarch")


@dataclass(frozen=True)
class _Server:
    """What a kind of server calls things.

    Attributes:
        halt: Resets the chip and stops it at the reset vector.
        start: Resets it and lets it run.
        stop: Stops it where it is; a server without a command stops it for the debugger.
        go: Lets it go on; a server without a command does so when the debugger leaves.
    """

    halt: tuple[str, ...]
    start: tuple[str, ...]
    stop: tuple[str, ...] = ()
    go: tuple[str, ...] = ()


_SERVERS = {
    "openocd": _Server(
        ("monitor reset halt",), ("monitor reset run",), ("monitor halt",), ("monitor resume",)
    ),
    "pyocd": _Server(
        ("monitor reset halt",), ("monitor reset",), ("monitor halt",), ("monitor go",)
    ),
    "jlink": _Server(
        ("monitor reset", "monitor halt"),
        ("monitor reset", "monitor go"),
        ("monitor halt",),
        ("monitor go",),
    ),
    "qemu": _Server((), ("monitor system_reset",)),
}


class GdbRunner(FlashRunner):
    """Loads through a running GDB server, named by ``--probe [SERVER@]HOST:PORT``."""

    name: ClassVar[str] = "gdb"
    patterns = (
        (
            Failure.NO_PROBE,
            r"Connection (refused|timed out)|could not connect|No route to host|Name or service",
        ),
        (Failure.VERIFY, r"MIS-MATCHED"),
        (Failure.LOCKED, r"protected|locked|security bit"),
        (
            Failure.NO_TARGET,
            r"Remote connection closed|Cannot access memory|target not halted|Target not examined",
        ),
        (Failure.OTHER, r"Load failed|Error (erasing|writing|finishing)|No such file|You can't do"),
    )
    success = (r"Transfer rate:",)

    @property
    def tools(self) -> tuple[str, ...]:  # type: ignore[override]
        """The debugger that is installed."""
        found = [name for name in _DEBUGGERS if process.which(name)]
        return (found[0] if found else _DEBUGGERS[-1],)

    def unsupported(self, target: Target) -> str:
        """GDB loads into whatever its server can write."""
        return ""

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """Identify, then load, compare and start in one session."""
        kind, address = _parse(request.probe or DEFAULT_SERVER)
        server = _SERVERS[kind]
        tool = self.tools[0]
        steps = []
        device = request.target.mcu.debug.device_id
        if device is not None:
            commands = (f"x/1xw 0x{device.address:08x}",)
            argv = _argv(tool, address, commands, None)
            steps.append(Step("identify the chip on", argv, identifies=True))
        load: list[str] = [*(server.stop if request.loads_ram else server.halt), "load"]
        load += ["compare-sections"] if request.verify else []
        if request.reset:
            load += [*_enter(request), *server.go] if request.loads_ram else server.start
        argv = _argv(tool, address, load, str(request.image.elf))
        steps.append(Step("program", argv))
        return tuple(steps)


def _enter(request: FlashRequest) -> list[str]:
    """Put the halted processor where a reset from the image's vector table would."""
    table = f"*(unsigned int*)0x{request.base:08x}"
    entry = f"*(unsigned int*)0x{request.base + 4:08x}"
    return [
        f"set *(unsigned int*)0x{VTOR:08x} = 0x{request.base:08x}",
        f"set $xpsr = 0x{THUMB_XPSR:08x}",
        f"set $sp = {table}",
        f"set $pc = {entry} & ~1u",
    ]


def _argv(
    tool: str, address: str, commands: tuple[str, ...] | list[str], elf: str | None
) -> tuple[str, ...]:
    script = ["set confirm off", "set pagination off", "set tcp connect-timeout 5"]
    script += [f"target extended-remote {address}", *commands, "detach"]
    argv = [tool, "-nx", "-batch"]
    for command in script:
        argv += ["-ex", command]
    return (*argv, elf) if elf else tuple(argv)


def _parse(probe: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:(\w+)@)?([\w.\-]*:\d+)", probe)
    kind = (found[1] or "openocd") if found else ""
    if not found or kind not in _SERVERS:
        raise FlashError(
            Failure.OTHER,
            f"{probe!r} is no GDB server, expected [SERVER@]HOST:PORT",
            hint=f"SERVER is one of {', '.join(_SERVERS)}; for example {DEFAULT_SERVER}",
        )
    return kind, found[2]
