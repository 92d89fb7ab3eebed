"""The loudness distance: what it must order rightly, and that it agrees with PESQ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")

from keras_imse.torch_twin.perceptual import LoudnessDistance  # noqa: E402


@pytest.fixture(scope="module")
def speech(repository: Path) -> np.ndarray:
    """Enhanced or noisy, it is speech: the example recording."""
    wave, rate = soundfile.read(repository / "examples" / "noisy.wav", dtype="float32")
    assert rate == 16000
    return wave[: 3 * rate]


def degraded(speech: np.ndarray) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    noise = random.standard_normal(len(speech)).astype(np.float32)
    noise *= np.sqrt(np.mean(speech**2))
    muffled = np.convolve(speech, np.ones(5) / 5, "same").astype(np.float32)
    return [speech + share * noise for share in (0.02, 0.1, 0.3, 1.0)] + [muffled]


def test_nothing_is_nearer_than_the_signal_itself(speech: np.ndarray) -> None:
    distance = LoudnessDistance()
    clean = torch.from_numpy(speech)[None]
    assert float(distance(clean, clean)) < 0.05
    assert float(distance(clean, 0.5 * clean)) < 0.05  # level is compensated
    values = [float(distance(clean, torch.from_numpy(x)[None])) for x in degraded(speech)[:4]]
    assert values == sorted(values)
    assert values[-1] > values[0] + 0.5


def test_follows_pesq(speech: np.ndarray) -> None:
    pesq = pytest.importorskip("pesq", reason="needs pesq")
    distance = LoudnessDistance()
    clean = torch.from_numpy(speech)[None]
    ours, theirs = [], []
    for wave in degraded(speech):
        raw = 4.5 - float(distance(clean, torch.from_numpy(wave)[None]))
        ours.append(0.999 + 4.0 / (1.0 + np.exp(-1.3669 * raw + 3.8224)))
        theirs.append(pesq.pesq(16000, speech, wave, "wb"))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
    assert np.abs(np.subtract(ours, theirs)).max() < 0.8


def test_gradients_are_finite_even_for_silence(speech: np.ndarray) -> None:
    clean = torch.from_numpy(speech)[None]
    for start in (torch.zeros_like(clean), clean.clone()):
        enhanced = start.requires_grad_()
        LoudnessDistance()(clean, enhanced).sum().backward()
        assert torch.isfinite(enhanced.grad).all()
