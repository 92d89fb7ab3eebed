"""Training on a tiny corpus: data rules, a falling loss, checkpoints and resume."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_imse import audio
from keras_imse.config import FrontendConfig, StreamConfig
from keras_imse.errors import TrainingError
from keras_imse.train import spectral
from keras_imse.train.data import Mixer, load_corpus
from keras_imse.train.loop import Trainer, TrainingConfig, training_inputs
from keras_imse.train.settings import LossWeights


@pytest.fixture(scope="module")
def corpus_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Harmonic 'speech' with pauses and coloured noise."""
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    time = np.arange(32000) / 16000
    for kind in ("speech", "noise"):
        (root / kind).mkdir()
    for i in range(20):
        pitch = rng.uniform(90, 250)
        partials = [np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 12)]
        voice = np.sum(partials, axis=0) * (np.sin(2 * np.pi * 2 * time + i) > 0) * 0.1
        soundfile.write(root / "speech" / f"{i:02d}.wav", voice, 16000)
        soundfile.write(root / "noise" / f"{i:02d}.wav", 0.1 * rng.standard_normal(32000), 16000)
    return root


def test_split_is_disjoint_and_mixing_is_reproducible(corpus_dir: Path) -> None:
    train, val = load_corpus(corpus_dir, "train"), load_corpus(corpus_dir, "val")
    assert (len(train.speech), len(val.speech)) == (18, 2)
    first = Mixer(train, 8000, seed=1).batch(4)
    again = Mixer(train, 8000, seed=1).batch(4)
    other = Mixer(train, 8000, seed=2).batch(4)
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[1] - other[1]).max() > 0
    assert np.abs(first[1]).max() < 1.0


def test_pairs_are_cropped_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ("clean", "noisy"):
        (tmp_path / kind).mkdir()
    for i in range(10):
        wave = 0.1 * rng.standard_normal(16000)
        soundfile.write(tmp_path / "clean" / f"{i}.wav", wave, 16000, subtype="FLOAT")
        soundfile.write(tmp_path / "noisy" / f"{i}.wav", 2 * wave, 16000, subtype="FLOAT")
    clean, noisy = Mixer(load_corpus(tmp_path, "train"), 4000, seed=0).batch(3)
    np.testing.assert_allclose(noisy, 2 * clean, rtol=1e-5)
    (tmp_path / "clean" / "3.wav").unlink()
    with pytest.raises(TrainingError, match=r"'.*3\.wav' has no clean partner"):
        load_corpus(tmp_path, "train")
    (tmp_path / "noisy" / "3.wav").unlink()
    (tmp_path / "noisy" / "4.wav").rename(tmp_path / "noisy" / "4b.wav")
    with pytest.raises(TrainingError, match=r"4\.wav' has no noisy partner .*\(1 of 9 have none\)"):
        load_corpus(tmp_path, "train")


@pytest.mark.parametrize("case", ["missing", "empty", "rate", "stereo"])
def test_unusable_data_is_refused(tmp_path: Path, case: str) -> None:
    root = tmp_path / "data"
    if case != "missing":
        for kind in ("speech", "noise"):
            (root / kind).mkdir(parents=True)
    if case in ("rate", "stereo"):
        wave = np.zeros((16000, 2)) if case == "stereo" else np.zeros(16000)
        soundfile.write(root / "speech" / "a.wav", wave, 8000 if case == "rate" else 16000)
    with pytest.raises(TrainingError):
        load_corpus(root, "train")


@pytest.mark.parametrize("level", [0.001, 0.3])
def test_training_sees_the_features_of_deployment(level: float) -> None:
    """The level that the loss works at must not reach the network."""
    config = FrontendConfig()
    rng = np.random.default_rng(8)
    noisy = (level * rng.standard_normal((2, 256 * 20))).astype(np.float32)
    _, scaled, gains = training_inputs(0.5 * noisy, noisy, config)
    assert np.sqrt(np.mean(scaled**2)) == pytest.approx(0.1, rel=1e-2)
    got = spectral.compressed_features(spectral.stft(scaled, config), gains, config)
    for i in range(2):
        expected, _ = audio.features_of(noisy[i], config)
        np.testing.assert_allclose(got[i], expected, atol=2e-3)


