"""The envelope distance: what it must order rightly, and that it agrees with STOI."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")

from keras_imse.torch_twin.intelligibility import EnvelopeDistance  # noqa: E402

SHARES = (0.1, 0.3, 1.0, 3.0)


@pytest.fixture(scope="module")
def speech(repository: Path) -> np.ndarray:
    """Enhanced or noisy, it is speech: the example recording."""
    wave, rate = soundfile.read(repository / "examples" / "noisy.wav", dtype="float32")
    assert rate == 16000
    return wave[: 3 * rate]


@pytest.fixture(scope="module")
def noisy(speech: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32)
    noise *= np.sqrt(np.mean(speech**2))
    return np.stack([speech + np.float32(share) * noise for share in SHARES])


def distances(speech: np.ndarray, waves: np.ndarray) -> np.ndarray:
    clean = torch.from_numpy(np.broadcast_to(speech, waves.shape).copy())
    return EnvelopeDistance()(clean, torch.from_numpy(waves)).numpy()


def test_more_noise_is_further_and_level_does_not_matter(
    speech: np.ndarray, noisy: np.ndarray
) -> None:
    values = distances(speech, noisy)
    assert list(values) == sorted(values)
    assert values[-1] > values[0] + 0.2
    assert distances(speech, 0.5 * speech[None])[0] < 1e-3


def test_follows_stoi(speech: np.ndarray, noisy: np.ndarray) -> None:
    pystoi = pytest.importorskip("pystoi", reason="needs pystoi")
    theirs = np.array([pystoi.stoi(speech, wave, 16000) for wave in noisy])
    ours = 1.0 - distances(speech, noisy)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert np.abs(ours - theirs).max() < 0.05


def test_gradients_are_finite_even_for_silence(speech: np.ndarray) -> None:
    clean = torch.from_numpy(speech)[None]
    for start in (torch.zeros_like(clean), clean.clone()):
        enhanced = start.requires_grad_()
        EnvelopeDistance()(clean, enhanced).sum().backward()
        assert torch.isfinite(enhanced.grad).all()


def test_an_item_without_enough_speech_does_not_count() -> None:
    silence = torch.zeros((2, 16000))
    enhanced = torch.randn((2, 16000)).requires_grad_()
    distance = EnvelopeDistance()(silence, enhanced)
    distance.sum().backward()
    assert float(distance.detach().abs().max()) == 0.0
    assert float(enhanced.grad.abs().max()) == 0.0
