"""Front end and loss in PyTorch against the host front end and tf-keras."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")

from keras_imse import audio  # noqa: E402
from keras_imse.config import FrontendConfig  # noqa: E402
from keras_imse.torch_twin import spectral  # noqa: E402
from keras_imse.torch_twin.losses import enhancement_loss  # noqa: E402
from keras_imse.train.settings import LossWeights  # noqa: E402

CONFIGS = (FrontendConfig(), FrontendConfig(n_fft=128, hop=64, first_bin=3, bands=56))


def waves(config: FrontendConfig, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal((2, 12 * config.hop))).astype(np.float32)


def test_the_front_end_equals_the_host() -> None:
    config = CONFIGS[0]
    wave = waves(config)
    spectrum = spectral.stft(torch.from_numpy(wave), config)
    gains = np.random.default_rng(1).uniform(0.1, 9.0, (2, 13)).astype(np.float32)
    features = spectral.compressed_features(spectrum, torch.from_numpy(gains), config)
    random = np.random.default_rng(2)
    mask = random.uniform(0, 1, (2, 13, 256, 1)).astype(np.float32)
    phase = random.standard_normal((2, 13, 256, 2)).astype(np.float32)
    masked = spectral.apply_mask(spectrum, torch.from_numpy(mask), torch.from_numpy(phase), config)
    out = spectral.istft(masked, wave.shape[1], config)
    for i in range(2):
        expected = audio.analyze(wave[i], config)
        np.testing.assert_allclose(spectrum[i], expected, atol=1e-5)
        host = audio.compressed_features(expected, gains[i], config)
        np.testing.assert_allclose(features[i], host, atol=1e-4)
        host = audio.apply_mask(expected, mask[i, ..., 0], phase[i], config)
        np.testing.assert_allclose(masked[i], host, atol=1e-4)
        host = audio.synthesize(host, wave.shape[1], config)
        np.testing.assert_allclose(out[i], host, atol=1e-5)


def test_synthesis_undoes_analysis() -> None:
    wave = torch.from_numpy(waves(CONFIGS[0]))
    again = spectral.istft(spectral.stft(wave, CONFIGS[0]), wave.shape[1], CONFIGS[0])
    torch.testing.assert_close(again, wave, atol=1e-6, rtol=0)


def test_silence_gives_finite_features_and_gradients() -> None:
    config = CONFIGS[0]
    wave = torch.zeros(1, 4 * config.hop)
    features = spectral.compressed_features(spectral.stft(wave, config), torch.ones(1, 5), config)
    assert torch.isfinite(features).all()
    enhanced = torch.zeros_like(wave, requires_grad=True)
    enhancement_loss(enhanced, wave, config, LossWeights()).backward()
    assert torch.isfinite(enhanced.grad).all()


def test_the_loss_rewards_up_to_30_db() -> None:
    config, weights = CONFIGS[0], LossWeights(magnitude=0.0, complex=0.0, waveform=1.0)
    clean = torch.from_numpy(waves(config))
    for factor, expected in ((0.9, -20.0), (0.999999, -30.0)):
        found = enhancement_loss(factor * clean, clean, config, weights)
        assert float(found) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("config", CONFIGS, ids=["default", "other"])
def test_it_equals_tensorflow(config: FrontendConfig) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow and tf-keras")
    from keras_imse.train import losses as tf_losses
    from keras_imse.train import spectral as tf_spectral

    noisy, clean = waves(config), 0.8 * waves(config, 7)
    frames, bands = 13, config.bands
    random = np.random.default_rng(2)
    gains = random.uniform(0.1, 9.0, (2, frames)).astype(np.float32)
    mask = random.uniform(0, 1, (2, frames, bands, 1)).astype(np.float32)
    phase = random.standard_normal((2, frames, bands, 2)).astype(np.float32)

    variables = [tf.Variable(mask), tf.Variable(phase)]
    with tf.GradientTape() as tape:
        spectrum = tf_spectral.stft(tf.constant(noisy), config)
        masked = tf_spectral.apply_mask(spectrum, *variables, config)
        enhanced = tf_spectral.istft(masked, noisy.shape[1], config)
        loss = tf_losses.enhancement_loss(enhanced, tf.constant(clean), config, LossWeights())
    expected = [
        spectrum,
        tf_spectral.compressed_features(spectrum, tf.constant(gains), config),
        masked,
        enhanced,
        loss,
        *tape.gradient(loss, variables),
    ]

    leaves = [torch.from_numpy(x).requires_grad_() for x in (mask, phase)]
    own_spectrum = spectral.stft(torch.from_numpy(noisy), config)
    own_masked = spectral.apply_mask(own_spectrum, *leaves, config)
    own_enhanced = spectral.istft(own_masked, noisy.shape[1], config)
    own_loss = enhancement_loss(own_enhanced, torch.from_numpy(clean), config, LossWeights())
    own_loss.backward()
    own_features = spectral.compressed_features(own_spectrum, torch.from_numpy(gains), config)
    found = [own_spectrum, own_features, own_masked, own_enhanced, own_loss]
    found += [leaf.grad for leaf in leaves]
    names = ["spectrum", "features", "masked", "enhanced", "loss", "mask grad", "phase grad"]
    for name, theirs, ours in zip(names, expected, found, strict=True):
        # Compression makes gradients steep where a bin is near zero.
        atol = 1e-3 if "grad" in name else 1e-4
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.numpy(), atol=atol, rtol=1e-4, err_msg=name
        )
