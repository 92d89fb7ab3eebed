"""SEGGER J-Link Commander."""

from __future__ import annotations

from typing import ClassVar

from targets.model import Target
from targets.runners.base import THUMB_XPSR, VTOR, WORK, Failure, FlashRequest, FlashRunner, Step

_SCRIPT = "commands.jlink"


class JlinkRunner(FlashRunner):
    """JLinkExe with a command file."""

    name: ClassVar[str] = "jlink"
    tools: ClassVar[tuple[str, ...]] = ("JLinkExe",)
    patterns = (
        (
            Failure.NO_PROBE,
            r"No emulators connected|Connecting to J-Link .*FAILED|Cannot connect to J-Link"
            r"|No J-Link .*found",
        ),
        (Failure.UNSUPPORTED, r"Unknown device|device .* not found in database"),
        (Failure.PROBE_ACCESS, r"J-Link .*(in use|already open)"),
        (
            Failure.LOCKED,
            r"(read|write)[- ]?protected|secured|Device is locked|protection .*active",
        ),
        (Failure.VERIFY, r"Verif\w+ failed|Data verification|mismatch"),
        (Failure.WRONG_CHIP, r"wrong (core|device)|Found .* expected|CPU-?ID mismatch"),
        (
            Failure.NO_TARGET,
            r"Cannot connect to target|Could not connect|VTref=0\.0|no device found",
        ),
        (
            Failure.OTHER,
            r"^\*{4,} Error|Failed to (open|download|prepare|erase|program)|Error while"
            r"|memory failed|returned with error code|Unspecified error",
        ),
    )

    def unsupported(self, target: Target) -> str:
        """A chip needs SEGGER's device name."""
        return "" if target.mcu.debug.jlink else "J-Link has no device name for it"

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """Identify, then load, compare and start."""
        steps = []
        device = request.target.mcu.debug.device_id
        if device is not None:
            script = [f"mem32 0x{device.address:08x} 1", "exit"]
            steps.append(self._step("identify the chip on", request, script, identifies=True))
        script = ["h"] if request.loads_ram else ["r", "h"]
        script.append(f'loadfile "{request.image.hex}"')
        if request.verify:
            script.append(f'verifybin "{request.image.bin}", 0x{request.base:08x}')
        if request.reset:
            script += [*_enter(request), "g"] if request.loads_ram else ["r", "g"]
        steps.append(self._step("program", request, [*script, "exit"]))
        return tuple(steps)

    @staticmethod
    def _step(
        title: str, request: FlashRequest, script: list[str], *, identifies: bool = False
    ) -> Step:
        argv = ["JLinkExe", "-NoGui", "1", "-ExitOnError", "1"]
        if request.probe:
            argv += ["-SelectEmuBySN", request.probe]
        argv += ["-Device", str(request.target.mcu.debug.jlink), "-If", "SWD", "-Speed", "4000"]
        argv += ["-AutoConnect", "1", "-CommandFile", f"{WORK}/{_SCRIPT}"]
        files = {_SCRIPT: "\n".join(script) + "\n"}
        return Step(title, tuple(argv), files, identifies)


def _enter(request: FlashRequest) -> list[str]:
    """Put the halted processor where a reset from the image's vector table would."""
    entry = request.entry()
    return [
        f"w4 0x{VTOR:08x}, 0x{request.base:08x}",
        f"wreg XPSR, 0x{THUMB_XPSR:08x}",
        f"wreg MSP, 0x{entry.stack:08x}",
        f"SetPC 0x{entry.pc:08x}",
    ]
