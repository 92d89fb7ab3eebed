"""The published recipe on a handful of recordings: losses, schedule, best weights, resume."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imse_mcu.cli.main import main
from keras_imse.errors import ConfigError, TrainingError
from keras_imse.imse_config import ImseConfig, OfflineAudioConfig
from keras_imse.train.imse_settings import ImseLossWeights, ImseTrainingConfig

SMALL = ImseConfig(
    dense_channels=8,
    dense_depth=2,
    stage_blocks=1,
    strip=3,
    audio=OfflineAudioConfig(n_fft=62, hop=20, segment_samples=3100),
)


@pytest.fixture(scope="module")
def pairs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pairs of harmonic 'speech' with pauses, clean and in noise."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    time = np.arange(24_000) / 16_000
    for kind in ("clean", "noisy"):
        (root / kind).mkdir()
    for i in range(20):
        pitch = rng.uniform(90, 250)
        partials = [np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 12)]
        voice = np.sum(partials, axis=0) * (np.sin(2 * np.pi * 2 * time + i) > 0) * 0.1
        soundfile.write(root / "clean" / f"{i:02d}.wav", voice, 16_000)
        noisy = voice + 0.03 * rng.standard_normal(len(time))
        soundfile.write(root / "noisy" / f"{i:02d}.wav", noisy, 16_000)
    return root


def test_recipe_is_the_published_one() -> None:
    config = ImseTrainingConfig()
    weights = ImseLossWeights()
    assert (weights.metric, weights.magnitude, weights.phase, weights.complex) == (
        0.05,
        0.9,
        0.3,
        0.2,
    )
    assert (config.learning_rate, config.beta_1, config.beta_2) == (5e-4, 0.8, 0.99)
    assert config.rate(0) == 5e-4
    assert config.rate(2) == pytest.approx(5e-4 * 0.99**2)
    assert config.segment_frames == ImseConfig().audio.segment_frames


def test_phase_loss_equals_numpy() -> None:
    import tensorflow as tf

    from keras_imse.train.imse_losses import anti_wrapped, phase_loss

    rng = np.random.default_rng(1)
    a, b = rng.uniform(-np.pi, np.pi, (2, 2, 5, 6)).astype(np.float32)

    def wrap(x: np.ndarray) -> np.ndarray:
        return np.abs(np.angle(np.exp(1j * x)))

    expected = np.mean(wrap(a - b))
    for axis in (2, 1):
        da, db = (np.diff(x, axis=axis, prepend=0.0) for x in (a, b))
        expected += np.mean(wrap(da - db))
    assert float(phase_loss(tf.constant(a), tf.constant(b))) == pytest.approx(expected, rel=1e-5)
    turns = tf.constant([0.0, 6.5 * np.pi, -2 * np.pi, np.pi - 0.1], tf.float32)
    np.testing.assert_allclose(anti_wrapped(turns), [0, np.pi / 2, 0, np.pi - 0.1], atol=1e-5)


def test_losses_vanish_for_the_clean_spectrum() -> None:
    import tensorflow as tf

    from keras_imse.train.imse_losses import PolarSpectrum, complex_loss, phase_loss

    rng = np.random.default_rng(2)
    phase = tf.constant(rng.uniform(-3, 3, (1, 4, 5)), tf.float32)
    magnitude = tf.constant(rng.uniform(0, 2, (1, 4, 5)), tf.float32)
    clean = PolarSpectrum(magnitude, phase)
    turned = PolarSpectrum(magnitude, phase + np.float32(2 * np.pi))
    assert float(complex_loss(turned, clean)) < 1e-10
    assert float(phase_loss(turned.phase, clean.phase)) < 1e-5
    assert float(complex_loss(PolarSpectrum(magnitude + 1.0, phase), clean)) > 0.5


def test_spectral_kernels_have_norm_one() -> None:
    from keras_imse.train.discriminator import MetricDiscriminator, SpectralKernel, pesq_score

    layer = SpectralKernel((3, 4, 5))
    layer.kernel.assign(np.random.default_rng(4).standard_normal((3, 4, 5)))
    for _ in range(50):
        kernel = layer.normalized(training=True)
    norms = np.linalg.svd(np.reshape(kernel, (-1, 5)), compute_uv=False)
    assert norms[0] == pytest.approx(1.0, rel=1e-3)
    scores = MetricDiscriminator()(*np.ones((2, 3, 40, 32), np.float32)).numpy()
    assert scores.shape == (3,)
    assert np.all((scores > 0) & (scores < 1))
    assert (pesq_score(1.0), pesq_score(4.5)) == (0.0, 1.0)


def test_items_reach_the_level_of_the_network() -> None:
    from keras_imse.train.imse_loop import level

    rng = np.random.default_rng(3)
    clean = rng.standard_normal((2, 900)).astype(np.float32)
    noisy = 0.01 * clean + 0.02
    scaled_clean, scaled_noisy = level(clean, noisy)
    np.testing.assert_allclose(np.mean(scaled_noisy**2, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(scaled_clean / clean, scaled_noisy / noisy, rtol=1e-5)


@pytest.mark.slow
def test_training_keeps_the_best_on_validation_and_resumes(pairs_dir: Path, tmp_path: Path) -> None:
    from keras_imse.models.imse import build_imse
    from keras_imse.train.imse_loop import ImseTrainer
    from keras_imse.weights import load_imse_weights

    said: list[str] = []
    settings = ImseTrainingConfig(
        epochs=1, batch_size=6, segment_frames=600, validation_items=2, learning_rate=2e-3
    )
    trainer = ImseTrainer(SMALL, settings, pairs_dir, tmp_path, progress=said.append)
    assert trainer.steps_per_epoch == 3
    assert len(trainer.validation) == 2
    discriminator = trainer.discriminator
    assert discriminator is not None
    kernels = [w for w in discriminator.trainable_variables if "kernel" in w.name]
    assert len(kernels) == 6
    before = [kernel.numpy() for kernel in kernels]
    clean, noisy = trainer.mixer.batch(6)
    losses = [trainer.train_step(clean, noisy) for _ in range(4)]
    assert losses[-1] < losses[0]
    assert all(np.any(old != new.numpy()) for old, new in zip(before, kernels, strict=True))
    trainer.step.assign(0)

    first = trainer.run()
    assert (first["steps"], first["epochs"]) == (3, 1)
    assert np.isfinite(first["best_pesq_wb"])
    assert first["best_pesq_wb"] == first["pesq_wb"]
    again = build_imse(SMALL)
    load_imse_weights(again, tmp_path / "weights.npz", SMALL)
    for kept, trained in zip(again.get_weights(), trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, trained)

    more = ImseTrainingConfig(
        epochs=2, batch_size=6, segment_frames=600, validation_items=2, learning_rate=2e-3
    )
    resumed = ImseTrainer(SMALL, more, pairs_dir, tmp_path, progress=said.append)
    assert "resuming at step 3, epoch 1" in said
    both = zip(resumed.model.get_weights(), trainer.model.get_weights(), strict=True)
    for kept, trained in both:
        np.testing.assert_array_equal(kept, trained)
    assert resumed.run()["steps"] == 6
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in log] == [1, 2]
    # The file holds the best of both epochs.
    best = max(log, key=lambda entry: entry["pesq_wb"])
    assert float(resumed.best) == best["pesq_wb"]


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_an_update_that_is_not_finite_changes_nothing(poison: float) -> None:
    import tensorflow as tf
    import tf_keras

    from keras_imse.train.imse_loop import _update

    weight = tf.Variable([1.0, 2.0])
    optimizer = tf_keras.optimizers.AdamW(1e-2, weight_decay=0.1)
    optimizer.build([weight])
    before = []
    for factor in (1.0, poison):
        before = [v.numpy() for v in (weight, *optimizer.variables)]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weight * weight * factor)
        loss = _update(optimizer, tape, loss, [weight])
        assert np.isfinite(loss) == np.isfinite(factor)
    for variable, old in zip((weight, *optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(variable, old)
    assert np.all(weight.numpy() < [1.0, 2.0])


def test_a_network_that_fell_silent_trains_on(
    pairs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PESQ of silence is the lowest, of no numbers none: neither ends the run."""
    import tensorflow as tf

    from keras_imse.train.imse_loop import ImseTrainer

    settings = ImseTrainingConfig(batch_size=2, segment_frames=300, validation_items=1)
    trainer = ImseTrainer(SMALL, settings, pairs_dir, tmp_path, progress=lambda _: None)
    clean, noisy = trainer.mixer.batch(2)
    magnitude = tf.ones([2, 300, trainer.audio.bands])
    seen = []
    monkeypatch.setattr(trainer, "_discriminator_step", lambda *given: seen.append(given))
    for loss, wave in ((1.0, 0.0), (np.nan, np.nan)):
        made = (tf.constant(loss), magnitude, tf.fill(clean.shape, wave))
        monkeypatch.setattr(trainer, "_generator_step", lambda *_, made=made: made)
        np.testing.assert_equal(trainer.train_step(clean, noisy), loss)
    ((_, _, scores, known),) = seen
    np.testing.assert_allclose(scores, 0.0, atol=1e-3)
    assert np.all(known.numpy() == 1.0)


