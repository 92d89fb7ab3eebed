"""Float64 reference of the front end, and the C sources built as a shared library."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from firmware_gen.backends.config_header import digest_initializer

REPO = Path(__file__).resolve().parents[3]
CSRC = REPO / "firmware_gen" / "csrc"
HOP, N_FFT = 256, 512

FEATURE_SCALE, FEATURE_ZERO_POINT = np.float32(0.021), -17
PHASE_SCALE, PHASE_ZERO_POINT = np.float32(0.013), 5
WARNINGS = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wshadow",
    "-Wconversion",
    "-Wdouble-promotion",
]
FLOAT_FLAGS = ["-ffp-contract=off", "-fno-math-errno", "-Wno-sign-conversion"]


def config_header(digest: str = "00" * 32) -> str:
    values = {
        "IMSE_SAMPLE_RATE_HZ": "16000",
        "IMSE_N_FFT": "512",
        "IMSE_HOP": "256",
        "IMSE_BANDS": "256",
        "IMSE_FIRST_BIN": "1",
        "IMSE_SEGMENT_FRAMES": "0",
        "IMSE_FEATURE_CHANNELS": "3",
        "IMSE_FEATURE_BYTES": "768",
        "IMSE_MASK_BYTES": "256",
        "IMSE_PHASE_BYTES": "512",
        "IMSE_FEATURE_SCALE": f"{float(FEATURE_SCALE):.8e}f",
        "IMSE_FEATURE_ZERO_POINT": f"({FEATURE_ZERO_POINT})",
        "IMSE_MASK_SCALE": "3.90625000e-03f",
        "IMSE_MASK_ZERO_POINT": "(-128)",
        "IMSE_PHASE_SCALE": f"{float(PHASE_SCALE):.8e}f",
        "IMSE_PHASE_ZERO_POINT": f"{PHASE_ZERO_POINT}",
        "IMSE_MAGNITUDE_FLOOR": "1.00000001e-07f",
        "IMSE_COMPRESSION": "3.00000012e-01f",
        "IMSE_LEVEL_TARGET_RMS": "1.00000001e-01f",
        "IMSE_LEVEL_ATTACK": "5.00000007e-02f",
        "IMSE_LEVEL_FLOOR": "1.00000001e-07f",
        "IMSE_LEVEL_MIN_UPDATE": "8.00000038e-03f",
        "IMSE_MODEL_DIGEST": digest_initializer(digest),
    }
    return "".join(f"#define {name} {value}\n" for name, value in values.items())


class Frontend:
    """ctypes face of one front end instance."""

    def __init__(self, library: ctypes.CDLL, size: int) -> None:
        self._library = library
        self._state = ctypes.create_string_buffer(size)
        self.reset()

    @property
    def state(self) -> bytes:
        return self._state.raw

    def reset(self) -> None:
        self._library.imse_frontend_reset(self._state)

    def analyze(self, pcm: np.ndarray) -> np.ndarray:
        hop = np.ascontiguousarray(pcm, np.int16)
        assert hop.shape == (HOP,)
        features = np.zeros(768, np.int8)
        self._library.imse_frontend_analyze(self._state, _pointer(hop), _pointer(features))
        return features

    def synthesize(self, mask: np.ndarray, phase: np.ndarray) -> np.ndarray:
        pcm = np.zeros(HOP, np.int16)
        mask, phase = np.ascontiguousarray(mask, np.int8), np.ascontiguousarray(phase, np.int8)
        assert mask.shape == (256,)
        assert phase.shape == (512,)
        self._library.imse_frontend_synthesize(
            self._state, _pointer(mask), _pointer(phase), _pointer(pcm)
        )
        return pcm


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


SIZE_PROBE = """
#include "imse_frontend.h"
unsigned probe_size(void) { return sizeof(imse_frontend_t); }
float probe_compress(float m2) { return compress(m2); }
"""


def build_library(folder: Path) -> ctypes.CDLL:
    """Compiles the front end for the host as the image is compiled for the target."""
    (folder / "imse_model_config.h").write_text(config_header())
    source = folder / "probe.c"
    source.write_text('#include "imse_frontend.c"\n' + SIZE_PROBE)
    library = folder / "libfrontend.so"
    command = ["gcc", "-O2", "-shared", "-fPIC", *WARNINGS, *FLOAT_FLAGS]
    command += [f"-I{folder}", f"-I{CSRC / 'frontend'}", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.probe_size.restype = ctypes.c_uint
    loaded.probe_compress.restype = ctypes.c_float
    loaded.probe_compress.argtypes = [ctypes.c_float]
    return loaded


def round_half_away(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


@dataclass
class Reference:
    """The front end in float64, one hop at a time."""

    history: np.ndarray = field(default_factory=lambda: np.zeros(HOP))
    overlap: np.ndarray = field(default_factory=lambda: np.zeros(HOP))
    level: float = 0.0
    frames: int = 0

    def __post_init__(self) -> None:
        self.window = np.sin(np.pi * np.arange(N_FFT) / N_FFT)

    def analyze(self, pcm: np.ndarray) -> np.ndarray:
        x = pcm.astype(np.float64) / 32768.0
        self.spectrum = np.fft.rfft(np.concatenate([self.history, x]) * self.window)
        self.history = x
        energy = float(np.mean(x * x))
        update = max(1.0 / (self.frames + 1), 0.008)
        self.frames += 1
        self.level += update * (energy - self.level)
        self.level = max(self.level, 0.05 * energy, 1e-7)
        scaled = self.spectrum[1:] * (0.1 / np.sqrt(self.level))
        m = np.maximum(np.abs(scaled), 1e-7)
        values = np.stack([m**0.3, scaled.real * m**-0.7, scaled.imag * m**-0.7], axis=-1)
        steps = round_half_away(values / float(FEATURE_SCALE)) + FEATURE_ZERO_POINT
        return np.clip(steps, -128, 127).astype(np.int8).reshape(-1)

    def synthesize(self, mask: np.ndarray, phase: np.ndarray) -> np.ndarray:
        """Returns the hop in float64, in units of int16, not rounded."""
        factor = 2.0 * (mask.astype(np.float64) + 128.0) / 256.0
        ab = (phase.astype(np.float64).reshape(-1, 2) - PHASE_ZERO_POINT) * float(PHASE_SCALE)
        u = (1.0 + ab[:, 0]) + 1j * ab[:, 1]
        u /= np.sqrt(np.abs(u) ** 2 + 1e-8)
        frame = np.fft.irfft(np.concatenate([[0.0], factor * u * self.spectrum[1:]]), N_FFT)
        frame = frame * self.window
        out = (self.overlap + frame[:HOP]) * 32768.0
        self.overlap = frame[HOP:]
        return out
