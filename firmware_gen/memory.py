"""Does it fit? Which memory takes what, before compiling from estimates and after it for real."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware_gen.backends.base import BackendMemory
from firmware_gen.errors import FirmwareError, ModelTooBigError
from firmware_gen.options import FirmwareOptions
from firmware_gen.platforms import uart_dma_bytes
from targets.model import MemoryRegion, RegionKind, Target

GUARD_BYTES = 256
"""Inaccessible bytes below the stack; as the platform code, a power of two."""

FIRMWARE_CODE_BYTES = 14 * 1024
"""Flash of start-up, platform, protocol, front end and C library, without the network."""

FIRMWARE_BUFFER_BYTES = 8448
"""RAM of the frame buffers and the front end's state (section ``.bss.imse_buffers``)."""

_SEGMENT_FRONTEND_BYTES = 4 * (2 * 255 + 510 + 2 * 256 + 2 * 510)
_SEGMENT_LINK_BYTES = 1280
_SEGMENT_HOP = 100

FIRMWARE_DATA_BYTES = 1024
"""RAM of all other variables of the firmware."""

I2S_DMA_BYTES = 2 * 2 * 256 * 2 * 4
"""Microphone and DAC, two halves each of a hop of stereo words (section ``.bss.imse_dma``)."""

I2S_BUFFER_BYTES = 2 * 256 * 2
"""A hop of samples in and out, more than ``FIRMWARE_BUFFER_BYTES``."""

FIRMWARE_STACK_BYTES = 640
"""Deepest stack of the firmware without the network, an interrupt frame included."""


@dataclass(frozen=True)
class MemoryItem:
    """Something that must be placed in one memory.

    Attributes:
        name: ``code``, ``weights``, ``weights_image`` (what start-up copies), ``stack``,
            ``arena``, ``buffers``, ``state``, ``data``, ``dma`` or ``hot_code``.
        size_bytes: Size in bytes.
        kind: Kind of memory it needs.
        roles: Roles of the regions that may take it, preferred first.
        optional: Whether it does without a place of its own where there is none.
    """

    name: str
    size_bytes: int
    kind: RegionKind
    roles: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class RegionUse:
    """What a memory region holds.

    Attributes:
        region: Name of the region.
        kind: ``flash`` or ``ram``.
        size_bytes: Its size.
        items: Item name -> bytes.
    """

    region: str
    kind: str
    size_bytes: int
    items: Mapping[str, int]

    @property
    def used_bytes(self) -> int:
        """Bytes taken."""
        return sum(self.items.values())

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "region": self.region,
            "kind": self.kind,
            "size_bytes": self.size_bytes,
            "used_bytes": self.used_bytes,
            "items": dict(self.items),
        }


@dataclass(frozen=True)
class RegionPlan:
    """Which region everything goes to.

    Attributes:
        places: Item name -> name of its region.
        regions: Use of each region of the target, in the target's order.
    """

    places: Mapping[str, str]
    regions: tuple[RegionUse, ...]

    @property
    def flash_bytes(self) -> int:
        """Flash taken."""
        return sum(use.used_bytes for use in self.regions if use.kind == "flash")

    @property
    def ram_bytes(self) -> int:
        """RAM taken."""
        return sum(use.used_bytes for use in self.regions if use.kind == "ram")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "places": dict(sorted(self.places.items())),
            "regions": [use.to_json() for use in self.regions],
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
        }


def segment_buffer_bytes(frames: int, tensor_bytes: int) -> int:
    """RAM of the buffers of firmware for whole segments (section ``.bss.imse_buffers``).

    Args:
        frames: Frames of a segment.
        tensor_bytes: Bytes of features, mask and phase of a frame.
    """
    samples = 2 * 2 * _SEGMENT_HOP * (frames - 1)
    tensors = tensor_bytes * frames
    return samples + tensors + _SEGMENT_FRONTEND_BYTES + _SEGMENT_LINK_BYTES


def memory_items(
    memory: BackendMemory,
    options: FirmwareOptions,
    buffer_bytes: int = FIRMWARE_BUFFER_BYTES,
    dma_bytes: int = 0,
) -> tuple[MemoryItem, ...]:
    """Everything that needs a place, in the order in which places are given out.

    The arena is read and written most, so it gets the fastest memory that takes it whole. Code
    that runs in every frame goes to tightly coupled memory where there is enough; flash holds a
    copy of it.
    """
    weights = [MemoryItem("weights", memory.weights_bytes, "flash", ("weights",))]
    if options.weights_in == "ram":
        weights = [
            MemoryItem("weights_image", memory.weights_bytes, "flash", ("weights",)),
            MemoryItem("weights", memory.weights_bytes, "ram", ("hot", "arena", "data")),
        ]
    if options.app == "i2s":
        buffer_bytes += I2S_BUFFER_BYTES
        dma_bytes += I2S_DMA_BYTES
    dma = [MemoryItem("dma", dma_bytes, "ram", ("dma", "data"))] if dma_bytes else []
    hot_code = []
    if memory.hot_code_bytes:
        hot_code = [MemoryItem("hot_code", memory.hot_code_bytes, "ram", ("hot_code",), True)]
    return (
        MemoryItem("code", FIRMWARE_CODE_BYTES + memory.code_bytes, "flash", ("code",)),
        MemoryItem("stack", options.stack_bytes + GUARD_BYTES, "ram", ("stack",)),
        MemoryItem("arena", memory.arena_bytes, "ram", ("hot", "arena")),
        MemoryItem("buffers", buffer_bytes, "ram", ("hot", "data", "arena")),
        MemoryItem("state", memory.state_bytes, "ram", ("hot", "state")),
        MemoryItem("data", FIRMWARE_DATA_BYTES, "ram", ("data",)),
        *dma,
        *weights,
        *hot_code,
    )


