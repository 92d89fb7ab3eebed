"""Training in PyTorch: a falling loss, checkpoints and resume, batches that cannot be used."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")

from keras_imse.checkpoint import load_arrays  # noqa: E402
from keras_imse.config import StreamConfig  # noqa: E402
from keras_imse.errors import TrainingError  # noqa: E402
from keras_imse.torch_twin import bridge  # noqa: E402
from keras_imse.torch_twin import trainer as trainer_module  # noqa: E402
from keras_imse.torch_twin.trainer import Machine, TorchTrainer  # noqa: E402
from keras_imse.train.settings import TrainingConfig  # noqa: E402

RUN = TrainingConfig(
    steps=40,
    batch_size=4,
    item_samples=6400,
    warmup_steps=5,
    validate_every=20,
    validation_items=2,
    average=0.8,
    seed=4,
)


@pytest.fixture(autouse=True)
def si_sdr_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The artificial voices of the corpus mean nothing to PESQ."""
    monkeypatch.setattr(trainer_module, "metric_that_chooses", lambda: "si_sdr_db")


def make(config: StreamConfig, data: Path, output: Path, **changes: Any) -> TorchTrainer:
    run = dataclasses.replace(RUN, **changes)
    return TorchTrainer(config, run, Machine(), data, output, progress=lambda _: None)


