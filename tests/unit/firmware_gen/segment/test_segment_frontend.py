"""The offline network's C front end: against float64 numpy, and bit for bit against its twin."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from firmware_gen.backends.config_header import mask_header_text
from firmware_gen.segment_tables import TABLES_PATH, render_tables
from keras_imse import device_segment as twin
from keras_imse import offline_audio
from keras_imse.device_audio import Scale

CSRC = Path(__file__).parents[4] / "firmware_gen" / "csrc"
FRAMES = 24
SAMPLES = (FRAMES - 1) * 100
FEATURES, MASK, PHASE = Scale(0.03, -13), Scale(1 / 256, -128), Scale(0.02, 5)
CONFIG = {
    "IMSE_N_FFT": "510",
    "IMSE_HOP": "100",
    "IMSE_FIRST_BIN": "0",
    "IMSE_BANDS": "256",
    "IMSE_SEGMENT_FRAMES": str(FRAMES),
    "IMSE_FEATURE_BYTES": str(512 * FRAMES),
    "IMSE_MASK_BYTES": str(256 * FRAMES),
    "IMSE_PHASE_BYTES": str(512 * FRAMES),
    "IMSE_FEATURE_SCALE": f"{FEATURES.scale:.8e}f",
    "IMSE_FEATURE_ZERO_POINT": f"({FEATURES.zero_point})",
    "IMSE_PHASE_ZERO_POINT": str(PHASE.zero_point),
    "IMSE_COMPRESSION": "3.00000012e-01f",
}
FLAGS = ["-std=c99", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]


class SegmentFrontend:
    """The compiled front end."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.imse_segment_gain.restype = ctypes.c_float

    def gain(self, pcm: np.ndarray) -> np.float32:
        return np.float32(self._library.imse_segment_gain(_pointer(pcm)))

    def analyze(self, pcm: np.ndarray, gain: float) -> np.ndarray:
        out = np.empty((FRAMES, 256, 2), np.int8)
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
    header = "".join(f"#define {name} {value}\n" for name, value in CONFIG.items())
    (folder / "imse_model_config.h").write_text(header)
    (folder / "imse_segment_mask.h").write_text(mask_header_text(MASK.scale, MASK.zero_point, 0.3))
    library = folder / "segment.so"
    includes = [f"-I{folder}", f"-I{CSRC / 'segment'}", f"-I{CSRC / 'frontend'}"]
    source = str(CSRC / "segment" / "imse_segment_frontend.c")
    undefined = ["-fsanitize=undefined", "-fno-sanitize-recover"]
    command = ["gcc", *FLAGS, *undefined, *includes, "-shared", source, "-lm", "-o", str(library)]
    subprocess.run(command, check=True)
    return SegmentFrontend(ctypes.CDLL(str(library)))


def _noise(seed: int, amplitude: float = 3000.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    tone = np.sin(np.arange(SAMPLES) * 0.11) * (np.arange(SAMPLES) < SAMPLES // 2)
    return np.round(amplitude * (tone + 0.3 * rng.standard_normal(SAMPLES))).astype(np.int16)


def test_tables_are_the_generated_ones() -> None:
    assert TABLES_PATH.read_text(encoding="utf-8") == render_tables()


def test_features_equal_the_definition_but_for_roundings(frontend: SegmentFrontend) -> None:
    pcm = _noise(1)
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
    pcm = _noise(3)
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
    pcm = np.clip(_noise(4, 3000.0) * (amplitude / 3000.0), -32768, 32767).astype(np.int16)
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
    factors = twin.mask_factors(MASK, 2.0, 0.3)
    np.testing.assert_array_equal(
        frontend.synthesize(pcm, gain, mask, phase),
        twin.samples_of(spectrum, gain, mask, phase, factors, PHASE),
    )


def test_gain_of_a_full_scale_segment(frontend: SegmentFrontend) -> None:
    loud = np.full(SAMPLES, -32768, np.int16)
    assert frontend.gain(loud) == twin.gain(loud) == np.float32(1.0)
