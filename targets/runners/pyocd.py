"""pyOCD: any CMSIS-DAP, ST-Link or J-Link probe."""

from __future__ import annotations

from typing import ClassVar

from targets.model import Target
from targets.runners.base import Failure, FlashRequest, FlashRunner, Step


class PyocdRunner(FlashRunner):
    """pyOCD's command line."""

    name: ClassVar[str] = "pyocd"
    tools: ClassVar[tuple[str, ...]] = ("pyocd",)
    patterns = (
        (Failure.NO_PROBE, r"No (connected|available) debug probes?\b"),
        (Failure.UNSUPPORTED, r"Target type .* not recognized"),
        (Failure.PROBE_ACCESS, r"Access denied|insufficient permissions|Resource busy|in use"),
        (Failure.LOCKED, r"is locked|readout protect|APPROTECT|security bit|flash.*protected"),
        (Failure.VERIFY, r"verif\w* fail|mismatch|differ"),
        (Failure.WRONG_CHIP, r"unexpected (IDCODE|DPIDR)|does not match the connected"),
        (Failure.NO_TARGET, r"No ACK|no target device|SWD/JTAG communication failure|STLink error"),
        (Failure.OTHER, r"^\d+ C(RITICAL)? |flash (erase|program) .*failure|Error:"),
    )

    def unsupported(self, target: Target) -> str:
        """A chip needs a pyOCD target type."""
        return "" if target.mcu.debug.pyocd else "pyOCD has no target type for it"

    def hint(self, failure: Failure, target: Target) -> str:
        """A missing chip comes with a pack."""
        if failure is Failure.UNSUPPORTED:
            return f"pyocd pack install {target.mcu.debug.pyocd}"
        return super().hint(failure, target)

    def steps(self, request: FlashRequest) -> tuple[Step, ...]:
        """Identify, load, compare, reset."""
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
        load = ("pyocd", "load", *common, "--no-reset", "--format", "hex", str(request.image.hex))
        steps.append(Step("program", load))
        if request.verify:
            compare = f"compare 0x{request.base:08x} '{request.image.bin}'"
            steps.append(Step("verify", ("pyocd", "commander", *common, "-c", compare)))
        if request.reset:
            steps.append(Step("reset", ("pyocd", "reset", *common)))
        return tuple(steps)
