"""Firmware for whole segments, built and run on QEMU with a small network over the real bands."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from firmware_gen.options import FirmwareOptions
from firmware_gen.project import generate_project, write
from firmware_gen.toolchain import compile_project
from imse_mcu.arena import measure
from imse_mcu.buildfolder import (
    RECORD_FILE,
    RECORD_FORMAT,
    REFERENCE_DIR,
    BuildFolder,
)
from imse_mcu.checking import check_build, find_recordings
from imse_mcu.core.audio_io import read_audio, write_wav
from imse_mcu.core.files import write_bytes, write_json
from imse_mcu.core.progress import Reporter
from imse_mcu.device import open_device
from imse_mcu.host import FLOAT_FILE, STATES_FILE, HostModel
from imse_mcu.segment_host import enhance_integer, segment_samples
from imse_mcu.segment_running import run_segments
from keras_imse import offline_audio
from keras_imse.config import FrontendConfig
from keras_imse.errors import AudioError
from quantize.accuracy import AccuracyLimits
from quantize.artifact import METADATA_NAME, ModelMetadata, QuantizedModel
from quantize.flatmodel import FlatModel
from quantize.segments import quantize_segments
from targets.loader import load_target
from targets.protocol import NetworkState
from targets.segments import process_segment

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
        reason="needs arm-none-eabi-gcc and qemu-system-arm (apt: gcc-arm-none-eabi, "
        "qemu-system-arm)",
    ),
]

FRAMES = 8


def _harness() -> ModuleType:
    path = Path(__file__).parents[1] / "unit" / "firmware_gen" / "aot" / "aot_harness.py"
    spec = importlib.util.spec_from_file_location("aot_harness", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("aot_harness", module)
    spec.loader.exec_module(module)
    return module


def _model(dtype: str) -> QuantizedModel:
    """A network over segments: two convolutions, means over the segment, a mask and a phase."""
    harness = _harness()
    b = harness.GraphBuilder(5)
    scale, point = (0.03, -10) if dtype == "int8" else (0.0002, 0)
    b.features = harness.TensorNode(
        "features", (1, FRAMES, 256, 2), dtype, scales=(np.float32(scale),), zero_points=(point,)
    )
    x: Any = b.features if dtype == "int8" else b.requant(b.features, "int8", 0.03, -10)
    x = b.conv(x, 8, (3, 3), same=True, dilation=(2, 1))
    mean = b.op(
        "MEAN", [x, b.ints([1, 2])], b.tensor((1, 1, 1, 8), scale=x.scales[0]), keepDims=True
    )
    x = b.binary("SUB", x, mean, scale=x.scales[0])
    logit = b.conv(x, 1, (1, 1), scale=0.05)
    mask = b.op("LOGISTIC", [logit], b.tensor(logit.shape, scale=1 / 256, point=-128))
    phase = b.conv(x, 2, (1, 1), scale=0.05)
    flat = FlatModel(b.ops, {"features": b.features}, {"mask": mask, "phase": phase})
    index = flat.indices()
    metadata = ModelMetadata(
        "small",
        "imse",
        "int8",
        1000,
        FrontendConfig(n_fft=510, hop=100, first_bin=0),
        {"features": index[id(b.features)]},
        {"mask": index[id(mask)], "phase": index[id(phase)]},
    )
    flat.metadata[METADATA_NAME] = metadata.to_bytes()
    return QuantizedModel.from_bytes(flat.to_bytes())


@pytest.mark.parametrize(
    ("dtype", "board"), [("int8", "mps2_an500"), ("int16", "stm32h747i_disco")]
)
def test_segments_through_the_image_equal_this_machine(
    dtype: str, board: str, tmp_path: Path
) -> None:
    model, target = _model(dtype), load_target(board)
    project = generate_project(model, target, "aot", FirmwareOptions())
    folder = tmp_path / "build"
    write(project, folder)
    compile_project(folder, target, plan=project.plan)
    record = {"format": RECORD_FORMAT, "target": target.name, "model_digest": model.digest}
    host = HostModel(model, b"")
    rng = np.random.default_rng(1)
    # One whole segment and one that overlaps it.
    pcm = np.round(3000 * rng.standard_normal(segment_samples(model) + 250)).astype(np.int16)
    build = BuildFolder(folder, record)
    run = run_segments(build, host, pcm, on="emulator", reporter=Reporter(enabled=False))
    report = run.report
    assert report.bit_exact
    assert report.frames == 2 * FRAMES
    assert (report.feature_differences, report.differing_samples) == (0, 0)
    assert report.frame.mean > report.network.mean > 1000
    np.testing.assert_array_equal(run.pcm, enhance_integer(host, pcm))
    assert np.std(run.pcm[-250:]) > 10
    if board == "stm32h747i_disco":
        steps = {"imse_segment_analyze", "imse_segment_synthesize", "imse_network_invoke"}
        assert steps < report.layers.keys()
        assert sum(report.layers.values()) == pytest.approx(report.frame.mean, rel=0.01)


@pytest.mark.skipif(
    not os.environ.get("TFLM_DIR"), reason="TFLM_DIR is not set: no TensorFlow Lite Micro to link"
)
def test_tflm_tells_how_far_a_segment_is_and_equals_this_machine(tmp_path: Path) -> None:
    """Every operator may be told; the host is, as often as the firmware lets it."""
    model, target, folder = _model("int8"), load_target("mps2_an500"), tmp_path / "build"
    project = generate_project(model, target, "tflm", FirmwareOptions())
    write(project, folder)
    header = folder / "segment/imse_segment.h"
    text, count = re.subn(r"(PROGRESS_MS) 500u", r"\1 0u", header.read_text("utf-8"))
    assert count == 1
    header.write_text(text)
    definitions = {"TFLM_DIR": os.environ["TFLM_DIR"]}
    compile_project(folder, target, plan=project.plan, definitions=definitions)
    record = {"format": RECORD_FORMAT, "target": target.name, "model_digest": model.digest}
    build, host = BuildFolder(folder, record), HostModel(model, b"")
    state = measure(build)
    assert state.network is NetworkState.READY
    assert state.arena_used_bytes < project.reports["tflm"]["arena_bytes"]
    pcm = np.round(3000 * np.random.default_rng(1).standard_normal(segment_samples(model)))
    told: list[tuple[int, int]] = []
    with open_device(build, "emulator") as device:
        device.greet(model.digest)
        data = pcm.astype("<i2").tobytes()
        process_segment(device.link, data, 0.0, on_progress=lambda *done: told.append(done))
        assert device.link.counters.retries == 0
    operators = len(model.graph.ops)
    assert told == [(n, operators) for n in range(1, operators + 1)]
    run = run_segments(build, host, pcm.astype(np.int16), reporter=Reporter(enabled=False))
    assert run.report.runtime == "tflm"
    assert run.report.bit_exact
    assert run.report.differing_samples == 0


def _quantized_host(wave: np.ndarray) -> HostModel:
    """A network of keras over segments in int8, calibrated on samples, with its float twin."""
    import tf_keras

    tf_keras.utils.set_random_seed(2)
    features = tf_keras.Input((FRAMES, 256, 2), batch_size=1, name="features")
    x = tf_keras.layers.Conv2D(4, (3, 3), padding="same", activation="relu")(features)
    head = {"mask": (1, "sigmoid"), "phase": (2, "linear")}
    ends = {
        name: tf_keras.layers.Conv2D(channels, 1, activation=activation, name=name)(x)
        for name, (channels, activation) in head.items()
    }
    loud = wave * np.float32(offline_audio.level_factor(wave))
    sequence = offline_audio.features(*offline_audio.magnitude_phase(loud))[0]
    result = quantize_segments(
        lambda frames: tf_keras.Model(features, ends),
        FRAMES,
        [sequence],
        "int8",
        model_name="small",
        frontend=FrontendConfig(n_fft=510, hop=100, first_bin=0),
    )
    return HostModel(result.model, result.float_tflite)


def test_check_scores_float_int8_and_image(examples: Path, tmp_path: Path) -> None:
    recordings = {k: read_audio(examples / f"{k}.wav").pcm[16000:24000] for k in ("clean", "noisy")}
    host = _quantized_host(recordings["noisy"] / np.float32(32768.0))
    target, folder = load_target("mps2_an500"), tmp_path / "build"
    project = generate_project(host.quantized, target, "aot", FirmwareOptions())
    write(project, folder)
    compile_project(folder, target, plan=project.plan)
    record = {
        "format": RECORD_FORMAT,
        "target": target.name,
        "model_digest": host.quantized.digest,
    }
    write_json(folder / RECORD_FILE, record)
    for name in (FLOAT_FILE, STATES_FILE):
        write_bytes(folder / REFERENCE_DIR / name, host.to_files()[name])
    for kind, pcm in recordings.items():
        write_wav(tmp_path / f"{kind}.wav", pcm)
    report = check_build(
        folder,
        find_recordings(tmp_path / "clean.wav", tmp_path / "noisy.wav"),
        AccuracyLimits(max_pesq_drop=0.3),
        Reporter(enabled=False),
        on="qemu",
        engine="aot",
    )
    assert report.passed, report.failures
    assert report.image is not None
    assert report.image.si_sdr_db == pytest.approx(report.quantized.si_sdr_db, abs=0.5)
    assert min(report.output_sqnr_db.values()) > 20
    assert {layer.kind for layer in report.layers} == {"CONV_2D", "LOGISTIC"}


def test_recordings_shorter_than_a_window_are_refused(tmp_path: Path) -> None:
    host, short = HostModel(_model("int8"), b""), np.ones(509, np.int16)
    with pytest.raises(AudioError, match=r"509 samples is shorter than one window \(510 samples\)"):
        enhance_integer(host, short)
    with pytest.raises(AudioError, match="shorter than one window"):
        run_segments(BuildFolder(tmp_path, {}), host, short, reporter=Reporter(enabled=False))
