"""Which segments fit, and what is said about short ones."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from firmware_gen.backends import config_header
from firmware_gen.backends.aot.backend import AotBackend
from firmware_gen.backends.base import BackendMemory
from firmware_gen.options import FirmwareOptions
from imse_mcu import segment_planning
from imse_mcu.core.progress import Reporter
from imse_mcu.quantization import QuantizationRequest
from imse_mcu.segment_host import pieces, recording_gain
from imse_mcu.segment_planning import (
    QUALITY,
    SegmentSurvey,
    quality_words,
    segment_verdict,
    survey,
)
from imse_mcu.segment_quantization import calibration_features
from keras_imse.imse_config import ImseConfig
from targets.loader import load_target

MEMORY = BackendMemory(
    weights_bytes=500_000, arena_bytes=960_000, state_bytes=0, code_bytes=100_000, stack_bytes=1024
)
TENSOR_BYTES = 2560  # int16
LONGER = replace(MEMORY, weights_bytes=504_000, arena_bytes=1_664_000)


def _survey(target: str) -> SegmentSurvey:
    return SegmentSurvey(load_target(target), {32: LONGER, 16: MEMORY}, TENSOR_BYTES)


def test_memory_grows_with_the_segment() -> None:
    found = _survey("nucleo_h743zi2")
    assert found.needs(16) == MEMORY
    # Borders take 256,000 bytes whatever the length, activations 44,000 per frame.
    assert found.needs(32) == LONGER
    assert found.needs(308).arena_bytes == 256_000 + 308 * 44_000
    assert found.needs(308).weights_bytes == 573_000
    short, long = found.at(4), found.at(16)
    # 400 bytes of samples come with each frame.
    assert long.ram_bytes - short.ram_bytes == 12 * (44_000 + 400 + TENSOR_BYTES)
    assert (short.fits, long.fits) == (True, False)


@pytest.mark.parametrize(
    ("target", "frames"), [("nucleo_h743zi2", 4), ("mps2_an500", 308), ("stm32h747i_disco", 308)]
)
def test_longest_segment_fits_and_the_next_does_not(target: str, frames: int) -> None:
    found = _survey(target)
    largest = found.largest(308)
    assert largest == frames
    assert found.fits(largest)
    assert largest == 308 or not found.fits(largest + 4)
    assert found.problem() == ""


def test_the_kernels_of_the_build_say_what_a_segment_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FirmwareOptions] = []

    def generate(_self: AotBackend, model: int, _target: Any, options: FirmwareOptions) -> Any:
        asked.append(options)
        return SimpleNamespace(memory={16: MEMORY, 32: LONGER}[model])

    monkeypatch.setattr(AotBackend, "generate", generate)
    monkeypatch.setattr(segment_planning, "segment_frames", lambda model: model)
    monkeypatch.setattr(config_header, "segment_tensor_bytes", lambda _: TENSOR_BYTES)
    options = FirmwareOptions(kernels="cmsis-nn", cmsis_nn_dir="somewhere")
    found = survey(cast("Any", (16, 32)), load_target("mps2_an500"), options)
    assert asked == [options, options]
    assert found.needs(32) == LONGER


@pytest.mark.parametrize(
    ("target", "frames", "surveyed"),
    [
        ("mps2_an500", 64, False),
        ("mps2_an500", 308, True),
        ("nucleo_h743zi2", 4, True),
    ],
)
def test_a_segment_that_surely_fits_needs_no_survey(
    monkeypatch: pytest.MonkeyPatch, target: str, frames: int, surveyed: bool
) -> None:
    asked: list[str] = []

    def survey_models(model: str, *_: object) -> tuple[()]:
        asked.append(model)
        return ()

    monkeypatch.setattr(segment_planning, "survey_models", survey_models)
    monkeypatch.setattr(segment_planning, "survey", lambda *_: _survey(target))
    request = QuantizationRequest("imse", untrained=True, segment_frames=frames)
    reporter = Reporter(enabled=False)
    segment_planning.check_fit(request, load_target(target), FirmwareOptions(), reporter)
    assert asked == (["imse"] if surveyed else [])


def test_no_segment_fits_a_small_board() -> None:
    found = _survey("stm32f407g_disc1")
    assert found.largest(308) == 0
    assert "does not fit" in found.problem()


def test_short_segments_are_called_what_they_are() -> None:
    assert quality_words(308) == ""
    assert "PESQ-WB 1.28 at 16 frames against 2.43 at 308" in quality_words(8)
    assert "PESQ-WB 1.65 at 32 frames" in quality_words(20)
    assert "PESQ-WB 1.99 at 64 frames" in quality_words(200)
    assert "segments of 200 frames only, which lowers the quality" in segment_verdict(200, 21.0)
    assert sorted(QUALITY.values()) == [QUALITY[frames] for frames in sorted(QUALITY)]
    assert segment_verdict(308, 25.4) == (
        "fits whole segments of 308 frames, for offline clips: 25.4 times too slow for real time"
    )
    assert "ruins the quality" in segment_verdict(8, 21.0)


def test_recordings_are_cut_as_the_authors_do() -> None:
    pcm = np.arange(2500, dtype=np.int16)
    cut = pieces(pcm, 1000)
    assert [(piece.start, piece.keep) for piece in cut] == [(0, 1000), (1000, 500), (1500, 1000)]
    np.testing.assert_array_equal(cut[2].pcm, pcm[1500:])
    (short,) = pieces(pcm[:300], 1000)
    assert (short.keep, len(short.pcm), short.pcm[300:].any()) == (300, 1000, False)
    assert recording_gain(np.zeros(100, np.int16)) == 0
    assert recording_gain(np.full(100, -16384, np.int16)) == 2


def test_calibration_takes_whole_segments_of_many_recordings() -> None:
    config = ImseConfig()
    rng = np.random.default_rng(0)
    waves = [0.1 * rng.standard_normal(n).astype(np.float32) for n in (16000, 900, 9000)]
    silence = np.zeros(8000, np.float32)
    features = calibration_features(config, [*waves, silence], 16, 96)
    assert [f.shape for f in features] == [(16, 256, 2), (16, 256, 2)]
    level = np.mean([np.mean(f[..., 0]) for f in features])
    assert 0.5 < level < 5
    assert calibration_features(config, waves[1:2], 16, 96) == []