def test_unusable_settings_are_one_error(pairs_dir: Path, tmp_path: Path) -> None:
    from keras_imse.train.imse_loop import ImseTrainer

    with pytest.raises(ConfigError, match="multiple of 4"):
        ImseTrainer(ImseConfig(), ImseTrainingConfig(segment_frames=30), pairs_dir, tmp_path)
    with pytest.raises(TrainingError, match="shorter than one window"):
        ImseTrainer(ImseConfig(), ImseTrainingConfig(segment_frames=4), pairs_dir, tmp_path)
    with pytest.raises(TrainingError, match="40 frames are too short for the discriminator"):
        ImseTrainer(ImseConfig(), ImseTrainingConfig(segment_frames=40), pairs_dir, tmp_path)
    with pytest.raises(TrainingError, match="epochs is 0"):
        ImseTrainingConfig(epochs=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "imse", "--segment-frames", "30"], "multiple of 4"),
        (["--model", "imse", "--steps", "5"], "--steps is no setting of model imse"),
        (["--epochs", "3"], "--epochs is no setting of model imse-stream"),
        (["--no-discriminator"], "--no-discriminator is no setting of model imse-stream"),
        (["--model", "imse", "--fine-tune", "shipped"], "no weights ship for model 'imse'"),
        (["--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_settings_of_the_other_family_are_refused(
    options: list[str],
    message: str,
    pairs_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["train", "--data", str(pairs_dir), "-o", str(tmp_path / "run"), *options]
    assert main(arguments) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
