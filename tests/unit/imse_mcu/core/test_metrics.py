"""Objective measures where a recording has nothing to measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pesq import NoUtterancesError

from imse_mcu.core.audio_io import read_audio
from imse_mcu.core.metrics import PESQ_WB_FLOOR, SI_SDR_FLOOR_DB, pesq_wb, si_sdr_db
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


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e-30])
def test_lost_speech_has_the_lowest_ratio(value: float) -> None:
    rng = np.random.default_rng(0)
    clean, noise = rng.standard_normal((2, 16000)).astype(np.float32)
    assert si_sdr_db(clean, np.full_like(clean, value)) == SI_SDR_FLOOR_DB
    across = noise - clean * ((clean @ noise) / (clean @ clean))
    assert SI_SDR_FLOOR_DB <= si_sdr_db(clean, across) < -60
    assert SI_SDR_FLOOR_DB < si_sdr_db(clean, noise) < -20


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
def test_ratio_does_not_depend_on_scale(scale: float) -> None:
    rng = np.random.default_rng(1)
    clean, noise = rng.standard_normal((2, 16000))
    ratio = si_sdr_db(clean, clean + 0.1 * noise)
    assert si_sdr_db(clean, scale * (clean + 0.1 * noise)) == pytest.approx(ratio)
    assert si_sdr_db(scale * clean, clean + 0.1 * noise) == pytest.approx(ratio)
    assert 100 < si_sdr_db(clean, scale * clean) < 158


def test_a_silent_reference_has_no_ratio() -> None:
    assert np.isnan(si_sdr_db(np.zeros(100), np.ones(100)))


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
