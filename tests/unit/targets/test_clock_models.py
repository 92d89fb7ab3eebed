"""The clock models refuse what the hardware would not do: each rule is broken once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import pytest

from targets.emulators.bus import Bus, BusError, Peripheral, ProtectedRegion
from targets.loader import load_target


class FakeMachine:
    """What peripherals ask of a machine."""

    def __init__(self) -> None:
        self.allowed: dict[str, bool] = {}

    def cycles(self) -> int:
        return 0

    def stop_idle(self) -> None:
        return

    def request_reset(self) -> None:
        return

    def schedule(self, name: str, cycle: int, action: Callable[[int], None]) -> None:
        return

    def cancel(self, name: str) -> None:
        return

    def connect_interrupt(self, number: int, line: Callable[[], bool]) -> None:
        return

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        return bytes(size_bytes)

    def write_memory(self, address: int, data: bytes) -> None:
        return

    def protect(self, regions: Sequence[ProtectedRegion]) -> None:
        return

    def allow_access(self, region_name: str, *, allowed: bool) -> None:
        self.allowed[region_name] = allowed


class Chip:
    """A family's peripherals, driven by address as the firmware does."""

    def __init__(self, name: str) -> None:
        self.target = load_target(name)
        self.machine = FakeMachine()
        self.bus = Bus()
        family = import_module(f"targets.emulators.{self.target.mcu.family}")
        self.uart: Any = family.attach(self.bus, self.target, self.machine)

    def _at(self, address: int) -> tuple[Peripheral, int]:
        peripheral = self.bus.find(address)
        return peripheral, address - peripheral.base

    def write(self, address: int, value: int) -> None:
        peripheral, offset = self._at(address)
        peripheral.write(offset, 4, value)

    def read(self, address: int) -> int:
        peripheral, offset = self._at(address)
        return peripheral.read(offset, 4)

    def set(self, address: int, bits: int) -> None:
        self.write(address, self.read(address) | bits)


def f407(chip: Chip) -> None:
    chip.set(0x40023840, 1 << 28)
    chip.set(0x40007000, 1 << 14)
    chip.set(0x40023800, 1 << 16)
    chip.write(0x40023804, 8 | 336 << 6 | 7 << 24 | 1 << 22)
    chip.set(0x40023800, 1 << 24)
    chip.write(0x40023C00, 5)
    chip.write(0x40023808, 5 << 10 | 4 << 13)


def f746(chip: Chip) -> None:
    chip.set(0x40023840, 1 << 28)
    chip.set(0x40023800, 1 << 16)
    chip.write(0x40023804, 25 | 432 << 6 | 9 << 24 | 1 << 22)
    chip.set(0x40023800, 1 << 24)
    chip.set(0x40007000, 1 << 16)
    chip.set(0x40007000, 1 << 17)
    chip.write(0x40023C00, 7)
    chip.write(0x40023808, 5 << 10 | 4 << 13)


def l4r5(chip: Chip) -> None:
    chip.set(0x40021058, 1 << 28)
    chip.write(0x40007080, 0)
    chip.write(0x4002100C, 1 | 60 << 8 | 1 << 24)
    chip.set(0x40021000, 1 << 24)
    chip.write(0x40022000, 5)
    chip.write(0x40021008, 8 << 4)


def u585(chip: Chip) -> None:
    chip.set(0x46020C94, 1 << 2)
    chip.write(0x46020C28, 1 | 1 << 18)
    chip.write(0x46020C34, 79 | 1 << 9 | 1 << 16 | 1 << 24)
    chip.set(0x4602080C, 3 << 16)
    chip.set(0x4602080C, 1 << 18)
    chip.set(0x46020C00, 1 << 24)
    chip.write(0x40022000, 4)


GOOD = {
    "stm32f407": (f407, 0x40023808, 2, 168e6),
    "stm32f746": (f746, 0x40023808, 2, 216e6),
    "stm32l4r5": (l4r5, 0x40021008, 3, 60e6),
    "stm32u585": (u585, 0x46020C1C, 3, 160e6),
}


