"""Which platform sources each chip family is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_gen.errors import FirmwareError, OptionError
from targets.model import Target

PLATFORM_DIR = Path(__file__).parent / "csrc" / "platform"

_VECTORS_CORE = "vectors_core.c"


@dataclass(frozen=True)
class Platform:
    """The platform code of a chip family.

    Attributes:
        folders: Folders below ``csrc/platform``, besides ``cortexm``.
        own_vectors: Whether one of them holds the vector table; else it has the core's entries.
        systick_cycles: Whether SysTick counts the cycles, where the debug unit has no counter.
        dma_bytes: Buffers of a UART that works by DMA (section ``.bss.imse_dma``).
    """

    folders: tuple[str, ...]
    own_vectors: bool = False
    systick_cycles: bool = False
    dma_bytes: int = 0

    def sources(self) -> list[Path]:
        """All C sources and headers, sorted."""
        unused = {
            "cycles_dwt.c" if self.systick_cycles else "cycles_systick.c",
            _VECTORS_CORE if self.own_vectors else "",
        }
        paths = [
            path
            for folder in ("cortexm", *self.folders)
            for path in (PLATFORM_DIR / folder).iterdir()
            if path.suffix in {".c", ".h"} and path.name not in unused
        ]
        return sorted([*paths, PLATFORM_DIR / "imse_platform.h"])


_PLATFORMS: Mapping[str, Platform] = {
    "alif_e7": Platform(("alif_e7",)),
    "imxrt1060": Platform(("imxrt1060",)),
    "mps2": Platform(("mps2",), systick_cycles=True),
    "nrf53": Platform(("nrf53",), dma_bytes=2112),
    "rp2350": Platform(("rp2350",)),
    "stm32f4f7": Platform(("stm32", "stm32f4f7")),
    "stm32h7": Platform(("stm32", "stm32h7"), own_vectors=True),
    "stm32l4": Platform(("stm32", "stm32l4")),
    "stm32n6": Platform(("stm32", "stm32n6")),
    "stm32u5": Platform(("stm32", "stm32u5")),
}


def platform_families() -> tuple[str, ...]:
    """The chip families that firmware can be built for, sorted."""
    return tuple(sorted(_PLATFORMS))


def find_platform(target: Target) -> Platform:
    """The platform of a target.

    Raises:
        OptionError: There is none for its chip family.
    """
    platform = _PLATFORMS.get(target.mcu.family)
    if platform is None:
        raise OptionError(
            f"{target.name}: there is no platform code for the chip family '{target.mcu.family}'",
            hint=f"families with platform code: {', '.join(platform_families())}",
        )
    return platform


def uart_dma_bytes(target: Target) -> int:
    """RAM of the buffers of the UART's DMA; 0 where it has none, or there is no platform code."""
    platform = _PLATFORMS.get(target.mcu.family)
    return platform.dma_bytes if platform else 0


# Vendors count pins differently: PD8 (ST), P0.20 (Nordic), GPIO_AD_B0_12 (NXP), GPIO1, P3_16.
_PINS = (
    (re.compile(r"P([A-K])(\d{1,2})"), lambda group: ord(group) - ord("A")),
    (re.compile(r"P(\d)\.(\d{2})"), int),
    (re.compile(r"GPIO_AD_B(\d)_(\d{2})"), int),
    (re.compile(r"GPIO()(\d{1,2})"), lambda _group: 0),
    (re.compile(r"P(\d{1,2})_(\d{1,2})"), int),
)


def uart_pins(target: Target) -> list[tuple[str, dict[str, Any]]]:
    """The UART's pins as port and number.

    Returns:
        ``TX`` and ``RX`` with name, port and number of the pin; empty where there are no pins.

    Raises:
        FirmwareError: A pin's name has no known form.
    """
    uart = target.board.uart
    pins = []
    for direction, name in (("TX", uart.tx_pin), ("RX", uart.rx_pin)):
        if name is None:
            continue
        for pattern, port in _PINS:
            match = pattern.fullmatch(name)
            if match is not None:
                place = {"name": name, "port": port(match[1]), "number": int(match[2])}
                pins.append((direction, place))
                break
        else:
            raise FirmwareError(
                f"{target.name}: UART pin {name!r} is not of the form PD8, P0.20, P3_4, GPIO1 "
                "or GPIO_AD_B0_12",
                hint="correct the board's file",
            )
    return pins
