"""ST's STM32CubeProgrammer."""

from __future__ import annotations

import re
from typing import ClassVar

from targets.model import Target
from targets.runners.base import Failure, FlashRequest, FlashRunner, Step


class CubeProgrammerRunner(FlashRunner):
    """STM32_Programmer_CLI over SWD, connecting under reset.

    A chip without flash waits in its boot ROM, which has opened the debug port of the processor:
    there the tool joins the running chip, and starts the image at its vector table.
    """

    name: ClassVar[str] = "stm32cubeprogrammer"
    tools: ClassVar[tuple[str, ...]] = ("STM32_Programmer_CLI",)
    patterns = (
        (Failure.NO_PROBE, r"No (debug probe|ST-?LINK) detected|ST-?LINK .*not found|Wrong SN"),
        (Failure.SEVERAL_PROBES, r"(several|multiple|more than one) .*ST-?LINK"),
        (Failure.PROBE_ACCESS, r"DEV_USB_COMM_ERR|DEV_CONNECT_ERR|already (in use|opened)"),
        (
            Failure.LOCKED,
            r"read[- ]?out protection|RDP .*(activ|level 1|level 2)|write[- ]?protect"
            r"|may be not erased or protected|failed to erase memory|Data read failed"
            r"|verify flash protection",
        ),
        (Failure.VERIFY, r"Data mismatch|verification failed|Verify .*fail"),
        (Failure.WRONG_CHIP, r"device .* not supported|Unknown device|wrong device"),
        (
            Failure.NO_TARGET,
            r"No STM32 target found|Unable to (get core|connect)|target .*not resp"
            r"|DEV_TARGET_CMD_ERR",
        ),
        (Failure.OTHER, r"^\s*Error:"),
    )
    success = (r"File download complete",)

    def unsupported(self, target: Target) -> str:
        """Only ST's chips."""
        return "" if target.mcu.debug.stm32 else "STM32CubeProgrammer programs STM32 only"

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """Identify, then write, verify and start in one go."""
        mode = ("mode=HOTPLUG", "ap=1") if request.loads_ram else ("mode=UR",)
        connect = ["STM32_Programmer_CLI", "-c", "port=SWD", *mode]
        if request.probe:
            connect.append(f"sn={request.probe}")
        steps = []
        if request.target.mcu.debug.device_id is not None:
            steps.append(Step("identify the chip on", tuple(connect), identifies=True))
        write = [*connect, "-w", str(request.image.hex)]
        write += ["-v"] if request.verify else []
        start = ["--start", f"0x{request.base:08x}"] if request.loads_ram else ["-rst"]
        write += start if request.reset else []
        steps.append(Step("program", tuple(write)))
        return tuple(steps)

    def chip_id(self, output: str, request: FlashRequest) -> int | None:
        """The tool prints the device id, not the register."""
        found = re.search(r"Device ID\s*:\s*0x([0-9a-f]+)", output, re.I)
        return int(found[1], 16) if found else None
