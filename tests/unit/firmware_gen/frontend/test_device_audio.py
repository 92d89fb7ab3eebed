"""The device's front end in numpy gives the bits of the C sources."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from reference_frontend import (
    FEATURE_SCALE,
    FEATURE_ZERO_POINT,
    HOP,
    PHASE_SCALE,
    PHASE_ZERO_POINT,
    Frontend,
)

from keras_imse import device_audio
from keras_imse.config import FrontendConfig
from keras_imse.device_audio import Scale
from keras_imse.errors import AudioError

FEATURES = Scale(float(FEATURE_SCALE), FEATURE_ZERO_POINT)
MASK, PHASE = Scale(1 / 256, -128), Scale(float(PHASE_SCALE), PHASE_ZERO_POINT)


def extremes() -> np.ndarray:
    """Full scale, silence, single samples, level jumps, noise at every level."""
    rng = np.random.default_rng(11)
    levels = np.repeat(10.0 ** rng.uniform(-1, 4.5, 60), HOP)
    noise = np.clip(levels * rng.standard_normal(len(levels)), -32768, 32767)
    square = np.where(np.arange(4 * HOP) // 37 % 2, 32767, -32768)
    click = np.zeros(4 * HOP)
    click[::301] = -1
    return np.concatenate([np.zeros(3 * HOP), noise, square, click, noise[:100]]).astype(np.int16)


@pytest.mark.parametrize("kind", ["speech", "extremes"])
def test_features_and_samples_are_those_of_the_firmware(
    frontend: Frontend, synthetic_speech: np.ndarray, kind: str
) -> None:
    pcm = synthetic_speech[: 16000 * 3] if kind == "speech" else extremes()
    features, spectrum = device_audio.analyze(pcm, FrontendConfig(), FEATURES)
    rng = np.random.default_rng(3)
    mask = rng.integers(-128, 128, (len(features), 256)).astype(np.int8)
    phase = rng.integers(-128, 128, (len(features), 256, 2)).astype(np.int8)
    samples = device_audio.synthesize(spectrum, mask, phase, (MASK, PHASE), len(pcm))

    padded = np.zeros(len(features) * HOP, np.int16)
    padded[: len(pcm)] = pcm
    expected = []
    for t, hop in enumerate(padded.reshape(-1, HOP)):
        np.testing.assert_array_equal(features[t].reshape(-1), frontend.analyze(hop))
        expected.append(frontend.synthesize(mask[t], phase[t].reshape(-1)))
    np.testing.assert_array_equal(samples, np.concatenate(expected)[HOP : HOP + len(pcm)])


def test_another_front_end_is_refused() -> None:
    config = dataclasses.replace(FrontendConfig(), hop=128)
    with pytest.raises(AudioError, match="512 points, hop 256"):
        device_audio.analyze(np.zeros(1000, np.int16), config, FEATURES)
