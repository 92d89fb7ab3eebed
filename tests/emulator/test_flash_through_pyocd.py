"""The pyOCD library with its own flash algorithm, on a simulated STM32H743 behind a probe."""

from __future__ import annotations

import dataclasses
import importlib.util
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyocd", reason="pyocd is not installed: pip install 'imse-mcu[pyocd]'")

from intelhex import IntelHex
from pyocd.probe import aggregator

from targets.loader import load_target
from targets.runners import Failure, FlashError, FlashImage, FlashRequest, choose_runner

pytestmark = pytest.mark.emulator
TARGET = load_target("stm32h7")
BASE = 0x0800_0000


def _load(name: str) -> Any:
    """A helper next to the tests, as a module of its own name."""
    if f"debug_{name}" not in sys.modules:
        path = Path(__file__).parent / "debug" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"debug_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"debug_{name}"] = module
        spec.loader.exec_module(module)
    return sys.modules[f"debug_{name}"]


chip_module = _load("chip")
SimulatedProbe = _load("probe").SimulatedProbe


@pytest.fixture(autouse=True)
def only_simulated_probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(aggregator, "PROBE_CLASSES", {"simulated": SimulatedProbe})
    yield
    SimulatedProbe.connected = []


def connect(chip: Any, *more: Any) -> Any:
    SimulatedProbe.connected = [SimulatedProbe(chip), *more]
    return chip


@pytest.fixture
def image(tmp_path: Path) -> FlashImage:
    """6 KB that begin as a vector table does."""
    content = (0x2002_0000).to_bytes(4, "little") + (BASE + 0x101).to_bytes(4, "little")
    content += random.Random(5).randbytes(6000)
    (tmp_path / "a.elf").write_bytes(b"")
    (tmp_path / "a.bin").write_bytes(content)
    hexadecimal = IntelHex()
    hexadecimal.frombytes(content, BASE)
    hexadecimal.write_hex_file(str(tmp_path / "a.hex"))
    return FlashImage(*(tmp_path / f"a.{kind}" for kind in ("elf", "bin", "hex")))


def flash(image: FlashImage, **wishes: Any) -> Any:
    return choose_runner(TARGET, "pyocd").flash(FlashRequest(TARGET, image, **wishes))


def failure(image: FlashImage, **wishes: Any) -> FlashError:
    with pytest.raises(FlashError) as caught:
        flash(image, **wishes)
    return caught.value


def test_the_image_is_in_the_flash_and_the_chip_was_restarted(image: FlashImage) -> None:
    chip = connect(chip_module.Chip())
    chip.flash[0x6_0000:0x6_0004] = b"keep"
    report = flash(image)
    assert (report.identified, report.verified, report.reset) == (True, True, True)
    expected = image.bin.read_bytes()
    assert bytes(chip.flash[: len(expected)]) == expected
    assert bytes(chip.flash[0x6_0000:0x6_0004]) == b"keep"
    assert not chip.halted
    assert chip.resets >= 2


def test_an_image_in_ram_is_entered_without_a_reset(tmp_path: Path) -> None:
    """Its reset handler stores its stack pointer behind a mark, then stops at a breakpoint."""
    ram = TARGET.mcu.region("AXI_SRAM").origin
    regions = tuple(
        dataclasses.replace(r, roles=("code",) if r.name == "AXI_SRAM" else (), loaded=True)
        for r in TARGET.mcu.regions
    )
    target = dataclasses.replace(TARGET, mcu=dataclasses.replace(TARGET.mcu, regions=regions))
    mark, stack = ram + 0x1000, 0x2002_0000
    # ldr r1, [pc, #8]; movs r0, #42; str r0, [r1]; mov r2, sp; str r2, [r1, #4]; bkpt
    code = struct.pack("<6HI", 0x4902, 0x202A, 0x6008, 0x466A, 0x604A, 0xBE00, mark)
    (tmp_path / "a.bin").write_bytes(struct.pack("<II", stack, ram + 9) + code)
    for name in ("a.elf", "a.hex"):
        (tmp_path / name).write_bytes(b"")
    chip = connect(chip_module.Chip())
    first_words = []  # of the RAM, whenever the chip was reset
    reset = chip.reset
    chip.reset = lambda: (first_words.append(chip.read(ram)), reset())
    image = FlashImage(*(tmp_path / f"a.{kind}" for kind in ("elf", "bin", "hex")))
    report = choose_runner(target, "pyocd").flash(FlashRequest(target, image))
    assert report.verified
    assert (chip.read(mark), chip.read(mark + 4)) == (42, stack)
    assert chip.read(0xE000_ED08) == ram
    assert stack not in first_words


def test_the_chip_stays_stopped_without_a_reset(image: FlashImage) -> None:
    chip = connect(chip_module.Chip())
    report = flash(image, verify=False, reset=False)
    assert (report.verified, report.reset) == (False, False)
    assert bytes(chip.flash[: len(image.bin.read_bytes())]) == image.bin.read_bytes()
    assert chip.halted


def test_another_chip_is_not_written(image: FlashImage) -> None:
    chip = connect(chip_module.Chip(device_id=0x413))
    error = failure(image)
    assert error.failure is Failure.WRONG_CHIP
    assert "0x413" in error.message
    assert set(chip.flash) == {0xFF}


def test_a_read_protected_chip(image: FlashImage) -> None:
    chip = connect(chip_module.Chip())
    chip.controller.level = 0x55
    error = failure(image)
    assert error.failure is Failure.LOCKED
    assert "read-protected" in error.message
    assert "erases the chip" in error.hint


def test_a_write_protected_sector(image: FlashImage) -> None:
    connect(chip_module.Chip()).controller.protected_sectors = {0}
    error = failure(image)
    assert error.failure is Failure.LOCKED
    assert "write-protected: 0x08000000 holds 0xff" in error.message


def test_flash_that_does_not_keep_what_is_written(image: FlashImage) -> None:
    connect(chip_module.Chip()).controller.sticky_bits = 0x80
    error = failure(image)
    assert error.failure is Failure.VERIFY
    assert "expected 0x" in error.message


def test_no_probe_and_no_chip(image: FlashImage) -> None:
    assert failure(image).failure is Failure.NO_PROBE
    connect(None)
    error = failure(image)
    assert error.failure is Failure.NO_TARGET
    assert "Target not detected" in error.message


def test_a_probe_that_another_program_holds(image: FlashImage) -> None:
    connect(chip_module.Chip())
    SimulatedProbe.connected[0].refuses = "unable to open: device is busy"
    assert failure(image).failure is Failure.PROBE_ACCESS


def test_several_probes_must_be_chosen_from(image: FlashImage) -> None:
    chip = connect(chip_module.Chip(), SimulatedProbe(chip_module.Chip(0x413), "SIM01"))
    error = failure(image)
    assert error.failure is Failure.SEVERAL_PROBES
    assert "SIM0, SIM01" in error.message
    assert "--probe" in error.hint
    assert failure(image, probe="SIM01").failure is Failure.WRONG_CHIP
    assert flash(image, probe="sim0").verified
    assert bytes(chip.flash[:8]) == image.bin.read_bytes()[:8]
    assert failure(image, probe="0B").failure is Failure.NO_PROBE
