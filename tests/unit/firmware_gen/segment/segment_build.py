"""The firmware for whole segments, compiled for the host."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
from reference_frontend import CSRC, FLOAT_FLAGS, WARNINGS

from firmware_gen.backends.config_header import mask_header_text
from keras_imse.device_audio import Scale

FRAMES = 24
SAMPLES = (FRAMES - 1) * 100
FEATURES, MASK, PHASE = Scale(0.03, -13), Scale(1 / 256, -128), Scale(0.02, 5)
DIGEST = "".join(f"{value:02x}" for value in range(0, 256, 8))
CONFIG = {
    "IMSE_SAMPLE_RATE_HZ": "16000",
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
    "IMSE_MODEL_DIGEST": f'"{DIGEST}"',
}


def compile_library(folder: Path, sources: list[Path]) -> ctypes.CDLL:
    """Compile C sources as the firmware's are, with checks for undefined behaviour."""
    header = "".join(f"#define {name} {value}\n" for name, value in CONFIG.items())
    (folder / "imse_model_config.h").write_text(header)
    (folder / "imse_segment_mask.h").write_text(mask_header_text(MASK.scale, MASK.zero_point, 0.3))
    names = ("segment", "frontend", "app", "protocol", "network", "platform")
    includes = [f"-I{path}" for path in (folder, *(CSRC / name for name in names))]
    library = folder / "segment.so"
    checks = ["-fsanitize=undefined", "-fno-sanitize-recover"]
    command = ["gcc", "-O2", "-shared", "-fPIC", *WARNINGS, *FLOAT_FLAGS, *checks, *includes]
    subprocess.run([*command, *map(str, sources), "-lm", "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def noise(seed: int, amplitude: float = 3000.0) -> np.ndarray:
    """A tone that stops half-way, and noise, int16."""
    rng = np.random.default_rng(seed)
    tone = np.sin(np.arange(SAMPLES) * 0.11) * (np.arange(SAMPLES) < SAMPLES // 2)
    return np.round(amplitude * (tone + 0.3 * rng.standard_normal(SAMPLES))).astype(np.int16)
