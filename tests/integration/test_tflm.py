"""The tflm runtime with a real TensorFlow Lite Micro, which the project does not carry.

``TFLM_DIR`` names it: a checkout in which ``microlite`` was built for ``cortex-m7+fp`` and
``cortex-m55`` with ``OPTIMIZED_KERNEL_DIR=cmsis_nn``. Without it nothing can be linked, and these
tests say so; what can be checked without it is in ``tests/unit/firmware_gen/tflm``.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from firmware_gen.backends.tflm.arena import MEASURED_MARGIN_BYTES, arena_bytes
from firmware_gen.toolchain import compile_project
from imse_mcu.arena import ArenaError
from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.pipeline import BuildOutcome, BuildRequest, build
from imse_mcu.proof import proof_recording
from imse_mcu.running import run_recording
from targets.emulators.image import FirmwareImage
from targets.loader import load_target

pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulator,
    pytest.mark.skipif(
        not os.environ.get("TFLM_DIR"),
        reason="TFLM_DIR is not set: no TensorFlow Lite Micro to link",
    ),
]
_REAL = os.environ.get("TFLM_DIR", "")
QUIET = Reporter(enabled=False)


@pytest.fixture(scope="module", params=["stm32h7", "mps2_an500", "mps3_an547"])
def tflm_build(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache_folder: Path
) -> BuildOutcome:
    """The default model on one emulated board; skips where TFLM was not built for its core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMSE_MCU_CACHE", str(cache_folder))
        patch.setenv("TFLM_DIR", _REAL)
        folder = tmp_path_factory.mktemp("tflm") / "fw"
        try:
            return build(BuildRequest(request.param, folder, runtime="tflm"), QUIET)
        except ImseMcuError as error:
            if "was built for another processor or ABI" in f"{error.message} {error.hint}":
                pytest.skip(f"TFLM_DIR holds no library for {request.param}")
            raise


def test_every_frame_equals_the_host_interpreter(tflm_build: BuildOutcome) -> None:
    assert tflm_build.report["runtime"] == "tflm"
    assert tflm_build.report["bit_exact"] is True


def test_audio_equals_that_of_the_aot_runtime(
    tflm_build: BuildOutcome, built: BuildOutcome
) -> None:
    """The image of ``built`` is the aot one on the STM32H743, whatever board the other is for."""
    pcm = proof_recording()[:8000]
    runs = [
        run_recording(outcome.folder, outcome.folder.host_model(), pcm, reporter=QUIET)
        for outcome in (tflm_build, built)
    ]
    assert [run.report.runtime for run in runs] == ["tflm", "aot"]
    assert np.array_equal(runs[0].pcm, runs[1].pcm)
    assert np.any(runs[0].pcm)
    assert runs[0].report.peak_stack_bytes > runs[1].report.peak_stack_bytes > 0


def test_arena_is_what_the_interpreter_takes_and_a_margin(tflm_build: BuildOutcome) -> None:
    report = tflm_build.folder.record["runtime_report"]
    size = tflm_build.report["ram_bytes"]["arena"]
    margin = size - report["arena_used_bytes"]
    assert MEASURED_MARGIN_BYTES <= margin < MEASURED_MARGIN_BYTES + 32
    assert size % 16 == 0
    assert report["arena_method"].startswith("what the interpreter took on the emulator")
    address = FirmwareImage(tflm_build.folder.artifact("elf")).symbol("imse_arena")
    assert address is not None
    assert address % 16 == 0


def test_estimate_is_above_what_the_interpreter_takes_and_close(tflm_build: BuildOutcome) -> None:
    used = tflm_build.folder.record["runtime_report"]["arena_used_bytes"]
    assert used < arena_bytes(tflm_build.folder.host_model().quantized.graph) < 1.05 * used


def test_first_frame_takes_no_longer_than_the_others(tflm_build: BuildOutcome) -> None:
    """The model is prepared before it."""
    run = run_recording(
        tflm_build.folder,
        tflm_build.folder.host_model(),
        proof_recording()[:2000],
        reporter=QUIET,
    )
    counts = run.report.frame_counts
    assert counts[0] < 1.1 * np.median(counts[1:])


def test_an_arena_that_is_too_small_is_said_in_one_line(
    tflm_build: BuildOutcome, tmp_path: Path
) -> None:
    """As when the project is linked with another version of TFLM than it was sized with."""
    copy = BuildFolder(
        Path(shutil.copytree(tflm_build.folder.path, tmp_path / "copy")), tflm_build.folder.record
    )
    header = copy.path / "model/imse_tflm_model.h"
    text, count = re.subn(
        r"(define IMSE_TFLM_ARENA_BYTES) \d+", r"\1 8192", header.read_text("utf-8")
    )
    assert count == 1
    header.write_text(text)
    target = load_target(str(copy.record["target"]))
    compile_project(copy.path, target, definitions={"TFLM_DIR": _REAL})
    with pytest.raises(ArenaError, match=r"the arena is too small, .*\(arena of 8,192 bytes\)"):
        run_recording(copy, copy.host_model(), proof_recording()[:2000], reporter=QUIET)


def test_only_int8_registrations_are_linked(tflm_build: BuildOutcome) -> None:
    names = FirmwareImage(tflm_build.folder.artifact("elf")).symbols
    assert any("Register_CONV_2D_INT8" in name for name in names)
    assert not any(name.startswith("_ZN6tflite16Register_CONV_2D") for name in names)
    assert not {"malloc", "_sbrk", "printf"} & set(names)


def test_model_in_flash_is_the_tflite(tflm_build: BuildOutcome) -> None:
    image = FirmwareImage(tflm_build.folder.artifact("elf"))
    address = image.symbol("imse_model_data")
    assert address is not None

    def read(start: int, count: int) -> bytes:
        for segment in image.segments:
            offset = start - segment.address
            if 0 <= offset < len(segment.data):
                return segment.data[offset : offset + count]
        raise AssertionError(f"0x{start:08x} is not in the image")

    model = (tflm_build.folder.path / "model/model.tflite").read_bytes()
    assert read(address, len(model)) == model
