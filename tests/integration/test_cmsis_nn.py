"""Firmware that computes with Arm's CMSIS-NN, compiled from where CMSIS_NN_DIR says."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from firmware_gen.errors import LibraryNotFoundError, ToolchainError
from imse_mcu.core.progress import Reporter
from imse_mcu.pipeline import BuildOutcome, BuildRequest, build


@pytest.fixture
def arm_sources() -> Path:
    """The CMSIS-NN 4.0.0 that a package of the tests carries."""
    package = importlib.util.find_spec("bakenn")
    if package is None or package.origin is None:
        pytest.skip("the package bakenn is not installed")
    return Path(package.origin).parent / "backend" / "cmsis_nn" / "vendor" / "cmsis_nn"


def request(folder: Path) -> BuildRequest:
    return BuildRequest("stm32h7", folder, runtime="aot", kernels="cmsis-nn")


@pytest.mark.slow
@pytest.mark.emulator
def test_the_image_gives_the_interpreters_bytes(
    arm_sources: Path, built: BuildOutcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSIS_NN_DIR", str(arm_sources))
    outcome = build(request(tmp_path / "fw"), Reporter(enabled=False))
    assert outcome.report["bit_exact"] is True
    assert outcome.report["instructions_per_frame"] > built.report["instructions_per_frame"]
    kernels = outcome.folder.record["runtime_report"]["kernel_functions"]
    assert {"imse_conv_s8_cmsis", "imse_dwconv_s8_cmsis", "imse_sum_s8_dsp"} <= set(kernels)
    written = (tmp_path / "fw" / "imse-mcu.json").read_text()
    assert str(arm_sources) not in written
    assert str(arm_sources) not in (tmp_path / "fw" / "report.json").read_text()


def test_no_folder_is_said_before_anything_takes_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CMSIS_NN_DIR", raising=False)
    with pytest.raises(LibraryNotFoundError, match="and CMSIS_NN_DIR is not set") as error:
        build(request(tmp_path / "fw"), Reporter(enabled=False))
    assert "set CMSIS_NN_DIR" in error.value.hint
    assert error.value.exit_code == 3


def test_a_folder_without_cmsis_nn_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSIS_NN_DIR", str(tmp_path))
    with pytest.raises(LibraryNotFoundError, match="is not CMSIS-NN: it has no Include"):
        build(request(tmp_path / "fw"), Reporter(enabled=False))


def test_headers_without_sources_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Include").mkdir()
    (tmp_path / "Include" / "arm_nnfunctions.h").touch()
    monkeypatch.setenv("CMSIS_NN_DIR", str(tmp_path))
    with pytest.raises(LibraryNotFoundError, match="has no arm_convolve_wrapper_s8 under Source"):
        build(request(tmp_path / "fw"), Reporter(enabled=False))


@pytest.mark.slow
def test_a_missing_cmsis_core_is_named(
    arm_sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "alone" / "nn"
    shutil.copytree(arm_sources, alone)
    monkeypatch.setenv("CMSIS_NN_DIR", str(alone))
    with pytest.raises(ToolchainError, match="set CMSIS_CORE_DIR to the folder of that header"):
        build(request(tmp_path / "fw"), Reporter(enabled=False))
