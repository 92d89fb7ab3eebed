"""``imse-mcu targets``: the targets that firmware can be built for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.core.text import size, table

if TYPE_CHECKING:
    from targets.model import Target


@click.command(
    "targets",
    epilog="Examples:\n\n  imse-mcu targets\n\n  imse-mcu targets stm32h7 --json",
)
@click.argument("name", required=False)
@common_options
def command(session: Session, name: str | None) -> None:
    """List the targets, or show one with its memory map and the source of every figure."""
    from firmware_gen.platforms import platform_families
    from targets.loader import list_targets, load_target

    if name is not None:
        target = load_target(name)
        session.emit(_data(target), _details(target))
        return
    targets = list_targets()
    rows = [
        (
            t.name,
            ", ".join(t.aliases),
            t.mcu.core,
            f"{t.mcu.clock_hz / 1e6:g} MHz",
            size(t.mcu.flash_bytes),
            size(t.mcu.ram_bytes),
            "yes" if t.mcu.family in platform_families() else "plan only",
            _emulator(t, "{kind}"),
            t.title,
        )
        for t in targets
    ]
    header = ("name", "also", "core", "clock", "flash", "RAM", "firmware", "emulator", "board")
    session.emit([_data(t) for t in targets], table(header, rows, left=(0, 1, 2, 6, 7, 8)))


def _data(target: Target) -> dict[str, Any]:
    """Returns a target as plain data, with whether firmware can be built for it."""
    from firmware_gen.platforms import platform_families

    return {**target.to_json(), "firmware": target.mcu.family in platform_families()}


def _details(target: Target) -> str:
    """Describes one target for people."""
    mcu, board = target.mcu, target.board
    regions = [
        (r.name, f"0x{r.origin:08x}", size(r.size_bytes), r.kind, ", ".join(r.roles), r.source)
        for r in mcu.regions
    ]
    uart = board.uart
    pins = f" on {uart.tx_pin}/{uart.rx_pin}" if uart.tx_pin else ""
    caches = f"{size(mcu.icache_bytes)} I, {size(mcu.dcache_bytes)} D"
    emulator = _emulator(target, "{kind} ({machine})")
    speed = f"{mcu.macs_per_cycle.value:g} int8 MAC/cycle (model: {mcu.macs_per_cycle.source})"
    lines = [
        f"{target.name}: {target.title}",
        f"  also called   {', '.join(target.aliases) or 'nothing else'}",
        f"  processor     {mcu.title}, {mcu.core} at {mcu.clock_hz / 1e6:g} MHz, FPU {mcu.fpu}",
        f"  instructions  DSP {_yes(mcu.has_dsp)}, MVE {_yes(mcu.has_mve)}; caches {caches}",
        f"  speed         {speed}",
        f"  UART          {uart.peripheral}{pins}, {uart.baud} baud",
        f"  probe         {board.probe or 'none'}; emulator {emulator}",
        "",
        table(("region", "origin", "size", "kind", "holds", "source"), regions, left=(0, 3, 4, 5)),
    ]
    return "\n".join(lines)


def _emulator(target: Target, form: str) -> str:
    """Says what emulates a board, and whether it is that board."""
    emulator = target.board.emulator
    if emulator is None:
        return "none"
    text = form.format(kind=emulator.kind, machine=emulator.machine)
    return f"{text}, stand-in" if emulator.stand_in else text


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
