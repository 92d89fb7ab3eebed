"""The tflm runtime with a real TensorFlow Lite Micro, which the project does not carry.

``TFLM_DIR`` names it: a checkout in which ``microlite`` was built for ``cortex-m7+fp`` with
``OPTIMIZED_KERNEL_DIR=cmsis_nn``. Without it there is nothing to link, and these tests say so.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imse_mcu.core.progress import Reporter
from imse_mcu.pipeline import BuildOutcome, BuildRequest, build
from imse_mcu.proof import proof_recording
from imse_mcu.running import run_recording
from targets.emulators.image import FirmwareImage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulator,
    pytest.mark.skipif(
        not os.environ.get("TFLM_DIR"),
        reason="TFLM_DIR is not set: no TensorFlow Lite Micro to link",
    ),
]
_REAL = os.environ.get("TFLM_DIR", "")


@pytest.fixture(scope="module")
def tflm_build(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> BuildOutcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMSE_MCU_CACHE", str(cache_folder))
        patch.setenv("TFLM_DIR", _REAL)
        folder = tmp_path_factory.mktemp("tflm") / "fw"
        return build(BuildRequest("stm32h7", folder, runtime="tflm"), Reporter(enabled=False))


def test_every_frame_equals_the_host_interpreter(tflm_build: BuildOutcome) -> None:
    assert tflm_build.report["runtime"] == "tflm"
    assert tflm_build.report["bit_exact"] is True


def test_audio_equals_that_of_the_aot_runtime(
    tflm_build: BuildOutcome, built: BuildOutcome
) -> None:
    pcm = proof_recording()[:8000]
    runs = [
        run_recording(
            outcome.folder, outcome.folder.host_model(), pcm, reporter=Reporter(enabled=False)
        ).pcm
        for outcome in (tflm_build, built)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert np.any(runs[0])


def test_arena_is_what_the_interpreter_takes_and_a_margin(tflm_build: BuildOutcome) -> None:
    report = tflm_build.folder.record["runtime_report"]
    size = tflm_build.report["ram_bytes"]["arena"]
    assert 256 <= size - report["arena_used_bytes"] < 256 + 32
    assert size % 16 == 0
    assert report["arena_method"].startswith("what the interpreter took on the emulator")


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