def test_unusable_batches_are_dropped_and_divergence_ends_the_run(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    run = TrainingConfig(steps=50, batch_size=2, item_samples=6400, validation_items=1)
    trainer = Trainer(small_config, run, corpus_dir, tmp_path, progress=lambda _: None)
    before = [w.numpy() for w in trainer.model.trainable_variables]
    trainer.mixer.item = lambda: (np.full(6400, np.nan, np.float32),) * 2  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"not finite in 5 steps.*learning-rate"):
        trainer.run()
    assert all(np.isfinite(w).all() for w in trainer.model.weights + trainer.averaged.weights)
    for weight, old in zip(trainer.model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_training_learns_and_resumes(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    frontend = dataclasses.replace(small_config.frontend, hop=64)
    config = dataclasses.replace(small_config, frontend=frontend)
    run = TrainingConfig(
        steps=40,
        batch_size=4,
        item_samples=6400,
        warmup_steps=5,
        validate_every=40,
        validation_items=2,
        average=0.8,
        seed=4,
    )
    lines: list[str] = []
    trainer = Trainer(config, run, corpus_dir, tmp_path / "run", progress=lines.append)
    before = trainer.validate()
    after = trainer.run()
    assert after["steps"] == 40
    assert after["si_sdr_db"] > before["si_sdr_db"] + 0.5
    assert (tmp_path / "run" / "weights.npz").is_file()
    entries = (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()
    assert json.loads(entries[-1])["step"] == 40

    longer = dataclasses.replace(run, steps=44)
    resumed = Trainer(config, longer, corpus_dir, tmp_path / "run", progress=lines.append)
    assert "resuming at step 40" in lines
    assert resumed.run()["steps"] == 44


def test_ends_early_when_validation_no_longer_improves(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainingConfig(
        steps=9, batch_size=1, item_samples=3200, validate_every=1, validation_items=1, patience=2
    )
    lines: list[str] = []
    trainer = Trainer(small_config, run, corpus_dir, tmp_path, progress=lines.append)
    monkeypatch.setattr(trainer, "_train_step", lambda *_: 1.0)
    monkeypatch.setattr(trainer, "validate", lambda: {"pesq_wb": 1.5, "si_sdr_db": 3.0})
    first = trainer.run()
    assert first["steps"] == 3
    assert sum("ending early" in line for line in lines) == 1
    # Run again it is at its end: no step, no other validation, the same answer.
    assert trainer.run() == first
    assert [entry["step"] for entry in trainer.history.entries()] == [1, 2, 3]


def test_a_checkpoint_of_another_model_is_refused(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    run = TrainingConfig(batch_size=1, item_samples=3200, validation_items=1)
    Trainer(small_config, run, corpus_dir, tmp_path, progress=lambda _: None).checkpoints.save()
    other = dataclasses.replace(small_config, window_frames=7)
    with pytest.raises(TrainingError, match="is of another model"):
        Trainer(other, run, corpus_dir, tmp_path, progress=lambda _: None)


def test_weights_are_kept_even_without_any_score(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainingConfig(
        steps=2, batch_size=1, item_samples=3200, validate_every=1, validation_items=1
    )
    trainer = Trainer(small_config, run, corpus_dir, tmp_path, progress=lambda _: None)
    monkeypatch.setattr(trainer, "_train_step", lambda *_: 1.0)
    monkeypatch.setattr(trainer, "validate", lambda: {"pesq_wb": np.nan, "si_sdr_db": 3.0})
    summary = trainer.run()
    assert (tmp_path / "weights.npz").is_file()
    assert (summary["pesq_wb"], summary["best_pesq_wb"]) == (None, None)
    json.dumps(summary, allow_nan=False)
    # The last step was one with a validation: there is no second one of it.
    assert [entry["step"] for entry in trainer.history.entries()] == [1, 2]


def test_the_perceptual_loss_is_refused(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    run = TrainingConfig(losses=LossWeights(perceptual=0.5))
    with pytest.raises(TrainingError, match="not available in"):
        Trainer(small_config, run, corpus_dir, tmp_path)


@pytest.mark.parametrize("low_end", [0.0, 1.0])
def test_a_share_of_items_is_almost_clean(corpus_dir: Path, low_end: float) -> None:
    corpus = load_corpus(corpus_dir, "train")

    def ratios(near_clean: float) -> np.ndarray:
        mixer = Mixer(corpus, 8000, seed=5, near_clean=near_clean, low_end=low_end)
        items = [mixer.item() for _ in range(60)]
        powers = [(np.mean(c**2), np.mean((n - c) ** 2)) for c, n in items]
        return np.array([10 * np.log10(c / n) for c, n in powers if c > 0 and n > 0])

    assert ratios(0.0).max() < 21.0
    assert np.mean(ratios(1.0) > 19.0) == 1.0


def test_a_share_of_items_has_a_low_end_of_its_own(corpus_dir: Path) -> None:
    corpus = load_corpus(corpus_dir, "train")

    def rumble_share(low_end: float) -> float:
        """Median share of the noise power that lies below 150 Hz."""
        mixer = Mixer(corpus, 8000, seed=5, low_end=low_end)
        shares = []
        for _ in range(60):
            clean, noisy = mixer.item()
            power = np.abs(np.fft.rfft(noisy - clean)) ** 2
            if power.sum() > 0:
                shares.append(power[:75].sum() / power.sum())
        return float(np.median(shares))

    assert rumble_share(1.0) > 2.0 * rumble_share(0.0)


def test_items_without_variety_are_as_they_were(corpus_dir: Path) -> None:
    corpus = load_corpus(corpus_dir, "train")
    plain, none = (Mixer(corpus, 8000, seed=5, **kw) for kw in ({}, {"variety": 0.0}))
    for _ in range(5):
        np.testing.assert_array_equal(plain.item(), none.item())


def test_variety_gives_noise_other_colours(corpus_dir: Path) -> None:
    corpus = load_corpus(corpus_dir, "train")

    def spread_db(variety: float) -> float:
        """How much the octave above 1 kHz stands out of its neighbours, from item to item."""
        mixer = Mixer(corpus, 8000, seed=5, variety=variety)
        bumps = []
        for _ in range(80):
            clean, noisy = mixer.item()
            assert np.isfinite(noisy).all()
            assert noisy.shape == (8000,)
            power = np.abs(np.fft.rfft(noisy - clean)) ** 2
            if power.sum() > 0:
                octaves = [10 * np.log10(power[f : 2 * f].mean()) for f in (250, 500, 1000)]
                bumps.append(octaves[1] - (octaves[0] + octaves[2]) / 2)
        return float(np.std(bumps))

    assert spread_db(1.0) > spread_db(0.0) + 1.0
