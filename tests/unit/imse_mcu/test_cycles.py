"""Cycles before a build agree with those of the built image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_gen.backends.base import BackendMemory
from firmware_gen.memory import plan_memory
from firmware_gen.options import FirmwareOptions
from imse_mcu.cycles import (
    SEGMENT_WORK,
    STREAM_WORK,
    add_flash_reads,
    before_build,
    from_instructions,
    from_macs,
)
from targets.loader import load_target

#: A row of the table that scripts/targets_table.py makes: target, instructions, factor.
ROW = re.compile(r"\(`(\w+)`\).*? yes \| yes \| ([\d,]+) \|.* ([\d.]+) \| [^|]+ \|$", re.M)


def macs_per_frame(repository: Path) -> int:
    card = (repository / "keras_imse" / "assets" / "imse-stream.md").read_text("utf-8")
    found = re.search(r"\(([\d.]+) MMAC/s\)", card)
    assert found is not None
    return round(float(found[1]) * 1e6 / 62.5)


def test_plan_is_close_to_the_images_of_every_target(repository: Path) -> None:
    table = (repository / "docs" / "targets.md").read_text("utf-8")
    rows = ROW.findall(table)
    assert len(rows) == table.count("| yes | yes |") >= 15
    macs = macs_per_frame(repository)
    for name, instructions, _ in rows:
        mcu = load_target(name).mcu
        kernels = "mve" if mcu.has_mve else "dsp"
        planned = before_build(macs, STREAM_WORK.get(kernels), mcu)
        built = from_instructions(float(instructions.replace(",", "")), macs, mcu)
        assert planned.value == pytest.approx(built.value, rel=0.03), name


def test_plan_says_what_was_counted() -> None:
    mcu = load_target("stm32h7").mcu
    stream = before_build(1_000_000, STREAM_WORK["dsp"], mcu)
    assert stream.value == 542_000 + 1_046_000
    assert "542000 + 1.046 instructions per MAC (counted: " in stream.method
    segments = before_build(1_000_000, SEGMENT_WORK["dsp"], mcu)
    assert segments.value == 1_680_000
    assert "at 1.68 instructions per MAC" in segments.method


def test_both_networks_have_one_model_where_no_core_figure_is_known() -> None:
    mcu = load_target("mps3_an547").mcu
    expected = from_macs(1_000_000, mcu)
    assert before_build(1_000_000, SEGMENT_WORK["dsp"], mcu) == expected
    assert before_build(1_000_000, None, mcu) == expected


def test_kernels_that_were_not_counted_are_planned_by_macs() -> None:
    mcu = load_target("stm32h7").mcu
    assert before_build(1_000_000, None, mcu) == from_macs(1_000_000, mcu)


def test_weights_out_of_slow_flash_take_time_every_frame() -> None:
    target = load_target("mimxrt1060_evkb")
    needs = BackendMemory(
        weights_bytes=150_000,
        arena_bytes=14_000,
        state_bytes=90_000,
        code_bytes=20_000,
        stack_bytes=512,
    )
    work = from_macs(1_000_000, target.mcu)
    in_flash = plan_memory(target, needs, FirmwareOptions(weights_in="flash"))
    slow = add_flash_reads(work, in_flash, target.mcu)
    assert slow.value - work.value == 150_000 * 600 // 50  # 3 ms at 600 MHz
    assert "150000 bytes of weights once per frame out of FLASH at 50 MB/s at best" in slow.method
    in_ram = plan_memory(target, needs, FirmwareOptions())
    assert add_flash_reads(work, in_ram, target.mcu) == work
    fast = load_target("stm32h7")
    in_flash = plan_memory(fast, needs, FirmwareOptions(weights_in="flash"))
    assert add_flash_reads(work, in_flash, fast.mcu) == work
