from __future__ import annotations

import json
from pathlib import Path

import pytest

from targets.errors import TargetFileError, UnknownTargetError
from targets.loader import (
    BOARD_DIR,
    MCU_DIR,
    list_targets,
    load_board_file,
    load_mcu_file,
    load_target,
    target_names,
)
from targets.model import REQUIRED_ROLES, Target

MCU = (MCU_DIR / "stm32h743.toml").read_text(encoding="utf-8")
BOARD = (BOARD_DIR / "nucleo_h743zi2.toml").read_text(encoding="utf-8")
TARGETS = list_targets()


@pytest.mark.parametrize("target", TARGETS, ids=[t.name for t in TARGETS])
def test_every_shipped_target_is_sound(target: Target) -> None:
    mcu, board = target.mcu, target.board
    for role in REQUIRED_ROLES:
        assert mcu.region_for(role).size_bytes >= 4096
    assert mcu.region_for("code").kind == mcu.region_for("weights").kind == "flash"
    for role in ("data", "stack", "arena", "state"):
        assert mcu.region_for(role).kind == "ram"
    for region in mcu.regions:
        assert region.origin % 4096 == 0
        assert mcu.region_at(region.origin) is region
        assert mcu.region_at(region.end - 1) is region
    assert f"-mcpu={mcu.core}" in mcu.cpu_flags
    assert "-mthumb" in mcu.cpu_flags
    if mcu.fpu not in (None, "auto"):
        assert f"-mfpu={mcu.fpu}" in mcu.cpu_flags
    assert mcu.has_mve == (mcu.core in ("cortex-m55", "cortex-m85"))
    documented = {"core", "clock_hz", "caches", "macs_per_cycle"}
    assert mcu.sources.keys() - {"device_id", "open_flash"} == documented
    assert ("device_id" in mcu.sources) == (mcu.debug.device_id is not None)
    assert all(len(source) > 10 for source in mcu.sources.values())
    assert all(len(source) > 10 for source in board.sources.values())
    assert all(len(region.source) > 5 for region in mcu.regions)
    if board.uart.tx_pin is not None:
        assert board.uart.tx_pin != board.uart.rx_pin
    assert json.loads(json.dumps(target.to_json()))["name"] == target.name


def test_every_microcontroller_is_used_by_a_board() -> None:
    used = {target.mcu.name for target in TARGETS}
    assert used == {path.stem for path in MCU_DIR.glob("*.toml")}


def test_names_and_aliases_are_unique() -> None:
    labels = [label for target in TARGETS for label in (target.name, *target.aliases)]
    assert len(labels) == len(set(labels))
    assert target_names() == tuple(sorted(target.name for target in TARGETS))


def test_stm32h7_is_the_nucleo_with_the_documented_memory_map() -> None:
    target = load_target("stm32h7")
    assert target is load_target("NUCLEO-H743ZI2")
    assert target.name == "nucleo_h743zi2"
    assert target.mcu.clock_hz == 480_000_000
    assert [(r.name, r.origin, r.size_bytes // 1024) for r in target.mcu.regions] == [
        ("FLASH", 0x08000000, 2048),
        ("DTCM", 0x20000000, 128),
        ("AXI_SRAM", 0x24000000, 512),
        ("ITCM", 0x00000000, 64),
        ("SRAM1", 0x30000000, 128),
        ("SRAM2", 0x30020000, 128),
        ("SRAM3", 0x30040000, 32),
        ("SRAM4", 0x38000000, 64),
    ]
    assert target.mcu.ram_bytes == (128 + 512 + 64 + 128 + 128 + 32 + 64) * 1024
    assert target.mcu.region("DTCM").contains(0x2001FFFF)
    assert not target.mcu.region("DTCM").contains(0x2001FFFF, 2)
    assert target.mcu.region_at(0x40004800) is None
    with pytest.raises(KeyError):
        target.mcu.region("CCM")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("stm32h8", "did you mean stm32h7"),
        ("nucleo_h743", "nucleo_h743zi2"),
        ("mps2", "mps2_an"),
        ("quantum", "known: "),
        ("", "known: "),
    ],
)
def test_an_unknown_target_offers_close_matches(name: str, hint: str) -> None:
    with pytest.raises(UnknownTargetError, match="unknown target") as caught:
        load_target(name)
    assert hint in caught.value.hint


