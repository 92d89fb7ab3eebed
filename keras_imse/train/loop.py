"""The training loop: schedule, averaging, validation, checkpoints, resume."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from imse_mcu.core.metrics import si_sdr_db
from keras_imse import audio
from keras_imse.checkpoint import load_weights, save_weights
from keras_imse.config import StreamConfig
from keras_imse.errors import TrainingError
from keras_imse.models.stream import ImseStream
from keras_imse.train import spectral
from keras_imse.train.checkpoints import RunCheckpoints
from keras_imse.train.data import Array, Mixer, background_batches, load_corpus
from keras_imse.train.history import finite_or_none
from keras_imse.train.losses import enhancement_loss
from keras_imse.train.metrics import mean_of_known, validation_pesq
from keras_imse.train.run import StepLosses, Validations, validation_items, write_settings
from keras_imse.train.settings import TrainingConfig, training_inputs


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
        TrainingError: The data or the checkpoint cannot be used, or the settings do not fit.
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
        self.validations = Validations(output, "pesq_wb", config.patience, progress)
        self.history = self.validations.history
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
        self.checkpoints = RunCheckpoints(
            output / "checkpoint",
            {"model": model_config.to_json()},
            model=self.model,
            averaged=self.averaged,
            optimizer=self.optimizer,
            step=self.step,
            elapsed_s=self.elapsed_s,
            best=self.best,
        )
        if self.checkpoints.restore():
            progress(f"resuming at step {int(self.step)}")
        self.history.resume(int(self.step))
        seed = config.seed + 1 + int(self.step)
        self.mixer = Mixer(
            train,
            config.item_samples,
            seed,
            near_clean=config.near_clean,
            low_end=config.low_end,
            variety=config.variety,
        )
        self.validation = validation_items(Mixer(val, 4 * 16000, 1234), config.validation_items)
        self._train_step = tf.function(self._train_step_eager)
        self._infer = tf.function(self.averaged, reduce_retracing=True)

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
        self.optimizer.learning_rate.assign(rate)

        def update() -> tf.Tensor:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            decay = tf.minimum(self.config.average, tf.cast(self.step, tf.float32) / 1000.0)
            for average, weight in zip(self.averaged.weights, self.model.weights, strict=True):
                average.assign(decay * average + (1.0 - decay) * weight)
            return tf.identity(loss)

        def drop() -> tf.Tensor:
            for weight, old in zip(self.model.non_trainable_weights, statistics, strict=True):
                weight.assign(old)
            return tf.constant(math.nan)

        # One unlucky batch must not end a run: it changes nothing, `run` counts them.
        return tf.cond(tf.math.is_finite(norm) & tf.math.is_finite(loss), update, drop)

    def _enhance(self, noisy: Array) -> Array:
        features, spectrum = audio.features_of(noisy, self.frontend)
        mask, phase = self._infer(tf.constant(features[None]))
        enhanced = audio.apply_mask(
            spectrum, mask.numpy()[0, :, :, 0], phase.numpy()[0], self.frontend
        )
        return audio.synthesize(enhanced, len(noisy), self.frontend)

    def validate(self) -> dict[str, float]:
        """Returns mean PESQ-WB and SI-SDR of the averaged weights on the validation mixes.

        PESQ leaves out mixes that it finds no speech in; NaN if that is all of them.
        """
        pesqs, ratios = [], []
        for clean, noisy in self.validation:
            enhanced = self._enhance(noisy)
            pesqs.append(validation_pesq(clean, enhanced, self.frontend.sample_rate_hz))
            ratios.append(si_sdr_db(clean, enhanced))
        return {"pesq_wb": mean_of_known(pesqs), "si_sdr_db": mean_of_known(ratios)}

    def _fraction_done(self) -> float:
        return self.config.fraction_done(int(self.step), float(self.elapsed_s))

    def run(self) -> dict[str, Any]:
        """Trains to the end of the schedule.

        Returns:
            Summary: steps, best validation PESQ-WB, last metrics; None for those unknown.

        Raises:
            TrainingError: Mixing failed or the run diverged; the last checkpoint is kept.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        settings = {"model": self.model.config.to_json(), "training": asdict(self.config)}
        write_settings(self.output, settings)
        losses = StepLosses()
        if self._fraction_done() < 1.0 and not self.validations.exhausted():
            with contextlib.closing(
                background_batches(self.mixer, self.config.batch_size)
            ) as batches:
                self._train(batches, losses)
        if not self.validations.up_to_date(int(self.step)):
            self._validate_and_keep(losses)
        summary = {"steps": int(self.step), "best_pesq_wb": float(self.best)}
        return finite_or_none({**summary, **self.validations.last_metrics()})

    def _train(self, batches: Iterator[tuple[Array, Array]], losses: StepLosses) -> None:
        before = float(self.elapsed_s)
        while (done := self._fraction_done()) < 1.0:
            clean, noisy, gains = training_inputs(*next(batches), self.frontend)
            loss = self._train_step(
                tf.constant(clean),
                tf.constant(noisy),
                tf.constant(gains),
                tf.constant(self.config.rate(int(self.step), done), tf.float32),
            )
            losses.add(float(loss), int(self.step))
            self.step.assign_add(1)
            self.elapsed_s.assign(before + losses.elapsed_s)
            if int(self.step) % 100 == 0:
                step_s = self.config.batch_size * self.config.item_samples / 16000.0
                self.progress(losses.line(int(self.step), done, step_s))
            if int(self.step) % self.config.validate_every == 0:
                self._validate_and_keep(losses)
                if self.validations.exhausted():
                    break

    def _validate_and_keep(self, losses: StepLosses) -> None:
        entry = {"step": int(self.step), "loss": losses.mean(500), **self.validate()}
        best = self.validations.record(
            entry, float(self.best), lambda path: save_weights(self.averaged, path)
        )
        self.best.assign(best)
        self.checkpoints.save()
