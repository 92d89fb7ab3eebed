"""Boards whose core only an emulator of another board has: the image that runs in their place.

The image is made of the board's own objects in the board's own memory map. What the emulated
machine has not is exchanged: start-up of clocks, UART and cycle counter are those of the stand-in,
and memories where it has none lie elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

from targets.loader import load_target
from targets.model import Target


def emulated(target: Target) -> Target:
    """Returns the target whose image an emulator runs.

    Args:
        target: A target.

    Returns:
        The target itself where an emulator has its board; else the same core and memories on the
        stand-in's machine.

    Raises:
        TargetError: The stand-in is unknown.
    """
    emulator = target.board.emulator
    if emulator is None or emulator.stand_in is None:
        return target
    stand_in = load_target(emulator.stand_in.board)
    moved = emulator.stand_in.moved
    regions = tuple(
        replace(region, origin=moved.get(region.name, region.origin))
        for region in target.mcu.regions
    )
    mcu = replace(
        target.mcu,
        family=stand_in.mcu.family,
        clock_hz=stand_in.mcu.clock_hz,
        icache_bytes=stand_in.mcu.icache_bytes,
        dcache_bytes=stand_in.mcu.dcache_bytes,
        regions=regions,
    )
    board = replace(
        target.board,
        uart=stand_in.board.uart,
        oscillator=stand_in.board.oscillator,
        supply=stand_in.board.supply,
        audio=None,
    )
    return replace(target, mcu=mcu, board=board)
