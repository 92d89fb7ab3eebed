"""Reads targets from TOML: ``mcus/<mcu>.toml`` and ``boards/<board>.toml``.

A board names its microcontroller; both files are checked completely, so that a mistake is reported
as one line with the file, the key and what was expected there.
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import cast

from targets.errors import TargetFileError, UnknownTargetError
from targets.model import (
    REGION_KINDS,
    REQUIRED_ROLES,
    ROLES,
    SUPPLIES,
    Audio,
    Board,
    ClockEnable,
    DebugNames,
    EmulatorSpec,
    MacsPerCycle,
    Mcu,
    MemoryRegion,
    Npu,
    Oscillator,
    RegionKind,
    RegisterBits,
    StandInSpec,
    Target,
    Uart,
    Wire,
)
from targets.schema import Table

_HERE = Path(__file__).parent
MCU_DIR = _HERE / "mcus"
BOARD_DIR = _HERE / "boards"

CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85")
EMULATORS = ("unicorn", "qemu")


def target_names() -> tuple[str, ...]:
    """Names of all shipped targets, sorted."""
    return tuple(sorted(path.stem for path in BOARD_DIR.glob("*.toml")))


def list_targets() -> tuple[Target, ...]:
    """All shipped targets, sorted by name.

    Raises:
        TargetFileError: A shipped file breaks the schema.
    """
    return tuple(_shipped_target(name) for name in target_names())


def load_target(name: str) -> Target:
    """Find a target by name or alias, or read a board file of the user's own.

    Args:
        name: Board name, alias, or the path of a ``.toml`` board file. Such a file may name a
            shipped microcontroller or one in a ``.toml`` next to it.

    Raises:
        UnknownTargetError: Nothing answers to the name; the hint offers close matches.
        TargetFileError: A file breaks the schema.
    """
    if name.endswith(".toml"):
        return load_board_file(Path(name))
    wanted = _normal(name)
    known: dict[str, str] = {}
    for target in list_targets():
        for label in (target.name, *target.aliases):
            key = _normal(label)
            if known.setdefault(key, target.name) != target.name:
                raise TargetFileError(
                    f"{target.name}.toml: aliases: expected a name of its own, "
                    f"found {label!r} which also means {known[key]!r}"
                )
    if wanted in known:
        return _shipped_target(known[wanted])
    raise UnknownTargetError(f"unknown target {name!r}", hint=_offer(wanted, known))


def load_board_file(path: Path) -> Target:
    """Read one board file and the microcontroller it names.

    Raises:
        TargetFileError: A file is missing, unreadable or breaks the schema.
        UnknownTargetError: The microcontroller is not known.
    """
    table = Table.read(path)
    mcu_name = table.string("mcu")
    target = _parse_board(path.stem, table, _find_mcu(mcu_name, path))
    table.finish()
    return target


def load_mcu_file(path: Path) -> Mcu:
    """Read one microcontroller file.

    Raises:
        TargetFileError: The file is missing, unreadable or breaks the schema.
    """
    table = Table.read(path)
    mcu = _parse_mcu(path.stem, table)
    table.finish()
    return mcu


@cache
def _shipped_target(name: str) -> Target:
    return load_board_file(BOARD_DIR / f"{name}.toml")


def _find_mcu(name: str, board_file: Path) -> Mcu:
    for folder in (board_file.parent, MCU_DIR):
        candidate = folder / f"{name}.toml"
        if candidate.is_file() and candidate != board_file:
            return load_mcu_file(candidate)
    known = {path.stem: path.stem for path in MCU_DIR.glob("*.toml")}
    raise UnknownTargetError(
        f"{board_file.name}: mcu: unknown microcontroller {name!r}",
        hint=_offer(name, known),
    )


def _normal(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def _offer(wanted: str, known: dict[str, str]) -> str:
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    if not close:
        close = [label for label in known if wanted and (wanted in label or label in wanted)][:3]
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(sorted(set(known.values())))}"


def _parse_region(table: Table) -> MemoryRegion:
    name = table.string("name")
    if not name.replace("_", "").isalnum() or name != name.upper():
        raise table.fail("name", "capitals, digits and underscores")
    region = MemoryRegion(
        name=name,
        origin=table.integer("origin"),
        size_bytes=table.integer("size_kib", 1, 4 * 1024 * 1024) * 1024,
        kind=cast("RegionKind", table.string("kind", REGION_KINDS)),
        roles=table.strings("roles", tuple(ROLES)),
        description=table.string("description"),
        source=table.string("source"),
        external=table.boolean("external") if table.has("external") else False,
        loaded=table.boolean("loaded") if table.has("loaded") else False,
        read_bytes_per_s=(
            table.integer("read_bytes_per_s", 1) if table.has("read_bytes_per_s") else 0
        ),
    )
    if region.end > 0x1_0000_0000:
        raise table.fail("size_kib", "a region inside the 32-bit address space")
    if region.kind == "flash" and set(region.roles) - {"code", "weights", "hot_code", "boot"}:
        raise table.fail("roles", "only boot, code, weights or hot_code in a flash region")
    table.finish()
    return region


def _parse_debug(table: Table) -> DebugNames:
    debug = DebugNames(
        pyocd=table.optional_string("pyocd"),
        pyocd_pack=table.optional_string("pyocd_pack"),
        openocd=table.optional_string("openocd"),
        jlink=table.optional_string("jlink"),
        stm32=table.boolean("stm32") if table.has("stm32") else False,
        device_id=_parse_register(table, "device_id"),
        open_flash=_parse_register(table, "open_flash"),
    )
    table.finish()
    return debug


def _parse_register(table: Table, key: str) -> RegisterBits | None:
    """Reads ``{ address, mask, value }`` where it is given."""
    if not table.has(key):
        return None
    register = table.table(key)
    bits = RegisterBits(
        address=register.integer("address"),
        mask=register.integer("mask", 1),
        value=register.integer("value"),
    )
    if bits.value & ~bits.mask:
        raise register.fail("value", "a value inside the mask")
    register.finish()
    return bits


def _parse_mcu(name: str, table: Table) -> Mcu:
    region_tables = table.tables("region")
    regions: list[MemoryRegion] = []
    for region_table in region_tables:
        region = _parse_region(region_table)
        for other in regions:
            if other.name == region.name:
                raise region_table.fail("name", "a name no other region has")
            if region.origin < other.end and other.origin < region.end:
                raise region_table.fail("origin", f"a region that does not overlap {other.name}")
        regions.append(region)
    for role in REQUIRED_ROLES:
        if not any(role in region.roles for region in regions):
            raise table.fail("region", f"a region with the role {role!r}")

    core = table.string("core", CORES)
    flags = table.strings("cpu_flags")
    if not any(flag.startswith(f"-mcpu={core}") for flag in flags):
        raise table.fail("cpu_flags", f"a flag -mcpu={core}")
    fpu = table.optional_string("fpu")
    if fpu is not None and not any(flag.startswith("-mfloat-abi=") for flag in flags):
        raise table.fail("cpu_flags", "a flag -mfloat-abi=… since the core has an FPU")

    debug = _parse_debug(table.table("debug"))
    documented = ["core", "clock_hz", "caches", "macs_per_cycle"]
    if debug.device_id is not None:
        documented.append("device_id")
    if debug.open_flash is not None:
        documented.append("open_flash")
    sources = table.sources("sources", documented)
    return Mcu(
        name=name,
        title=table.string("title"),
        family=table.string("family"),
        core=core,
        cpu_flags=flags,
        fpu=fpu,
        has_dsp=table.boolean("has_dsp"),
        has_mve=table.boolean("has_mve"),
        clock_hz=table.integer("clock_hz", 1_000_000, 2_000_000_000),
        icache_bytes=table.integer("icache_kib", 0, 1024) * 1024,
        dcache_bytes=table.integer("dcache_kib", 0, 1024) * 1024,
        regions=tuple(regions),
        macs_per_cycle=MacsPerCycle(
            table.number("macs_per_cycle", 0.0, 64.0), sources["macs_per_cycle"]
        ),
        debug=debug,
        npu=_parse_npu(table.table("npu")) if table.has("npu") else None,
        sources=MappingProxyType(sources),
    )


def _parse_npu(table: Table) -> Npu:
    npu = Npu(
        accelerator=table.string("accelerator"),
        system_config=table.string("system_config"),
        memory_mode=table.string("memory_mode"),
        clock_hz=table.integer("clock_hz", 1_000_000, 2_000_000_000),
        source=table.string("source"),
    )
    table.finish()
    return npu


def _parse_uart(table: Table) -> Uart:
    tx_pin, rx_pin = table.optional_string("tx_pin"), table.optional_string("rx_pin")
    if (tx_pin is None) != (rx_pin is None):
        raise table.fail("rx_pin" if rx_pin is None else "tx_pin", "both pins or none")
    enable = None
    if table.has("enable"):
        bit = table.table("enable")
        enable = ClockEnable(bit.integer("register"), bit.integer("bit", 0, 31))
        bit.finish()
    uart = Uart(
        peripheral=table.string("peripheral"),
        base=table.integer("base"),
        baud=table.integer("baud", 9600, 20_000_000),
        tx_pin=tx_pin,
        rx_pin=rx_pin,
        af=table.optional_integer("af"),
        enable=enable,
    )
    table.finish()
    return uart


def _parse_audio(table: Table) -> Audio:
    wires = []
    for wire in table.tables("wire"):
        microphone, dac = wire.optional_string("microphone"), wire.optional_string("dac")
        if microphone is None and dac is None:
            raise wire.fail("microphone", "a pin of the microphone or of the DAC")
        wires.append(
            Wire(
                pin=wire.string("pin"),
                connector=wire.string("connector"),
                signal=wire.string("signal"),
                microphone=microphone or "",
                dac=dac or "",
            )
        )
        wire.finish()
    audio = Audio(
        driver=table.string("driver"),
        microphone=table.string("microphone"),
        dac=table.string("dac"),
        wires=tuple(wires),
    )
    table.finish()
    return audio


def _parse_stand_in(table: Table, mcu: Mcu) -> StandInSpec:
    moved = {}
    if table.has("moved"):
        origins = table.table("moved")
        for region in mcu.regions:
            if origins.has(region.name):
                moved[region.name] = origins.integer(region.name, 0, 0xFFFF_FFFF)
        origins.finish()
    spec = StandInSpec(table.string("board"), MappingProxyType(moved))
    table.finish()
    return spec


def _parse_board(name: str, table: Table, mcu: Mcu) -> Target:
    uart = _parse_uart(table.table("uart"))
    oscillator = None
    if table.has("oscillator"):
        osc = table.table("oscillator")
        oscillator = Oscillator(osc.integer("hz", 1_000_000, 100_000_000), osc.boolean("bypass"))
        osc.finish()
    emulator = None
    if table.has("emulator"):
        emu = table.table("emulator")
        kind, machine = emu.string("kind", EMULATORS), emu.string("machine")
        stand_in = _parse_stand_in(emu.table("stand_in"), mcu) if emu.has("stand_in") else None
        emulator = EmulatorSpec(kind, machine, stand_in)
        emu.finish()
    required = ["uart"]
    if oscillator is not None:
        required.append("oscillator")
    supply = "ldo"
    if table.has("supply"):
        supply = table.string("supply", SUPPLIES)
        required.append("supply")
    if emulator is not None:
        required.append("emulator")
    audio = None
    if table.has("audio"):
        audio = _parse_audio(table.table("audio"))
        required.append("audio")
    board = Board(
        name=name,
        title=table.string("title"),
        uart=uart,
        oscillator=oscillator,
        supply=supply,
        audio=audio,
        probe=table.optional_string("probe"),
        virtual_com=table.boolean("virtual_com") if table.has("virtual_com") else False,
        openocd=table.optional_string("openocd"),
        emulator=emulator,
        sources=MappingProxyType(table.sources("sources", required)),
    )
    aliases = table.strings("aliases") if table.has("aliases") else ()
    return Target(name=name, title=board.title, aliases=aliases, mcu=mcu, board=board)
