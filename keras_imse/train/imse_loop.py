"""Training the published network by its recipe: losses, schedule, discriminator, resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from imse_mcu.core.files import write_text
from imse_mcu.core.metrics import si_sdr_db
from keras_imse.enhance_imse import enhance
from keras_imse.errors import TrainingError
from keras_imse.imse_config import ImseConfig, check_frames
from keras_imse.layers.offline import spectrum
from keras_imse.models.imse import build_imse
from keras_imse.train.data import Array, Corpus, Mixer, background_batches, load_corpus
from keras_imse.train.discriminator import MetricDiscriminator, pesq_score
from keras_imse.train.history import History
from keras_imse.train.imse_losses import (
    PolarSpectrum,
    complex_loss,
    magnitude_loss,
    phase_loss,
    time_loss,
)
from keras_imse.train.imse_settings import ImseTrainingConfig
from keras_imse.train.metrics import validation_pesq
from keras_imse.train.settings import MAX_UNUSABLE_STEPS
from keras_imse.weights import load_imse_weights, save_imse_weights

WEIGHTS_FILE = "weights.npz"
_GRADIENT_LIMIT = 10.0
_VALIDATION_SAMPLES = 64_000


class ImseTrainer:
    """Trains the published network and keeps the weights that are best on the validation split.

    Args:
        model_config: Network.
        config: Run.
        data: Data folder, see :mod:`keras_imse.train.data`.
        output: Run folder: ``weights.npz`` (best on validation), ``log.jsonl``, ``checkpoint/``.
        initial_weights: Weights to start from, or None.
        progress: Called with one line of text now and then.

    Raises:
        TrainingError: The data cannot be used or the settings do not fit.
        ConfigError: The item length does not suit the network.
    """

    def __init__(
        self,
        model_config: ImseConfig,
        config: ImseTrainingConfig,
        data: Path,
        output: Path,
        *,
        initial_weights: Path | None = None,
        progress: Callable[[str], None] = print,
    ) -> None:
        check_frames(config.segment_frames)
        self.model_config, self.config, self.output = model_config, config, output
        self.audio, self.progress = model_config.audio, progress
        self.history = History(output / "log.jsonl")
        self.samples = (config.segment_frames - 1) * self.audio.hop
        if self.samples < self.audio.n_fft:
            raise TrainingError(
                f"items of {config.segment_frames} frames are shorter than one window"
            )
        train, val = load_corpus(data, "train"), load_corpus(data, "val")
        progress(f"training speech {train.seconds / 60:.1f} min, validation {val.seconds / 60:.1f}")
        tf_keras.utils.set_random_seed(config.seed)
        self.model = build_imse(model_config)
        if initial_weights is not None:
            load_imse_weights(self.model, initial_weights, model_config)
        self.discriminator = MetricDiscriminator() if config.discriminator else None
        self.optimizers = [self._optimizer(self.model.trainable_variables)]
        if self.discriminator is not None:
            shape = tf.zeros([1, 32, self.audio.bands])
            self.discriminator(shape, shape)
            self.optimizers.append(self._optimizer(self.discriminator.trainable_variables))
        self.step = tf.Variable(0, dtype=tf.int64)
        self.best = tf.Variable(-math.inf, dtype=tf.float64)
        self.steps_per_epoch = max(1, _items(train) // config.batch_size)
        parts: dict[str, Any] = {"model": self.model, "step": self.step, "best": self.best}
        parts |= {f"optimizer_{i}": optimizer for i, optimizer in enumerate(self.optimizers)}
        if self.discriminator is not None:
            parts["discriminator"] = self.discriminator
        self.checkpoints = tf.train.CheckpointManager(
            tf.train.Checkpoint(**parts), str(output / "checkpoint"), max_to_keep=2
        )
        if self.checkpoints.latest_checkpoint:
            self.checkpoints.restore_or_initialize()
            progress(f"resuming at step {int(self.step)}, epoch {self.epoch}")
        self.mixer = Mixer(train, self.samples, config.seed + 1 + int(self.step))
        self.validation = _validation_items(val, config.validation_items)
        self._generator_step = tf.function(self._generator_step_eager)
        self._discriminator_step = tf.function(self._discriminator_step_eager)
        self._infer = tf.function(
            lambda features: self.model(features, training=False), reduce_retracing=True
        )

    @property
    def epoch(self) -> int:
        """Whole passes over the training recordings so far."""
        return int(self.step) // self.steps_per_epoch

    def _optimizer(self, variables: Any) -> Any:
        config = self.config
        optimizer = tf_keras.optimizers.AdamW(
            config.learning_rate,
            beta_1=config.beta_1,
            beta_2=config.beta_2,
            weight_decay=config.weight_decay,
        )
        optimizer.build(variables)
        return optimizer

    def _generator_step_eager(
        self, clean: tf.Tensor, noisy: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One update of the network; returns loss, enhanced magnitude and enhanced waves."""
        weights, limit = self.config.losses, self.model_config.mask_limit
        features = spectrum.magnitude_phase(noisy, self.audio)
        target = _polar(spectrum.magnitude_phase(clean, self.audio))
        with tf.GradientTape() as tape:
            outputs = self.model(features, training=True)
            magnitude = features[..., 0] * limit * outputs["mask"][..., 0]
            direction = outputs["phase"]
            made = PolarSpectrum(magnitude, tf.math.atan2(direction[..., 1], direction[..., 0]))
            wave = spectrum.wave_from(magnitude, direction, self.audio)
            again = _polar(spectrum.magnitude_phase(wave, self.audio))
            loss = weights.magnitude * magnitude_loss(made.magnitude, target.magnitude)
            loss += weights.phase * phase_loss(made.phase, target.phase)
            loss += weights.complex * complex_loss(made, target)
            loss += weights.consistency * complex_loss(made, again)
            loss += weights.time * time_loss(wave, clean)
            if self.discriminator is not None:
                score = self.discriminator(target.magnitude, magnitude)
                loss += weights.metric * tf.reduce_mean(tf.square(1.0 - score))
        loss = _update(self.optimizers[0], tape, loss, self.model.trainable_variables)
        return loss, magnitude, wave

    def _discriminator_step_eager(
        self, clean: tf.Tensor, magnitude: tf.Tensor, scores: tf.Tensor, known: tf.Tensor
    ) -> tf.Tensor:
        """One update of the discriminator towards the scores ``(batch,)`` that are known."""
        assert self.discriminator is not None  # noqa: S101 - the caller checked
        target = spectrum.magnitude_phase(clean, self.audio)[..., 0]
        with tf.GradientTape() as tape:
            perfect = self.discriminator(target, target, training=True)
            given = self.discriminator(target, magnitude, training=True)
            loss = tf.reduce_mean(tf.square(1.0 - perfect))
            loss += tf.reduce_mean(known * tf.square(scores - given))
        return _update(self.optimizers[1], tape, loss, self.discriminator.trainable_variables)

    def train_step(self, clean: Array, noisy: Array) -> float:
        """Updates the network, and the discriminator where there is one.

        Args:
            clean: ``(batch, samples)``.
            noisy: As ``clean``.

        Returns:
            Loss of the network; NaN when the update was dropped.
        """
        for optimizer in self.optimizers:
            optimizer.learning_rate.assign(self.config.rate(self.epoch))
        clean, noisy = level(clean, noisy)
        loss, magnitude, waves = self._generator_step(tf.constant(clean), tf.constant(noisy))
        if self.discriminator is not None:
            rate = self.audio.sample_rate_hz
            scores = [
                pesq_score(validation_pesq(a, b, rate))
                for a, b in zip(clean, waves.numpy(), strict=True)
            ]
            # Items without an utterance have no score.
            known = np.isfinite(scores)
            self._discriminator_step(
                tf.constant(clean),
                magnitude,
                tf.constant(np.where(known, scores, 0.0), tf.float32),
                tf.constant(known, tf.float32),
            )
        self.step.assign_add(1)
        return float(loss)

    def validate(self) -> dict[str, float]:
        """Returns mean PESQ-WB and SI-SDR on the validation recordings."""
        pesqs, ratios = [], []
        for clean, noisy in self.validation:
            enhanced = enhance(
                noisy, self._network, self.model_config, segment_samples=self.samples
            )
            pesqs.append(validation_pesq(clean, enhanced, self.audio.sample_rate_hz))
            ratios.append(si_sdr_db(clean, enhanced))
        return {"pesq_wb": float(np.nanmean(pesqs)), "si_sdr_db": float(np.mean(ratios))}

    def _network(self, features: Array) -> dict[str, Array]:
        outputs = self._infer(tf.constant(features))
        return {name: value.numpy() for name, value in outputs.items()}

    def run(self) -> dict[str, Any]:
        """Trains to the end of the schedule.

        Returns:
            Summary: steps, epochs, best validation metrics.

        Raises:
            TrainingError: The run diverged; the last checkpoint is kept.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        settings = {"model": self.model_config.to_json(), "training": asdict(self.config)}
        write_text(
            self.output / "training.json", json.dumps(settings, indent=1, sort_keys=True) + "\n"
        )
        metrics: dict[str, float] = {}
        losses: list[float] = []
        unusable, began = 0, time.monotonic()
        last = self.config.epochs * self.steps_per_epoch
        if int(self.step) < last:
            for clean, noisy in background_batches(self.mixer, self.config.batch_size):
                loss = self.train_step(clean, noisy)
                unusable = 0 if math.isfinite(loss) else unusable + 1
                if unusable == MAX_UNUSABLE_STEPS:
                    raise TrainingError(
                        f"loss not finite in {unusable} steps up to step {int(self.step)}",
                        hint="lower --learning-rate; the last checkpoint is kept",
                    )
                losses += [loss] if not unusable else []
                if int(self.step) % self.steps_per_epoch == 0:
                    recent = float(np.mean(losses[-self.steps_per_epoch :])) if losses else math.nan
                    minutes = (time.monotonic() - began) / 60
                    self.progress(f"epoch {self.epoch}  loss {recent:.4f}  {minutes:.1f} min")
                    if self.epoch % self.config.validate_every == 0 or int(self.step) >= last:
                        metrics = self._validate_and_keep(recent)
                        if 0 < self.config.patience <= self.history.stale("pesq_wb"):
                            self.progress("no better validation any more: stopping here")
                            break
                if int(self.step) >= last:
                    break
        return {
            "steps": int(self.step),
            "epochs": self.epoch,
            "best_pesq_wb": float(self.best),
            **metrics,
        }

    def _validate_and_keep(self, loss: float) -> dict[str, float]:
        metrics = self.validate()
        entry = {"step": int(self.step), "epoch": self.epoch, "loss": loss, **metrics}
        self.history.append(entry)
        mark = ""
        if metrics["pesq_wb"] > float(self.best):
            self.best.assign(metrics["pesq_wb"])
            save_imse_weights(self.model, self.output / WEIGHTS_FILE, self.model_config)
            mark = "  best, kept"
        self.checkpoints.save()
        self.progress(
            f"epoch {self.epoch}  validation PESQ-WB {metrics['pesq_wb']:.3f}  "
            f"SI-SDR {metrics['si_sdr_db']:.2f} dB{mark}"
        )
        return metrics


def level(clean: Array, noisy: Array) -> tuple[Array, Array]:
    """Brings items to the level that the network sees: a root mean square of one of the noisy one.

    Args:
        clean: ``(batch, samples)``.
        noisy: As ``clean``.

    Returns:
        ``(clean, noisy)``, float32.
    """
    power = np.mean(np.square(noisy, dtype=np.float64), axis=1, keepdims=True)
    factor = 1.0 / np.sqrt(np.maximum(power, 1e-12))
    return (clean * factor).astype(np.float32), (noisy * factor).astype(np.float32)


def _items(corpus: Corpus) -> int:
    return len(corpus.pairs) + len(corpus.speech)


def _polar(values: tf.Tensor) -> PolarSpectrum:
    return PolarSpectrum(values[..., 0], values[..., 1])


def _update(optimizer: Any, tape: tf.GradientTape, loss: tf.Tensor, variables: Any) -> tf.Tensor:
    """Applies gradients; one that is not finite is dropped whole, and the loss becomes NaN."""
    gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, variables), _GRADIENT_LIMIT)
    finite = tf.math.is_finite(norm)
    safe = [tf.where(finite, gradient, 0.0) for gradient in gradients]
    optimizer.apply_gradients(zip(safe, variables, strict=True))
    return tf.where(finite, loss, float("nan"))


def _validation_items(corpus: Corpus, most: int) -> list[tuple[Array, Array]]:
    """Whole validation pairs, spread over the split; mixes where there are no pairs."""
    if corpus.pairs:
        count = len(corpus.pairs)
        chosen = np.linspace(0, count - 1, min(most, count)).round().astype(int)
        return [corpus.pairs[index] for index in chosen]
    mixer = Mixer(corpus, _VALIDATION_SAMPLES, 1234)
    items: list[tuple[Array, Array]] = []
    while len(items) < most:
        clean, noisy = mixer.item()
        if np.mean(clean**2) > 0 and np.any(noisy != clean):
            items.append((clean, noisy))
    return items
