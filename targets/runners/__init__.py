"""Tools that program a board, behind one interface."""

from __future__ import annotations

from imse_mcu.core.registry import Registry
from targets.model import Target
from targets.runners.base import (
    Capabilities,
    Failure,
    FlashError,
    FlashImage,
    FlashReport,
    FlashRequest,
    FlashRunner,
    Step,
)

RUNNERS: Registry[type[FlashRunner]] = Registry("flash runner")
RUNNERS.register("pyocd", "targets.runners.pyocd:PyocdRunner", summary="pyOCD, any CMSIS-DAP probe")
RUNNERS.register("openocd", "targets.runners.openocd:OpenocdRunner", summary="OpenOCD")
RUNNERS.register(
    "stlink", "targets.runners.stlink:StlinkRunner", summary="st-flash of stlink-tools"
)
RUNNERS.register(
    "stm32cubeprogrammer",
    "targets.runners.stm32cubeprogrammer:CubeProgrammerRunner",
    summary="ST's STM32CubeProgrammer",
)
RUNNERS.register("jlink", "targets.runners.jlink:JlinkRunner", summary="SEGGER J-Link Commander")
RUNNERS.register("gdb", "targets.runners.gdb:GdbRunner", summary="GDB and any GDB server")

_PREFERENCE = {
    "stlink": ("stm32cubeprogrammer", "openocd", "stlink", "pyocd"),
    "jlink": ("jlink", "pyocd", "openocd"),
    "cmsis-dap": ("pyocd", "openocd"),
}
_DEFAULT_PREFERENCE = ("pyocd", "openocd", "jlink")
_VENDOR_TOOLS = {"alif_e7": "security toolkit (SETOOLS)"}
"""Chip family -> what writes its memory where none of the runners does."""


def _without_tool(target: Target) -> str:
    """What to do with a board that no flash tool knows."""
    emulator = target.board.emulator
    if emulator is not None and emulator.kind == "qemu" and emulator.stand_in is None:
        return "it is an emulated board, which needs no flashing: imse-mcu run --on emulator"
    vendor = _VENDOR_TOOLS.get(target.mcu.family)
    first = f"use the vendor's {vendor}, or " if vendor else ""
    return f"{first}load it with --runner gdb through a GDB server that can write its memory"


def choose_runner(target: Target, name: str | None = None) -> FlashRunner:
    """The runner of a name, or the best one installed for the target's probe.

    Args:
        target: The board to program.
        name: A name in :data:`RUNNERS`, ``None`` to choose.

    Raises:
        UnknownNameError: No runner has the name.
        FlashError: The named runner does not know the board, or none for it is installed.
    """
    if name is not None:
        runner = RUNNERS.get(name)()
        reason = runner.unsupported(target)
        if reason:
            raise FlashError(Failure.UNSUPPORTED, f"{name} cannot program {target.name}: {reason}")
        return runner
    preference = _PREFERENCE.get(target.board.probe or "", _DEFAULT_PREFERENCE)
    candidates = [RUNNERS.get(candidate)() for candidate in preference]
    able = [runner for runner in candidates if not runner.unsupported(target)]
    if not able:
        raise FlashError(
            Failure.UNSUPPORTED,
            f"no flash tool knows {target.name}",
            hint=_without_tool(target),
        )
    for runner in able:
        if runner.available():
            return runner
    options = "; ".join(runner.install_hint() for runner in able)
    raise FlashError(
        Failure.NO_TOOL, f"no tool to program {target.name} is installed", hint=f"one of: {options}"
    )


__all__ = [
    "RUNNERS",
    "Capabilities",
    "Failure",
    "FlashError",
    "FlashImage",
    "FlashReport",
    "FlashRequest",
    "FlashRunner",
    "Step",
    "choose_runner",
]
