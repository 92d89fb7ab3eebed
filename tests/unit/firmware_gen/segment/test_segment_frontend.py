"""The offline network's C front end: against float64 numpy, and bit for bit against its twin."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from reference_frontend import CSRC
from segment_build import (
    FEATURES,
    FRAMES,
    MASK,
    PHASE,
    SAMPLES,
    compile_library,
    config_header,
    noise,
)

from firmware_gen.segment_tables import TABLES_PATH, render_tables
from keras_imse import device_segment as twin
from keras_imse import offline_audio
from keras_imse.device_audio import Scale


class SegmentFrontend:
    """The compiled front end."""

    def __init__(self, library: ctypes.CDLL, features: type[np.signedinteger] = np.int8) -> None:
        self._library = library
        self._features = features
        library.imse_segment_gain.restype = ctypes.c_float

    def gain(self, pcm: np.ndarray) -> np.float32:
        return np.float32(self._library.imse_segment_gain(_pointer(pcm)))

    def analyze(self, pcm: np.ndarray, gain: float) -> np.ndarray:
        out = np.empty((FRAMES, 256, 2), self._features)
        self._library.imse_segment_analyze(_pointer(pcm), ctypes.c_float(gain), _pointer(out))
        return out

    def synthesize(
        self, pcm: np.ndarray, gain: float, mask: np.ndarray, phase: np.ndarray
    ) -> np.ndarray:
        out = np.empty(SAMPLES, np.int16)
        arrays = [_pointer(mask), _pointer(phase), _pointer(out)]
        self._library.imse_segment_synthesize(_pointer(pcm), ctypes.c_float(gain), *arrays)
        return out


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> SegmentFrontend:
    folder = tmp_path_factory.mktemp("segment")
    source = CSRC / "segment" / "imse_segment_frontend.c"
    return SegmentFrontend(compile_library(folder, [source], config_header()))


def test_tables_are_the_generated_ones() -> None:
    assert TABLES_PATH.read_text(encoding="utf-8") == render_tables()


def test_features_equal_the_definition_but_for_roundings(frontend: SegmentFrontend) -> None:
    pcm = noise(1)
    wave = pcm / 32768.0
    gain = offline_audio.level_factor(wave)
    magnitude, phase = offline_audio.magnitude_phase(wave * gain)
    values = offline_audio.features(magnitude, phase)[0]
    expected = np.clip(np.round(values / FEATURES.scale) + FEATURES.zero_point, -128, 127)
    got = frontend.analyze(pcm, gain)
    assert np.ptp(expected[..., 0]) > 50
    assert np.ptp(expected[..., 1]) > 200
    # The first frame is its own mirror image: its spectrum is real, and the sign of half a turn is
    # that of the last rounding.
    assert np.all(np.abs(np.sin(phase.T[0])) < 1e-6)
    half_turn = np.zeros(expected.shape, bool)
    half_turn[0, :, 1] = np.cos(phase.T[0]) < 0
    difference = np.abs(got - expected)[~half_turn]
    assert np.mean(difference > 0) < 1e-3
    assert np.max(difference) <= 1


def test_synthesis_equals_the_definition_but_for_the_rounding(frontend: SegmentFrontend) -> None:
    rng = np.random.default_rng(2)
    pcm = noise(3)
    wave = pcm / 32768.0
    gain = offline_audio.level_factor(wave)
    mask = rng.integers(-128, 30, (FRAMES, 256)).astype(np.int8)
    phase = rng.integers(-128, 128, (FRAMES, 256, 2)).astype(np.int8)
    magnitude, _ = offline_audio.magnitude_phase(wave * gain)
    real_mask = (mask.astype(float) + 128)[None, ..., None] / 256
    real_phase = (phase.astype(float) - PHASE.zero_point)[None] * PHASE.scale
    enhanced = offline_audio.enhanced_spectrum(magnitude, real_mask, real_phase, 2.0)
    expected = offline_audio.wave_from(*enhanced) / gain * 32768
    got = frontend.synthesize(pcm, gain, mask, phase)
    assert np.max(np.abs(expected)) > 300
    assert np.max(np.abs(got - np.clip(expected, -32768, 32767))) < 0.52


@pytest.mark.parametrize("amplitude", [0.0, 1.2, 3000.0, 40000.0])
def test_twin_gives_the_same_bits(frontend: SegmentFrontend, amplitude: float) -> None:
    rng = np.random.default_rng(5)
    pcm = np.clip(noise(4, 3000.0) * (amplitude / 3000.0), -32768, 32767).astype(np.int16)
    gain = frontend.gain(pcm)
    assert gain == twin.gain(pcm)
    assert (gain == 0.0) == (not pcm.any())
    gain = gain or np.float32(1.0)
    spectrum = twin.spectrum_of(pcm, gain)
    np.testing.assert_array_equal(
        frontend.analyze(pcm, gain), twin.features_of(spectrum, 0.3, FEATURES)
    )
    mask = rng.integers(-128, 128, (FRAMES, 256)).astype(np.int8)
    phase = rng.integers(-128, 128, (FRAMES, 256, 2)).astype(np.int8)
    phase[0, :9] = PHASE.zero_point  # no direction
    np.testing.assert_array_equal(
        frontend.synthesize(pcm, gain, mask, phase),
        twin.samples_of(spectrum, gain, mask, phase, (MASK, PHASE), 0.3),
    )


def test_gain_of_a_full_scale_segment(frontend: SegmentFrontend) -> None:
    loud = np.full(SAMPLES, -32768, np.int16)
    assert frontend.gain(loud) == twin.gain(loud) == np.float32(1.0)


def test_sixteen_bit_tensors(tmp_path: Path) -> None:
    features, mask_scale = Scale(0.0002, 0, "int16"), Scale(2.0**-15, 0, "int16")
    phase_scale = Scale(0.001, 0, "int16")
    config = config_header(features, mask_scale, phase_scale)
    source = CSRC / "segment" / "imse_segment_frontend.c"
    wide = SegmentFrontend(compile_library(tmp_path, [source], config), np.int16)
    rng = np.random.default_rng(6)
    pcm, gain = noise(11), np.float32(8.0)
    spectrum = twin.spectrum_of(pcm, gain)
    expected = twin.features_of(spectrum, 0.3, features)
    np.testing.assert_array_equal(wide.analyze(pcm, gain), expected)
    assert np.ptp(expected.astype(int)) > 20000
    mask = rng.integers(-100, 32768, (FRAMES, 256)).astype(np.int16)
    phase = rng.integers(-32768, 32768, (FRAMES, 256, 2)).astype(np.int16)
    np.testing.assert_array_equal(
        wide.synthesize(pcm, gain, mask, phase),
        twin.samples_of(spectrum, gain, mask, phase, (mask_scale, phase_scale), 0.3),
    )