@pytest.mark.parametrize("name", GOOD)
def test_documented_set_up_gives_the_documented_clock(name: str) -> None:
    chip = Chip(name)
    prepare, register, select, hz = GOOD[name]
    prepare(chip)
    chip.set(register, select)
    rcc: Any = chip.bus.find(register)
    assert rcc.cpu_hz() == hz
    assert chip.read(register) >> 2 & 3 == select


@pytest.mark.parametrize(
    ("name", "spoil", "text"),
    [
        ("stm32f407", lambda c: c.write(0x40023C00, 4), "4 wait states"),
        ("stm32f407", lambda c: c.write(0x40007000, 0), "voltage scale"),
        ("stm32f407", lambda c: c.write(0x40023808, 4 << 13), "APB1 would run at 168 MHz"),
        ("stm32f407", lambda c: c.set(0x40007000, 1 << 16), "has no over-drive"),
        ("stm32f407", lambda c: c.write(0x40023804, 8 | 432 << 6), "while it runs"),
        ("stm32f746", lambda c: c.write(0x40007000, 0xC000), "without over-drive"),
        ("stm32f746", lambda c: c.write(0x40023C00, 6), "6 wait states"),
        ("stm32l4r5", lambda c: c.write(0x40022000, 1), "1 wait states"),
        ("stm32l4r5", lambda c: c.write(0x40021008, 0), "in one step"),
        ("stm32u585", lambda c: c.write(0x4602080C, 3 << 16), "booster must run"),
        ("stm32u585", lambda c: c.write(0x4602080C, 2 << 16 | 1 << 18), "in voltage range 2"),
        ("stm32u585", lambda c: c.write(0x40022000, 3), "3 wait states"),
    ],
)
def test_each_rule_of_the_clock_tree(name: str, spoil: Callable[[Chip], None], text: str) -> None:
    chip = Chip(name)
    prepare, register, select, _ = GOOD[name]
    prepare(chip)
    with pytest.raises(BusError, match=text):
        spoil(chip)
        chip.set(register, select)


def test_wrong_supply_is_refused_where_the_board_decides() -> None:
    """Chosen wrong, the chip does not come up again until its power is cut."""
    for name in ("stm32h747", "stm32h7a3"):
        with pytest.raises(BusError, match="another supply"):
            Chip(name).write(0x5802480C, 1 << 1)
        with pytest.raises(BusError, match="before the supply is set"):
            Chip(name).write(0x58024818, 2 << 14)


def test_port_g_of_the_l4_needs_its_supply() -> None:
    chip = Chip("stm32l4r5")
    chip.set(0x4002104C, 1 << 6)
    chip.set(0x40021058, 1 << 28)
    pins: Any = chip.uart._setup.check_pin
    with pytest.raises(BusError, match="isolated from its supply"):
        pins("PG7")
    chip.set(0x40007004, 1 << 9)
    with pytest.raises(BusError, match="not switched to LPUART1"):
        pins("PG7")


def sdram(chip: Chip, commands: tuple[int, ...]) -> None:
    chip.write(0x580244E0, 0x1F8)
    for port, pins in zip(
        range(3, 9), (0xC703, 0xFF83, 0xF83F, 0x8137, 0xFFE0, 0x06FF), strict=True
    ):
        base = 0x58020000 + 0x400 * port
        spread = [sum(3 << 2 * n for n in range(16) if pins >> n & 1)]
        chip.write(base, chip.read(base) & ~spread[0] | spread[0] & 0xAAAAAAAA)
        chip.write(base + 0x20, 0xCCCCCCCC)
        chip.write(base + 0x24, 0xCCCCCCCC)
    chip.write(0x580244D4, 1 << 12)
    chip.write(0x52004140, 2 << 10)
    chip.write(0x52004144, 0x1E5)
    chip.set(0x52004000, 1 << 31)
    for command in commands:
        chip.write(0x52004150, command | 1 << 3)


def test_sdram_opens_after_its_start_up_sequence_only() -> None:
    chip = Chip("stm32h747")
    assert chip.machine.allowed == {"SDRAM": False}
    sdram(chip, (1, 2, 3))
    assert chip.machine.allowed == {"SDRAM": False}
    with pytest.raises(BusError, match="CAS latency 3"):
        chip.write(0x52004150, 4 | 1 << 3 | 0x20 << 9)
    chip = Chip("stm32h747")
    sdram(chip, (1, 2, 3, 4 | 0x230 << 9))
    assert chip.machine.allowed == {"SDRAM": True}
    with pytest.raises(BusError, match=r"refreshes all rows in .* ms"):
        chip.write(0x52004154, 600 << 1)


