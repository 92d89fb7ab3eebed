"""OpenOCD."""

from __future__ import annotations

from typing import ClassVar

from targets.model import Target
from targets.runners.base import Failure, FlashError, FlashRequest, FlashRunner, Step

_INTERFACES = {
    "stlink": ("-f", "interface/stlink.cfg"),
    "cmsis-dap": ("-f", "interface/cmsis-dap.cfg"),
    # OpenOCD takes JTAG of a J-Link if it is not told; boards connect SWD.
    "jlink": ("-f", "interface/jlink.cfg", "-c", "transport select swd"),
}


class OpenocdRunner(FlashRunner):
    """OpenOCD with the board's configuration, or the probe's and the chip's."""

    name: ClassVar[str] = "openocd"
    tools: ClassVar[tuple[str, ...]] = ("openocd",)
    patterns = (
        (
            Failure.PROBE_ACCESS,
            r"LIBUSB_ERROR_(ACCESS|BUSY)|Permission denied|libusb_open\(\) fail",
        ),
        (
            Failure.NO_PROBE,
            r"open failed|unable to find a matching CMSIS-DAP|No J-Link device found"
            r"|No device matches the serial|doesn't match requested serial",
        ),
        (Failure.SEVERAL_PROBES, r"multiple devices found"),
        (Failure.WRONG_CHIP, r"UNEXPECTED idcode|[Cc]annot identify target|expected 1 of 1"),
        (
            Failure.LOCKED,
            r"WRPERR|protection violated|flash not unlocked|flash is (secure )?locked"
            r"|device (is )?(protected|locked|secured)|read protect|sector %?\w+ is protected"
            r"|failed to unlock|check protection",
        ),
        (Failure.VERIFY, r"Verify Failed|checksum mismatch|diff \d+ address"),
        (
            Failure.NO_TARGET,
            r"unable to connect to the target|init mode failed|Error connecting DP|cannot read IDR"
            r"|not examined|JTAG scan chain interrogation failed|all (ones|zeroes)"
            r"|target not halted|voltage too low",
        ),
        (Failure.OTHER, r"Can't find (board|target|interface)/|\*\* \w+ Failed \*\*"),
    )
    success = (r"\*\* Programming Finished \*\*",)

    def unsupported(self, target: Target) -> str:
        """A board needs its own configuration, or its chip and a known probe."""
        if target.mcu.region_for("code").loaded:
            return "its program command writes flash, and this image goes to RAM"
        if target.board.openocd:
            return ""
        if target.mcu.debug.openocd and target.board.probe in _INTERFACES:
            return ""
        return "OpenOCD has no configuration for it"

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """Identify, then program, verify and reset in one go."""
        target = request.target
        image = str(request.image.elf)
        if set("{}\\") & set(image):
            raise FlashError(
                Failure.OTHER,
                f"OpenOCD cannot read a path with braces or backslashes: {image}",
                hint="build into another folder, or use another runner",
            )
        argv = ["openocd"]
        if target.board.openocd:
            argv += ["-f", target.board.openocd]
        else:
            argv += _INTERFACES[str(target.board.probe)]
            argv += ["-f", str(target.mcu.debug.openocd)]
        if request.probe:
            argv += ["-c", f"adapter serial {{{request.probe}}}"]
        steps = []
        device = target.mcu.debug.device_id
        if device is not None:
            read = ("-c", "init", "-c", f"mdw 0x{device.address:08x}", "-c", "shutdown")
            steps.append(Step("identify the chip on", (*argv, *read), identifies=True))
        words = ["program", f"{{{image}}}"]
        words += ["verify"] if request.verify else []
        words += ["reset"] if request.reset else []
        steps.append(Step("program", (*argv, "-c", " ".join([*words, "exit"]))))
        return tuple(steps)
