"""Measuring: pairs, scores, layers, limits."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imse_mcu.core.audio_io import read_audio, to_pcm16, write_wav
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.metrics import PESQ_WB_FLOOR, si_sdr_db
from keras_imse.config import FrontendConfig
from quantize import accuracy
from quantize.accuracy import (
    AccuracyLimits,
    check_accuracy,
    enhance,
    find_pairs,
    read_pair,
)
from quantize.errors import QuantizeError
from quantize.layers import compare_layers, worst_layers
from quantize.metrics import SpeechScores, mean_scores, score_speech, sqnr_db
from quantize.tflm_host import TflmRunner
from tests.unit.quantize.conftest import toy_features


def _write(folder: Path, name: str, samples: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    write_wav(folder / name, to_pcm16(samples))


@pytest.fixture(scope="module")
def speech(examples: Path) -> np.ndarray:
    files = sorted(examples.rglob("*.wav")) + sorted(examples.rglob("*.flac"))
    return read_audio(files[0]).samples[:48000]


@pytest.fixture
def folders(tmp_path: Path, speech: np.ndarray) -> tuple[Path, Path]:
    noise = np.random.default_rng(0).normal(0, 0.02, speech.size).astype(np.float32)
    _write(tmp_path / "clean", "a.wav", speech)
    _write(tmp_path / "noisy", "a.wav", speech + noise)
    return tmp_path / "clean", tmp_path / "noisy"


def test_si_sdr_of_known_noise():
    rng = np.random.default_rng(1)
    clean = rng.normal(size=100_000)
    noise = rng.normal(size=100_000)
    assert si_sdr_db(clean, 3.0 * (clean + 0.1 * noise)) == pytest.approx(20.0, abs=0.1)


def test_sqnr():
    assert sqnr_db(100.0, 1.0) == pytest.approx(20.0)
    assert sqnr_db(1.0, 0.0) == 200.0


def test_scores_fall_with_noise(speech):
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.01, speech.size).astype(np.float32)
    scores = [
        score_speech(speech, speech + level * noise, 16000, name="x") for level in (0.1, 1.0, 5.0)
    ]
    for better, worse in pairwise(scores):
        assert better.pesq_wb > worse.pesq_wb
        assert better.stoi > worse.stoi
        assert better.si_sdr_db > worse.si_sdr_db
    mean = mean_scores(scores)
    assert mean.pesq_wb == pytest.approx(np.mean([s.pesq_wb for s in scores]))


def test_recording_without_speech_is_named():
    silence = np.zeros(32000, np.float32)
    with pytest.raises(QuantizeError, match="quiet: PESQ finds no speech"):
        score_speech(silence, silence, 16000, name="quiet")


def test_a_silent_result_has_the_lowest_score(speech):
    scores = score_speech(speech, np.zeros_like(speech), 16000, name="x")
    assert scores.pesq_wb == PESQ_WB_FLOOR
    assert scores.stoi == 0.0


def test_recordings_of_one_name_are_refused(folders, speech):
    clean, noisy = folders
    soundfile.write(noisy / "a.flac", speech, 16000)
    with pytest.raises(QuantizeError, match=r"a\.flac and .*a\.wav have the same name"):
        find_pairs(clean, noisy)


@pytest.mark.parametrize("what", ["pesq_wb", "stoi", "si_sdr_db"])
def test_what_is_unknown_meets_no_limit(what):
    exact = SpeechScores(3.0, 0.9, 10.0)
    limits = AccuracyLimits(0.1, 0.1, 0.1, min_pesq=1.0, min_output_sqnr_db=1.0)
    assert accuracy._failures(limits, "int8", exact, exact) == []
    failures = accuracy._failures(limits, "int8", exact, replace(exact, **{what: np.nan}))
    assert len(failures) == (2 if what == "pesq_wb" else 1)
    assert len(accuracy._output_failures(limits, {"mask": np.nan, "phase": 20.0})) == 1


def test_lonely_recordings_are_named(folders, speech):
    clean, noisy = folders
    _write(noisy, "b.wav", speech)
    _write(noisy, "c.wav", speech)
    with pytest.raises(QuantizeError, match=r"b\.wav and 1 more: no recording of that name"):
        find_pairs(clean, noisy)


def test_missing_folder_is_one_line(folders, tmp_path):
    with pytest.raises(ImseMcuError, match="there is no folder"):
        find_pairs(tmp_path / "nowhere", folders[1])


def test_pair_of_unequal_length_is_refused(folders, speech):
    clean, noisy = folders
    _write(noisy, "a.wav", speech[:-100])
    with pytest.raises(QuantizeError, match="pair 'a': clean has 48000 samples, noisy has 47900"):
        read_pair(find_pairs(clean, noisy)[0])


class _Keep:
    """A network that changes nothing: factor 1 everywhere."""

    def run(self, features: np.ndarray) -> dict[str, np.ndarray]:
        frames = len(features)
        return {
            "mask": np.full((frames, 256, 1), 0.5, np.float32),
            "phase": np.zeros((frames, 256, 2), np.float32),
        }


def test_enhance_with_unit_mask_returns_the_recording(speech):
    wave = speech - speech.mean()
    enhanced = enhance(wave, _Keep(), FrontendConfig())
    assert enhanced.shape == wave.shape
    assert si_sdr_db(wave, enhanced) > 25.0


def test_check_reports_files_means_layers_and_limits(folders, result):
    pairs = find_pairs(*folders)
    seen = []
    report = check_accuracy(
        TflmRunner(result.model),
        result.float_tflite,
        pairs,
        initial_states=result.initial_states,
        limits=AccuracyLimits(max_pesq_drop=5.0),
        layer_frames=20,
        progress=lambda *step: seen.append(step),
    )
    assert report.passed
    assert [entry.name for entry in report.files] == ["a"]
    assert report.quantized == report.files[0].quantized
    assert report.pesq_drop == report.float_model.pesq_wb - report.quantized.pesq_wb
    assert set(report.output_sqnr_db) == {"mask", "phase"}
    assert report.output_sqnr_db["mask"] > 15
    assert ("recordings", 1, 1) in seen
    assert ("layers", 20, 20) in seen
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert data["passed"] is True
    assert data["mean"]["int8"]["pesq_wb"] == report.quantized.pesq_wb
    assert len(data["worst_layers"]) == 10


def test_limits_that_are_missed_are_listed(folders, result):
    limits = AccuracyLimits(
        max_pesq_drop=-5.0,
        max_stoi_drop=-1.0,
        max_si_sdr_drop_db=-100.0,
        min_pesq=4.6,
        min_output_sqnr_db=150.0,
    )
    report = check_accuracy(
        TflmRunner(result.model),
        result.float_tflite,
        find_pairs(*folders),
        initial_states=result.initial_states,
        limits=limits,
        layer_frames=2,
    )
    assert not report.passed
    assert len(report.failures) == 6
    assert report.failures[0].startswith("int8: mean PESQ-WB drops by")


def test_no_pairs_is_refused(result):
    with pytest.raises(QuantizeError, match="no pairs"):
        check_accuracy(TflmRunner(result.model), result.float_tflite, [])


def test_layers_are_compared_by_name(result):
    layers = compare_layers(
        result.model,
        result.float_tflite,
        [toy_features(20, 31)],
        initial_states=result.initial_states,
    )
    names = [layer.tensor for layer in layers]
    assert "mask" in names
    assert "next_state_00" in names
    first = layers[0]
    assert first.kind == "CONV_2D"
    assert first.sqnr_db > 25
    worst = worst_layers(layers, 3)
    assert len(worst) == 3
    assert worst[0].sqnr_db == min(layer.sqnr_db for layer in layers)


def test_comparing_without_frames_is_refused(result):
    with pytest.raises(QuantizeError, match="no frames"):
        compare_layers(result.model, result.float_tflite, [])
