"""st-flash of the open source stlink tools."""

from __future__ import annotations

import re
from typing import ClassVar

from targets.model import Target
from targets.runners.base import Capabilities, Failure, FlashError, FlashRequest, FlashRunner, Step


class StlinkRunner(FlashRunner):
    """st-flash; it always verifies, and identifies the chip with st-info."""

    name: ClassVar[str] = "stlink"
    tools: ClassVar[tuple[str, ...]] = ("st-flash", "st-info")
    capabilities: ClassVar[Capabilities] = Capabilities(skip_verify=False)
    patterns = (
        (
            Failure.NO_PROBE,
            r"Couldn't find any ST-Link|Found 0 stlink programmers",
        ),
        (
            Failure.PROBE_ACCESS,
            r"(Could not|Failed to) open USB device|unable to claim|LIBUSB_ERROR_(ACCESS|BUSY)",
        ),
        (Failure.WRONG_CHIP, r"unknown chip id"),
        (Failure.LOCKED, r"write protected|unlock flash|unlock failed|pecr\.p\w+lock not clear"),
        (Failure.VERIFY, r"verification of flash failed"),
        (
            Failure.NO_TARGET,
            r"Failed to (connect to target|enter SWD|halt the core)|Can ?not connect to target"
            r"|NRST is not connected|chip ?id:\s+0x000\b",
        ),
        (Failure.OTHER, r"stlink_\w+\(\) == -1|\bERROR\b"),
    )
    success = (r"Flash written and verified",)

    def unsupported(self, target: Target) -> str:
        """Only ST's chips, and their flash."""
        if not target.mcu.debug.stm32:
            return "st-flash programs STM32 only"
        if target.mcu.region_for("code").loaded:
            return "st-flash writes flash, and this image goes to RAM"
        return ""

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """Identify, then write (which verifies) and reset."""
        steps = []
        if request.target.mcu.debug.device_id is not None:
            argv = ("st-info", "--probe", "--connect-under-reset")
            steps.append(Step("identify the chip on", argv, identifies=True))
        write = ["st-flash", "--connect-under-reset"]
        if request.probe:
            write += ["--serial", request.probe]
        if request.reset:
            write += ["--reset"]
        write += ["write", str(request.image.bin), f"0x{request.base:08x}"]
        steps.append(Step("program", tuple(write)))
        return tuple(steps)

    def chip_id(self, output: str, request: FlashRequest) -> int | None:
        """The device id that st-info prints for the probe.

        Raises:
            FlashError: Several probes are connected and none was chosen, or it is not there.
        """
        probes = re.split(r"^\s*version:", output, flags=re.I | re.M)[1:]
        if request.probe:
            wanted = request.probe.lower()
            probes = [p for p in probes if re.search(rf"serial:\s*{re.escape(wanted)}\b", p, re.I)]
            if not probes:
                raise FlashError(
                    Failure.NO_PROBE, f"stlink found no debug probe with serial {request.probe}"
                )
        if len(probes) > 1:
            raise FlashError(Failure.SEVERAL_PROBES, "stlink found several debug probes")
        found = re.search(r"chip-?id:\s+0x([0-9a-f]+)", "".join(probes), re.I)
        return int(found[1], 16) if found else None