def test_a_board_file_of_ones_own(tmp_path: Path) -> None:
    board = tmp_path / "mine.toml"
    board.write_text(BOARD.replace('aliases = ["stm32h7", "stm32h743", "nucleo_h743zi"]\n', ""))
    target = load_target(str(board))
    assert (target.name, target.aliases, target.mcu.name) == ("mine", (), "stm32h743")
    (tmp_path / "mymcu.toml").write_text(MCU.replace("480_000_000", "400_000_000"))
    board.write_text(BOARD.replace('mcu = "stm32h743"', 'mcu = "mymcu"'))
    assert load_board_file(board).mcu.clock_hz == 400_000_000


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('core = "cortex-m7"', 'core = "cortex-m9"', r"core: expected one of cortex-m4.* found"),
        ("clock_hz = 480_000_000", "clock_hz = 480.0", "clock_hz: expected an integer from"),
        ("clock_hz = 480_000_000\n", "", "clock_hz: expected an integer .* found nothing"),
        ("has_dsp = true", 'has_dsp = "yes"', "has_dsp: expected true or false"),
        ("has_dsp = true", "has_dsp = true\nspeed = 3", "speed: unknown key, expected only "),
        ("icache_kib = 16", "icache_kib = -1", "icache_kib: expected an integer from 0"),
        ("macs_per_cycle = 0.5", "macs_per_cycle = 0", "macs_per_cycle: expected a number above 0"),
        ('"-mcpu=cortex-m7", ', "", "cpu_flags: expected a flag -mcpu=cortex-m7"),
        (', "-mfloat-abi=hard"', "", "cpu_flags: expected a flag -mfloat-abi"),
        ('caches = "ST', 'cache = "ST', "sources.caches: expected a non-empty string"),
        ('name = "DTCM"', 'name = "dtcm"', r"region\[1\].name: expected capitals"),
        ('name = "DTCM"', 'name = "FLASH"', r"region\[1\].name: expected a name no other"),
        ("origin = 0x2000_0000", "origin = 0x0810_0000", r"region\[1\].origin: .* overlap FLASH"),
        ("origin = 0x3800_0000", "origin = 0xFFFF_F000", r"region\[7\].size_kib: .* 32-bit"),
        ('kind = "flash"', 'kind = "rom"', r"region\[0\].kind: expected one of flash, ram"),
        ('roles = ["code", "weights"]', 'roles = ["code", "data"]', r"region\[0\].roles: expected"),
        ('roles = ["code", "weights"]', 'roles = ["code"]', "a region with the role 'weights'"),
        ('roles = ["dma"]', 'roles = ["dma", "dma"]', r"region\[4\].roles: expected a list of"),
        ("value = 0x450", "value = 0x1450", "debug.device_id.value: expected a value inside"),
        ("[[region]]", "[[region]", "not valid TOML"),
    ],
)
def test_a_broken_microcontroller_file_is_one_line_with_the_key(
    tmp_path: Path, old: str, new: str, text: str
) -> None:
    assert old in MCU
    path = tmp_path / "broken.toml"
    path.write_text(MCU.replace(old, new, 1))
    with pytest.raises(TargetFileError, match=rf"^broken\.toml: .*{text}") as caught:
        load_mcu_file(path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('mcu = "stm32h743"', 'mcu = ""', "mcu: expected a non-empty string"),
        ("baud = 921_600", "baud = 12", "uart.baud: expected an integer from 9600"),
        ('rx_pin = "PD9"\n', "", "uart.rx_pin: expected both pins or none"),
        ('kind = "unicorn"', 'kind = "renode"', "emulator.kind: expected one of unicorn, qemu"),
        ("bypass = true", "", "oscillator.bypass: expected true or false, found nothing"),
        ('oscillator = "ST', 'quartz = "ST', "sources.oscillator: expected a non-empty string"),
        ('probe = "stlink"', 'prob = "stlink"', "prob: unknown key"),
        ("[uart]", "[usart]", "uart: expected a table, found nothing"),
        (
            "[emulator]",
            '[emulator.stand_in]\nboard = "mps3_an547"\nmoved = { GONE = 0 }\n[emulator]',
            r"emulator\.stand_in\.moved\.GONE: unknown key",
        ),
    ],
)
def test_a_broken_board_file_is_one_line_with_the_key(
    tmp_path: Path, old: str, new: str, text: str
) -> None:
    assert old in BOARD
    path = tmp_path / "broken.toml"
    path.write_text(BOARD.replace(old, new, 1))
    with pytest.raises(TargetFileError, match=rf"^broken\.toml: {text}"):
        load_board_file(path)


def test_a_board_with_an_unknown_microcontroller_offers_close_matches(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(BOARD.replace('mcu = "stm32h743"', 'mcu = "stm32h74"'))
    with pytest.raises(UnknownTargetError, match="unknown microcontroller 'stm32h74'") as caught:
        load_board_file(path)
    assert "stm32h743" in caught.value.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TargetFileError, match=r"gone\.toml: cannot read .* No such file"):
        load_board_file(tmp_path / "gone.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TargetFileError, match=r"binary\.toml: cannot read .* UTF-8"):
        load_board_file(path)
