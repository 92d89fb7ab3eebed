"""The firmware for whole segments, compiled for the host."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
from reference_frontend import CSRC, FLOAT_FLAGS, WARNINGS

from firmware_gen.backends.config_header import digest_initializer
from keras_imse.device_audio import Scale

FRAMES = 24
SAMPLES = (FRAMES - 1) * 100
FEATURES, MASK, PHASE = Scale(0.03, -13), Scale(1 / 256, -128), Scale(0.02, 5)
DIGEST = "".join(f"{value:02x}" for value in range(0, 256, 8))


def config_header(features: Scale = FEATURES, mask: Scale = MASK, phase: Scale = PHASE) -> str:
    """A model's configuration for the C sources."""
    values = {
        "IMSE_SAMPLE_RATE_HZ": "16000",
        "IMSE_N_FFT": "510",
        "IMSE_HOP": "100",
        "IMSE_FIRST_BIN": "0",
        "IMSE_BANDS": "256",
        "IMSE_SEGMENT_FRAMES": str(FRAMES),
        "IMSE_COMPRESSION": "3.00000012e-01f",
        "IMSE_MODEL_DIGEST": digest_initializer(DIGEST),
    }
    for name, scale, width in (
        ("FEATURE", features, 512),
        ("MASK", mask, 256),
        ("PHASE", phase, 512),
    ):
        bits = int(scale.dtype.removeprefix("int"))
        values[f"IMSE_{name}_BITS"] = str(bits)
        values[f"IMSE_{name}_BYTES"] = str(width * FRAMES * bits // 8)
        values[f"IMSE_{name}_SCALE"] = f"{scale.scale:.8e}f"
        values[f"IMSE_{name}_ZERO_POINT"] = f"({scale.zero_point})"
    return "".join(f"#define {name} {value}\n" for name, value in values.items())


def compile_library(folder: Path, sources: list[Path], config: str) -> ctypes.CDLL:
    """Compile C sources as the firmware's are, with checks for undefined behaviour."""
    (folder / "imse_model_config.h").write_text(config)
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
