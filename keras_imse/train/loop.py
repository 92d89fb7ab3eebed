"""The training loop: schedule, averaging, validation, checkpoints, resume."""

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
from keras_imse import audio
from keras_imse.checkpoint import load_weights, save_weights
from keras_imse.config import StreamConfig
from keras_imse.errors import TrainingError
from keras_imse.models.stream import ImseStream
from keras_imse.train import spectral
from keras_imse.train.data import Array, Mixer, background_batches, load_corpus
from keras_imse.train.history import History
from keras_imse.train.losses import enhancement_loss
from keras_imse.train.metrics import validation_pesq
from keras_imse.train.settings import MAX_UNUSABLE_STEPS, TrainingConfig, training_inputs


class Trainer:
    """Trains one streaming network and keeps its best averaged weights.

    Args:
        model_config: Network.
        config: Run.
        data: Data folder, see :mod:`keras_imse.train.data`.
        output: Run folder: ``weights.npz`` (best on validation), ``log.jsonl``, ``checkpoint/``.
        initial_weights: Weights to start from, or None.
        progress: Called with one line of text now and then.

    Raises:
        TrainingError: The data cannot be used or the settings do not fit.
    """

    def __init__(
        self,
        model_config: StreamConfig,
        config: TrainingConfig,
        data: Path,
        output: Path,
        *,
        initial_weights: Path | None = None,
        progress: Callable[[str], None] = print,
    ) -> None:
        if config.item_samples % model_config.frontend.hop:
            raise TrainingError(
                f"item length {config.item_samples} is no multiple of the hop "
                f"{model_config.frontend.hop}"
            )
        losses = config.losses
        if losses.perceptual or losses.intelligibility or losses.tails:
            raise TrainingError(
                "the losses 'perceptual', 'intelligibility' and 'tails' are not available in "
                "TensorFlow",
                hint="train with python -m keras_imse.torch_twin.train",
            )
        tf_keras.utils.set_random_seed(config.seed)
        self.config, self.frontend, self.output = config, model_config.frontend, output
        self.progress = progress
        self.history = History(output / "log.jsonl")
        train, val = load_corpus(data, "train"), load_corpus(data, "val")
        progress(f"training speech {train.seconds / 60:.1f} min, validation {val.seconds / 60:.1f}")
        self.model = ImseStream(model_config)
        self.averaged = ImseStream(model_config)
        if initial_weights is not None:
            load_weights(self.model, initial_weights)
        self.averaged.set_weights(self.model.get_weights())
        self.optimizer = tf_keras.optimizers.AdamW(
            learning_rate=config.learning_rate, beta_2=0.98, weight_decay=config.weight_decay
        )
        self.optimizer.exclude_from_weight_decay(
            var_names=["bias", "beta", "gamma", "alpha", "prior", "slope"]
        )
        self.optimizer.build(self.model.trainable_variables)
        self.step = tf.Variable(0, dtype=tf.int64)
        self.elapsed_s = tf.Variable(0.0, dtype=tf.float64)
        self.best = tf.Variable(-math.inf, dtype=tf.float64)
        self.checkpoints = tf.train.CheckpointManager(
            tf.train.Checkpoint(
                model=self.model,
                averaged=self.averaged,
                optimizer=self.optimizer,
                step=self.step,
                elapsed_s=self.elapsed_s,
                best=self.best,
            ),
            str(output / "checkpoint"),
            max_to_keep=2,
        )
        if self.checkpoints.latest_checkpoint:
            self.checkpoints.restore_or_initialize()
            progress(f"resuming at step {int(self.step)}")
        seed = config.seed + 1 + int(self.step)
        self.mixer = Mixer(
            train,
            config.item_samples,
            seed,
            near_clean=config.near_clean,
            low_end=config.low_end,
            variety=config.variety,
        )
        self.validation = self._validation_items(Mixer(val, 4 * 16000, 1234))
        self._train_step = tf.function(self._train_step_eager)
        self._infer = tf.function(self.averaged, reduce_retracing=True)

    def _validation_items(self, mixer: Mixer) -> list[tuple[Array, Array]]:
        items: list[tuple[Array, Array]] = []
        while len(items) < self.config.validation_items:
            clean, noisy = mixer.item()
            if np.mean(clean**2) > 0 and np.any(noisy != clean):
                items.append((clean, noisy))
        return items

    def _train_step_eager(
        self, clean: tf.Tensor, noisy: tf.Tensor, gains: tf.Tensor, rate: tf.Tensor
    ) -> tf.Tensor:
        config = self.frontend
        spectrum = spectral.stft(noisy, config)
        features = spectral.compressed_features(spectrum, gains, config)
        statistics = [tf.identity(w) for w in self.model.non_trainable_weights]
        with tf.GradientTape() as tape:
            mask, phase = self.model(features, training=True)
            masked = spectral.apply_mask(spectrum, mask, phase, config)
            enhanced = spectral.istft(masked, self.config.item_samples, config)
            loss = enhancement_loss(enhanced, clean, config, self.config.losses)
        variables = self.model.trainable_variables
        gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, variables), 3.0)
        # One unlucky batch must not end a run: its update is dropped whole, `run` counts them.
        finite = tf.math.is_finite(norm)
        gradients = [tf.where(finite, gradient, 0.0) for gradient in gradients]
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for weight, old in zip(self.model.non_trainable_weights, statistics, strict=True):
            weight.assign(tf.where(finite, weight, old))
        decay = tf.minimum(self.config.average, tf.cast(self.step, tf.float32) / 1000.0)
        for average, weight in zip(self.averaged.weights, self.model.weights, strict=True):
            average.assign(decay * average + (1.0 - decay) * weight)
        return tf.where(finite, loss, float("nan"))

    def _enhance(self, noisy: Array) -> Array:
        features, spectrum = audio.features_of(noisy, self.frontend)
        mask, phase = self._infer(tf.constant(features[None]))
        enhanced = audio.apply_mask(
            spectrum, mask.numpy()[0, :, :, 0], phase.numpy()[0], self.frontend
        )
        return audio.synthesize(enhanced, len(noisy), self.frontend)

    def validate(self) -> dict[str, float]:
        """Returns mean PESQ-WB and SI-SDR of the averaged weights on the validation mixes."""
        pesqs, ratios = [], []
        for clean, noisy in self.validation:
            enhanced = self._enhance(noisy)
            pesqs.append(validation_pesq(clean, enhanced, self.frontend.sample_rate_hz))
            ratios.append(si_sdr_db(clean, enhanced))
        return {"pesq_wb": float(np.nanmean(pesqs)), "si_sdr_db": float(np.mean(ratios))}

    def _fraction_done(self) -> float:
        if self.config.minutes > 0:
            return float(self.elapsed_s) / (60.0 * self.config.minutes)
        return int(self.step) / self.config.steps

    def run(self) -> dict[str, Any]:
        """Trains to the end of the schedule.

        Returns:
            Summary: steps, seconds of audio seen, best validation metrics.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        settings = {"model": self.model.config.to_json(), "training": asdict(self.config)}
        write_text(
            self.output / "training.json", json.dumps(settings, indent=1, sort_keys=True) + "\n"
        )
        losses: list[float] = []
        unusable = 0
        metrics: dict[str, float] = {}
        began, before = time.monotonic(), float(self.elapsed_s)
        for clean, noisy in background_batches(self.mixer, self.config.batch_size):
            done = self._fraction_done()
            if done >= 1.0:
                break
            clean, noisy, gains = training_inputs(clean, noisy, self.frontend)
            warm = min(1.0, (int(self.step) + 1) / self.config.warmup_steps)
            rate = self.config.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * done))
            loss = float(
                self._train_step(
                    tf.constant(clean),
                    tf.constant(noisy),
                    tf.constant(gains),
                    tf.constant(max(rate, 1e-6), tf.float32),
                )
            )
            unusable = 0 if math.isfinite(loss) else unusable + 1
            if unusable == MAX_UNUSABLE_STEPS:
                raise TrainingError(
                    f"loss or gradient not finite in {unusable} steps up to step {int(self.step)}",
                    hint="lower --learning-rate; the last checkpoint is kept",
                )
            if not unusable:
                losses.append(loss)
            self.step.assign_add(1)
            self.elapsed_s.assign(before + time.monotonic() - began)
            if int(self.step) % 100 == 0:
                per_step_s = self.config.batch_size * self.config.item_samples / 16000.0
                speed = len(losses) * per_step_s / (time.monotonic() - began)
                self.progress(
                    f"step {int(self.step)}  {100 * done:.1f} %  loss {np.mean(losses[-100:]):.4f}"
                    f"  {speed:.1f} audio-seconds per second"
                )
            if int(self.step) % self.config.validate_every == 0:
                metrics = self._validate_and_keep(float(np.mean(losses[-500:])))
                if 0 < self.config.patience <= self.history.stale("pesq_wb"):
                    self.progress(f"no better validation in {self.config.patience}: ending early")
                    break
        metrics = self._validate_and_keep(float(np.mean(losses[-500:])) if losses else math.nan)
        return {"steps": int(self.step), "best_pesq_wb": float(self.best), **metrics}

    def _validate_and_keep(self, loss: float) -> dict[str, float]:
        metrics = self.validate()
        entry = {"step": int(self.step), "loss": loss, **metrics}
        self.history.append(entry)
        mark = ""
        if metrics["pesq_wb"] > float(self.best):
            self.best.assign(metrics["pesq_wb"])
            save_weights(self.averaged, self.output / "weights.npz")
            mark = "  best, kept"
        self.checkpoints.save()
        self.progress(
            f"step {int(self.step)}  validation PESQ-WB {metrics['pesq_wb']:.3f}  "
            f"SI-SDR {metrics['si_sdr_db']:.2f} dB{mark}"
        )
        return metrics
