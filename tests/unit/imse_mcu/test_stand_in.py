"""What runs on an emulator in place of a board that no emulator has."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from imse_mcu import pipeline
from imse_mcu.core.progress import Reporter
from imse_mcu.stand_in import StandInError, compare_objects
from targets.loader import list_targets, load_target
from targets.stand_in import emulated

BOARD = {"app/main.c": "a", "model/network.c": "b", "platform/x/platform.c": "c"}
STAND_IN = {"app/main.c": "a", "model/network.c": "b", "platform/mps2/platform.c": "d"}


def test_platform_apart_the_objects_must_be_the_same() -> None:
    same, own = compare_objects(BOARD, STAND_IN)
    assert same == ("app/main.c", "model/network.c")
    assert own == ("platform/mps2/platform.c",)


@pytest.mark.parametrize(
    ("board", "stand_in", "culprit"),
    [
        (BOARD, {**STAND_IN, "model/network.c": "other"}, "model/network.c"),
        ({**BOARD, "kernels/one.c": "e"}, STAND_IN, "kernels/one.c"),
        (BOARD, {**STAND_IN, "kernels/one.c": "e"}, "kernels/one.c"),
    ],
    ids=["differs", "missing", "added"],
)
def test_any_other_difference_is_an_error(
    board: Mapping[str, str], stand_in: Mapping[str, str], culprit: str
) -> None:
    with pytest.raises(StandInError, match=f"not made of the board's objects: {culprit} differs"):
        compare_objects(board, stand_in)


def test_a_board_that_an_emulator_has_is_its_own() -> None:
    for target in list_targets():
        emulator = target.board.emulator
        if emulator is not None and emulator.stand_in is None:
            assert emulated(target) is target


def test_core_and_memories_stay_the_boards() -> None:
    target = load_target("alif_e7")
    found = emulated(target)
    machine = load_target("mps3_an547")
    assert found.mcu.cpu_flags == target.mcu.cpu_flags == machine.mcu.cpu_flags
    assert (found.mcu.family, found.mcu.clock_hz) == ("mps2", 32_000_000)
    assert found.board.uart == machine.board.uart
    for region, own in zip(found.mcu.regions, target.mcu.regions, strict=True):
        assert region.size_bytes == own.size_bytes
        assert (region.origin == own.origin) == (region.name in ("MRAM", "ITCM"))
    assert found.mcu.region("SRAM0").origin == 0x7200_0000


@pytest.mark.parametrize(("name", "runs"), [("alif_e7", False), ("stm32h7", True)])
def test_without_qemu_a_board_that_needs_it_as_stand_in_is_built_and_not_run(
    name: str, runs: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMSE_MCU_QEMU_SYSTEM_ARM", "/nowhere/qemu-system-arm")
    assert pipeline._can_run(load_target(name), Reporter()) is runs
    said = capsys.readouterr().err
    if runs:
        assert said == ""
    else:
        assert "not run: qemu-system-arm is not installed, needed to run the image on" in said
        assert "qemu-system-arm" in said.partition(";")[2]
