"""Objective measures where a recording has nothing to measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pesq import NoUtterancesError

from imse_mcu.core.audio_io import read_audio
from imse_mcu.core.metrics import PESQ_WB_FLOOR, pesq_wb
from keras_imse.train.metrics import mean_of_known, validation_pesq


@pytest.fixture(scope="module")
def speech(examples: Path) -> np.ndarray:
    return read_audio(examples / "clean.wav").samples[:32000]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e-30])
def test_lost_speech_has_the_lowest_score(speech: np.ndarray, value: float) -> None:
    lost = np.full_like(speech, value)
    assert pesq_wb(speech, lost, 16000) == PESQ_WB_FLOOR
    assert validation_pesq(speech, lost, 16000) == PESQ_WB_FLOOR
    noise = np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32)
    assert PESQ_WB_FLOOR < pesq_wb(speech, noise, 16000) < 1.1


def test_no_speech_is_not_lost_speech(speech: np.ndarray) -> None:
    silence = np.zeros_like(speech)
    with pytest.raises(NoUtterancesError):
        pesq_wb(silence, silence, 16000)
    assert np.isnan(validation_pesq(silence, silence, 16000))


def test_what_is_too_short_has_no_score(speech: np.ndarray) -> None:
    assert np.isnan(validation_pesq(speech[:700], speech[:700], 16000))


def test_mean_leaves_out_what_is_unknown() -> None:
    assert mean_of_known([1.0, np.nan, 2.0]) == 1.5
    assert np.isnan(mean_of_known([np.nan]))