def plan_memory(
    target: Target,
    memory: BackendMemory,
    options: FirmwareOptions,
    buffer_bytes: int = FIRMWARE_BUFFER_BYTES,
) -> RegionPlan:
    """Give every item a region of the target.

    Args:
        target: Where the firmware runs.
        memory: What the network needs.
        options: Stack size, and where the weights are to be.
        buffer_bytes: Size of the audio buffers and the front end's state.

    Returns:
        The plan.

    Raises:
        ModelTooBigError: Something does not fit; the table says what takes the room.
        FirmwareError: The stack is smaller than the network needs.
    """
    needed_stack = memory.stack_bytes + FIRMWARE_STACK_BYTES
    if needed_stack > options.stack_bytes:
        raise FirmwareError(
            f"a stack of {options.stack_bytes:,} bytes is too small, "
            f"the deepest call needs {needed_stack:,}",
            hint="give the firmware a larger stack",
        )
    if options.weights_in == "auto":
        slow = target.mcu.region_for("weights").read_bytes_per_s > 0
        for place in ("ram", "flash") if slow else ("flash",):
            chosen = dataclasses.replace(options, weights_in=place)
            try:
                return plan_memory(target, memory, chosen, buffer_bytes)
            except ModelTooBigError:
                if place == "flash":
                    raise
    items = memory_items(memory, options, buffer_bytes, uart_dma_bytes(target))
    used: dict[str, dict[str, int]] = {region.name: {} for region in target.mcu.regions}
    places: dict[str, str] = {}
    homeless: list[tuple[MemoryItem, list[MemoryRegion]]] = []
    for item in items:
        candidates = _candidates(target, item)
        for region in candidates:
            if sum(used[region.name].values()) + item.size_bytes <= region.size_bytes:
                places[item.name] = region.name
                used[region.name][item.name] = item.size_bytes
                break
        else:
            if item.optional:
                continue
            homeless.append((item, candidates))
    uses = tuple(
        RegionUse(region.name, region.kind, region.size_bytes, used[region.name])
        for region in target.mcu.regions
    )
    if homeless:
        raise _too_big(target, homeless, uses)
    return RegionPlan(places=places, regions=uses)


def _candidates(target: Target, item: MemoryItem) -> list[MemoryRegion]:
    found: dict[str, MemoryRegion] = {}
    for role in item.roles:
        for region in target.mcu.regions:
            if role in region.roles and region.kind == item.kind:
                found.setdefault(region.name, region)
    return list(found.values())


def _too_big(
    target: Target,
    homeless: list[tuple[MemoryItem, list[MemoryRegion]]],
    uses: Iterable[RegionUse],
) -> ModelTooBigError:
    item, candidates = homeless[0]
    free = {use.region: use.size_bytes - use.used_bytes for use in uses}
    where = " or ".join(f"{r.name} ({free[r.name]:,} bytes free)" for r in candidates)
    where = where or f"any {item.kind} of this chip"
    lines = [table_lines(uses)] + [
        f"  no room for   {'+ ' + other.name:<22}{other.size_bytes:>12,}" for other, _ in homeless
    ]
    return ModelTooBigError(
        f"the firmware does not fit {target.title}: {item.size_bytes:,} bytes of {item.name} "
        f"are too many for {where}",
        table="\n".join(lines),
        hint="choose a smaller model or a larger target ('imse-mcu plan' compares them)",
    )


def table_lines(uses: Iterable[RegionUse]) -> str:
    """Table of the regions in use: size, and what takes the room."""
    lines = [f"  {'region':<14}{'holds':<22}{'bytes':>12}{'of':>14}"]
    for use in uses:
        if not use.items:
            continue
        lines.append(f"  {use.region:<14}{'':<22}{use.used_bytes:>12,}{use.size_bytes:>14,}")
        lines += [
            f"  {'':<14}{name:<22}{size:>12,}"
            for name, size in sorted(use.items.items(), key=lambda pair: (-pair[1], pair[0]))
        ]
    return "\n".join(lines)


_OVERFLOW = re.compile(r"region [`'](?P<region>\w+)' overflowed by (?P<bytes>\d+) bytes")
_NO_ROOM = re.compile(
    r"section [`'](?P<section>[^']+)' will not fit in region [`'](?P<region>\w+)'"
)


def link_overflow(target: Target, output: str, plan: RegionPlan | None) -> ModelTooBigError | None:
    """The error for a link that failed because a region overflowed, ``None`` for other failures.

    Args:
        target: Where the firmware was to run.
        output: What the linker printed.
        plan: The plan the project was made by, for the table.

    Returns:
        The error to raise, or ``None``.
    """
    overflows = {m["region"]: int(m["bytes"]) for m in _OVERFLOW.finditer(output)}
    if not overflows:
        return None
    sections = sorted({f"{m['section']} ({m['region']})" for m in _NO_ROOM.finditer(output)})
    region, excess = max(overflows.items(), key=lambda pair: pair[1])
    size = target.mcu.region(region).size_bytes
    table = [f"  sections without room: {', '.join(sections)}"] if sections else []
    if plan is not None:
        table.append("  planned before compiling:\n" + table_lines(plan.regions))
    return ModelTooBigError(
        f"the firmware does not fit {target.title}: {region} ({size:,} bytes) "
        f"overflows by {excess:,} bytes",
        table="\n".join(table),
        hint="choose a smaller model or a larger target ('imse-mcu plan' compares them)",
    )