def test_sdram_is_checked_pin_by_pin() -> None:
    chip = Chip("stm32h747")
    with pytest.raises(BusError, match="pin PD0 is not switched to the FMC"):
        chip.write(0x580244E0, 0x1F8)
        chip.write(0x580244D4, 1 << 12)
        chip.write(0x52004144, 0x1E5)
        chip.set(0x52004000, 1 << 31)
        chip.write(0x52004150, 1 | 1 << 3)


def rt1062(chip: Chip) -> None:
    chip.write(0x4008000C, 0x113)
    chip.write(0x400FC018, 1 << 12 | 3 << 18)
    chip.write(0x400FC014, 1 << 25 | 3 << 8)
    chip.write(0x400D8000, 1 << 13 | 100)
    chip.write(0x400FC010, 1)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda c: c.write(0x4008000C, 0x10E), "need a core voltage of 1.25 V"),
        (lambda c: c.write(0x400D8000, 1 << 12), "ARM PLL is off"),
        (lambda c: c.write(0x400D8000, 1 << 13 | 120), "divider is 120"),
        (lambda c: c.write(0x400FC010, 0), "would run at 1200 MHz"),
        (lambda c: c.write(0x400FC014, 1 << 25 | 1 << 8), "bus clock would be 300 MHz"),
    ],
)
def test_rules_of_the_rt1062(spoil: Callable[[Chip], None], text: str) -> None:
    chip = Chip("rt1062")
    rt1062(chip)
    chip.write(0x400FC014, 3 << 8)
    rcc: Any = chip.bus.find(0x400FC000)
    assert rcc.cpu_hz() == 600e6
    chip = Chip("rt1062")
    rt1062(chip)
    spoil(chip)
    with pytest.raises(BusError, match=text):
        chip.write(0x400FC014, chip.read(0x400FC014) & ~(1 << 25))


def test_rules_of_the_rp2350() -> None:
    chip = Chip("rp2350")
    with pytest.raises(BusError, match="while its clock is off"):
        chip.write(0x40070024, 1)
    with pytest.raises(BusError, match="PLL or its dividers are off"):
        chip.write(0x40020000, 0)
        chip.write(0x4001003C, 1)
    chip.write(0x40050008, 125)
    chip.write(0x40050004, 0)
    chip.write(0x4005000C, 5 << 16 | 2 << 12)
    with pytest.raises(BusError, match="crystal oscillator does not run"):
        chip.write(0x4001003C, 1)
    chip.write(0x40048000, 0xFABAA0)
    with pytest.raises(BusError, match="1 ms to start"):
        chip.write(0x4001003C, 1)
    chip.write(0x4004800C, 47)
    chip.write(0x4001003C, 1)
    clocks: Any = chip.bus.find(0x40010000)
    assert clocks.cpu_hz() == 150e6
    with pytest.raises(BusError, match="isolated"):
        chip.write(0x40028004, 2)
        chip.uart._setup.check_pin("GPIO0")


def test_rules_of_the_nrf5340() -> None:
    chip = Chip("nrf5340")
    with pytest.raises(BusError, match="internal oscillator"):
        chip.uart._setup.check_clocks()
    with pytest.raises(BusError, match="not selected"):
        chip.uart._setup.check_pin("P0.20")
    chip.write(0x5000850C, 20)
    with pytest.raises(BusError, match="wrong direction"):
        chip.uart._setup.check_pin("P0.20")
    chip.write(0x50008500, 8)
    with pytest.raises(BusError, match="reaches RAM only"):
        chip.write(0x50008544, 0x1000)
        chip.write(0x50008008, 1)


@pytest.mark.parametrize("name", ["rt1062", "rp2350"])
def test_boot_rom_refuses_an_image_without_its_header(name: str) -> None:
    target = load_target(name)
    family = import_module(f"targets.emulators.{target.mcu.family}")
    with pytest.raises(BusError, match=r"FCFB|no image definition"):
        family.check_boot(target, lambda _address, size: bytes(size))