def batch(frames: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    clean = 0.1 * random.standard_normal((2, frames * 64)).astype(np.float32)
    noisy = clean + 0.05 * random.standard_normal(clean.shape).astype(np.float32)
    return clean, noisy, np.ones((2, frames + 1), np.float32)


@pytest.mark.slow
def test_training_learns_and_resumes(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    lines: list[str] = []
    trainer = TorchTrainer(
        small_config, RUN, Machine(workers=1), corpus_dir, tmp_path, progress=lines.append
    )
    with trainer_module.Scorer(0, with_pesq=False) as scorer:
        before = trainer.validate(scorer)
    after = trainer.run()
    assert (after["steps"], after["metric"]) == (40, "si_sdr_db")
    assert after["best"] > before["si_sdr_db"] + 0.5
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").open(encoding="utf-8")]
    assert [entry["step"] for entry in entries] == [20, 40]
    assert entries[1]["loss"] < entries[0]["loss"]
    best = max(entries, key=lambda entry: entry["si_sdr_db"])
    assert best["si_sdr_db"] == after["best"]
    settings = json.loads((tmp_path / "training.json").read_text("utf-8"))
    assert settings["training"]["steps"] == 40
    assert str(tmp_path) not in json.dumps(settings)

    kept = load_arrays(tmp_path / "weights.npz")
    resumed = make(small_config, corpus_dir, tmp_path, steps=44)
    assert (resumed.step, resumed.best) == (40, after["best"])
    for a, b in ((trainer.model, resumed.model), (trainer.averaged, resumed.averaged)):
        for name, value in a.state_dict().items():
            torch.testing.assert_close(b.state_dict()[name], value, rtol=0, atol=0)
    old, new = trainer.optimizer.state_dict(), resumed.optimizer.state_dict()
    for index, moments in old["state"].items():
        torch.testing.assert_close(new["state"][index], moments, rtol=0, atol=0)
    if best is entries[1]:
        for name, value in bridge.to_arrays(trainer.averaged).items():
            np.testing.assert_array_equal(kept[name], value)
    assert resumed.run()["steps"] == 44


def test_it_starts_from_given_weights(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    torch.manual_seed(9)
    given = trainer_module.TorchStream(small_config)
    bridge.save_weights(given, tmp_path / "given.npz")
    trainer = TorchTrainer(
        small_config,
        RUN,
        Machine(),
        corpus_dir,
        tmp_path / "run",
        initial_weights=tmp_path / "given.npz",
        progress=lambda _: None,
    )
    for network in (trainer.model, trainer.averaged):
        for name, value in bridge.to_arrays(network).items():
            np.testing.assert_array_equal(value, bridge.to_arrays(given)[name])


@pytest.mark.parametrize("poison", ["item", "gradient"])
def test_an_unusable_batch_changes_nothing(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path, poison: str
) -> None:
    trainer = make(small_config, corpus_dir, tmp_path)
    assert math.isfinite(trainer.train_step(batch(), 1e-3))
    networks = (trainer.model, trainer.averaged)
    before = [{n: v.clone() for n, v in net.state_dict().items()} for net in networks]
    clean, noisy, gains = batch()
    if poison == "item":
        noisy[0, 100] = np.nan
    else:
        trainer.model.slope.register_hook(lambda gradient: gradient * math.inf)
    assert math.isnan(trainer.train_step((clean, noisy, gains), 1e-3))
    for network, old in zip(networks, before, strict=True):
        for name, value in network.state_dict().items():
            torch.testing.assert_close(value, old[name], rtol=0, atol=0, msg=name)
    moments = trainer.optimizer.state_dict()["state"].values()
    assert all(torch.isfinite(m["exp_avg"]).all() for m in moments)


def test_divergence_ends_the_run(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(small_config, corpus_dir, tmp_path)
    monkeypatch.setattr(trainer, "train_step", lambda *_: math.nan)
    with pytest.raises(TrainingError, match=r"not finite in 5 steps up to step 4.*learning-rate"):
        trainer.run()


def test_a_step_decays_averages_and_constrains(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    trainer = make(small_config, corpus_dir, tmp_path, weight_decay=0.5)
    groups = trainer.optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert all(parameter.dim() == 4 for parameter in groups[0]["params"])
    assert all(parameter.dim() == 1 for parameter in groups[1]["params"])
    with torch.no_grad():
        trainer.model.middle0.mala.prior_k.fill_(1e-7)
    trainer.step = 600  # decay 0.6, below the configured 0.8
    old = {n: v.clone() for n, v in trainer.averaged.state_dict().items()}
    for _ in range(3):
        trainer.train_step(batch(), 1e-2)
        assert trainer.model.middle0.mala.prior_k.min() >= 0.0
        weights = trainer.model.state_dict()
        for name, value in trainer.averaged.state_dict().items():
            if value.is_floating_point():
                expected = 0.6 * old[name] + 0.4 * weights[name]
                torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5, msg=name)
        old = {n: v.clone() for n, v in trainer.averaged.state_dict().items()}


@pytest.mark.slow
def test_steps_equal_those_of_tf_keras(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    """Gradient, clipping, decay, moments, norm statistics and average, three steps on."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow and tf-keras")
    from keras_imse.checkpoint import _key
    from keras_imse.train.loop import Trainer

    run = dataclasses.replace(RUN, weight_decay=10.0)
    theirs = Trainer(small_config, run, corpus_dir, tmp_path / "tf", progress=lambda _: None)
    start = {_key(w): w.numpy() for w in theirs.model.weights}
    ours = make(small_config, corpus_dir, tmp_path / "torch", weight_decay=10.0)
    for network in (ours.model, ours.averaged):
        bridge.load_state(network, start, where="start")
    for step in range(300, 303):
        ours.step = step
        theirs.step.assign(step)
        items = tuple(part[:, : 6400 if i < 2 else 101] for i, part in enumerate(batch()))
        loss = float(theirs._train_step(*map(tf.constant, items), tf.constant(1e-4)))
        assert ours.train_step(items, 1e-4) == pytest.approx(loss, rel=1e-4)
    for network, model in ((ours.model, theirs.model), (ours.averaged, theirs.averaged)):
        found = bridge.to_arrays(network)
        for weight in model.weights:
            name = _key(weight)
            moved, expected = found[name] - start[name], weight.numpy() - start[name]
            error = np.linalg.norm(moved - expected)
            assert error <= 0.05 * np.linalg.norm(expected) + 1e-6, name


def test_mixed_precision_trains(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    machine = Machine(mixed_precision=True)
    trainer = TorchTrainer(
        small_config, RUN, machine, corpus_dir, tmp_path, progress=lambda _: None
    )
    losses = [trainer.train_step(batch(), 3e-3) for _ in range(8)]
    assert losses[-1] < losses[0]


def test_the_schedule_follows_the_clock_when_asked(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    trainer = make(small_config, corpus_dir, tmp_path, minutes=2.0)
    trainer.elapsed_s = 60.0
    assert trainer._fraction_done() == 0.5


def test_a_run_at_its_end_stays_there_and_a_new_one_starts_anew(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchTrainer, "train_step", lambda *_: 1.0)
    scores = iter([3.0, 2.0, 2.0, 1.0])
    monkeypatch.setattr(TorchTrainer, "validate", lambda *_: {"si_sdr_db": next(scores)})

    def steps() -> list[int]:
        lines = (tmp_path / "log.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["step"] for line in lines]

    run = {"validate_every": 1, "patience": 2, "steps": 9}
    first = make(small_config, corpus_dir, tmp_path, **run).run()
    assert (first["steps"], first["best"], steps()) == (3, 3.0, [1, 2, 3])
    assert make(small_config, corpus_dir, tmp_path, **run).run() == first
    assert steps() == [1, 2, 3]

    (tmp_path / "checkpoint.pt").unlink()
    anew = make(small_config, corpus_dir, tmp_path, **{**run, "steps": 1}).run()
    assert (anew["best"], steps()) == (1.0, [1])


@pytest.mark.parametrize("case", ["garbage", "other model", "other metric"])
def test_a_checkpoint_that_does_not_fit_is_refused(
    corpus_dir: Path,
    small_config: StreamConfig,
    tmp_path: Path,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = make(small_config, corpus_dir, tmp_path)
    trainer._save_checkpoint()
    message = "is of another model, or chose weights by another metric"
    if case == "garbage":
        (tmp_path / "checkpoint.pt").write_bytes(b"PK not really")
        message = "cannot be read"
    elif case == "other model":
        small_config = dataclasses.replace(small_config, strip=7)
    else:
        monkeypatch.setattr(trainer_module, "metric_that_chooses", lambda: "pesq_wb")
    with pytest.raises(TrainingError, match=message):
        make(small_config, corpus_dir, tmp_path)


@pytest.mark.parametrize("device", ["nonsense", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(TrainingError, match=f"device '{device}' cannot be used"):
        Machine(device).torch_device()


def test_items_of_broken_hops_are_refused(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="6401 is no multiple of the hop 64"):
        make(small_config, corpus_dir, tmp_path, item_samples=6401)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_a_gpu_trains_as_the_processor_does(
    corpus_dir: Path, small_config: StreamConfig, tmp_path: Path, mixed_precision: bool
) -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        machine = Machine(device, mixed_precision and device == "cuda")
        trainer = TorchTrainer(
            small_config, RUN, machine, corpus_dir, tmp_path, progress=lambda _: None
        )
        losses[device] = [trainer.train_step(batch(), 1e-3) for _ in range(4)]
    tolerance = 0.05 if mixed_precision else 0.01
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=tolerance)
