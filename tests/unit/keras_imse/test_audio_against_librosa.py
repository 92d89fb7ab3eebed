"""Both front ends against librosa, which shares no code with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imse_mcu.core.audio_io import read_audio
from keras_imse import audio, offline_audio
from keras_imse.config import FrontendConfig

librosa = pytest.importorskip("librosa")


@pytest.fixture(scope="module")
def wave(examples: Path) -> np.ndarray:
    return read_audio(examples / "noisy.wav").samples


def test_streaming_spectrum_is_that_of_librosa(wave: np.ndarray) -> None:
    config = FrontendConfig()
    window = np.sqrt(librosa.filters.get_window("hann", config.n_fft, fftbins=True))
    before, after = np.zeros(config.hop), np.zeros(2 * config.hop)
    padded = np.concatenate([before, wave.astype(np.float64), after])
    theirs = librosa.stft(
        padded, n_fft=config.n_fft, hop_length=config.hop, window=window, center=False
    )
    ours = audio.analyze(wave, config)
    count = min(len(ours), theirs.shape[1])
    assert count >= len(ours) - 1
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours[:count], theirs.T[:count], atol=1e-6 * scale)


def test_offline_spectrum_and_wave_are_those_of_librosa(wave: np.ndarray) -> None:
    config = offline_audio.OfflineAudioConfig()
    sizes = {"n_fft": config.n_fft, "hop_length": config.hop, "window": "hann"}
    theirs = librosa.stft(wave.astype(np.float64), **sizes, pad_mode="reflect")
    ours = offline_audio.stft(wave)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-10 * np.abs(theirs).max())
    back = librosa.istft(ours, hop_length=config.hop, window="hann", length=len(wave))
    np.testing.assert_allclose(back, wave, atol=1e-6)
    inverse = offline_audio.istft(theirs)
    np.testing.assert_allclose(inverse, wave[: len(inverse)], atol=1e-6)
    assert len(wave) - len(inverse) < config.hop
