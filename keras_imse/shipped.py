"""What ships with the package: trained weights and the calibration recording."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from keras_imse.errors import WeightsError

CALIBRATION_ITEM_SAMPLES = 48000
"""Samples of one calibration mix; state starts anew at each."""


def _asset(name: str) -> Path:
    return Path(str(resources.files("keras_imse") / "assets" / name))


def shipped_weights(preset: str) -> Path:
    """Path of the weights that ship for a preset.

    Raises:
        WeightsError: None ship for it.
    """
    path = _asset(f"{preset}.npz")
    if not path.is_file():
        raise WeightsError(
            f"no weights ship for model '{preset}'",
            hint="give them with --weights FILE, or make them with 'imse-mcu train' "
            "or 'imse-mcu import-weights'",
        )
    return path


def has_shipped_weights(preset: str) -> bool:
    """Whether weights ship for a preset."""
    return _asset(f"{preset}.npz").is_file()


def model_card(preset: str) -> Path:
    """Path of the model card of a preset's weights."""
    return _asset(f"{preset}.md")


def calibration_recordings() -> list[NDArray[np.float32]]:
    """Noisy mixes of the training split, 16 kHz mono, to measure quantization ranges on."""
    wave, _ = soundfile.read(_asset("calibration.flac"), dtype="float32")
    return list(
        np.split(wave, range(CALIBRATION_ITEM_SAMPLES, len(wave), CALIBRATION_ITEM_SAMPLES))
    )
