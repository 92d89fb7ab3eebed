"""Training the published network by its recipe: losses, schedule, discriminator, resume."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from imse_mcu.core.metrics import si_sdr_db
from keras_imse.enhance_imse import enhance
from keras_imse.errors import TrainingError
from keras_imse.imse_config import ImseConfig, check_frames
from keras_imse.layers.offline import spectrum
from keras_imse.models.imse import build_imse
from keras_imse.train.checkpoints import RunCheckpoints
from keras_imse.train.data import Array, Corpus, Mixer, background_batches, load_corpus
from keras_imse.train.discriminator import MetricDiscriminator, pesq_score
from keras_imse.train.history import finite_or_none
from keras_imse.train.imse_losses import (
    PolarSpectrum,
    complex_loss,
    magnitude_loss,
    phase_loss,
    time_loss,
)
from keras_imse.train.imse_settings import ImseTrainingConfig
from keras_imse.train.metrics import mean_of_known, validation_pesq
from keras_imse.train.run import StepLosses, Validations, validation_items, write_settings
from keras_imse.weights import load_imse_weights, save_imse_weights

_GRADIENT_LIMIT = 10.0
_VALIDATION_SAMPLES = 64_000

#: The shortest item that PESQ, and so the discriminator, can score.
_SCORED_S = 0.25


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
        TrainingError: The data or the checkpoint cannot be used, or the settings do not fit.
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
        self.validations = Validations(output, "pesq_wb", config.patience, progress)
        self.history = self.validations.history
        self.samples = (config.segment_frames - 1) * self.audio.hop
        if self.samples < self.audio.n_fft:
            raise TrainingError(
                f"items of {config.segment_frames} frames are shorter than one window"
            )
        if config.discriminator and self.samples < _SCORED_S * self.audio.sample_rate_hz:
            raise TrainingError(
                f"items of {config.segment_frames} frames are too short for the discriminator: "
                f"PESQ needs {_SCORED_S:g} s",
                hint="use more --segment-frames, or --no-discriminator",
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
        self.steps_per_epoch = max(1, train.items // config.batch_size)
        parts: dict[str, Any] = {"model": self.model, "step": self.step, "best": self.best}
        parts |= {f"optimizer_{i}": optimizer for i, optimizer in enumerate(self.optimizers)}
        if self.discriminator is not None:
            parts["discriminator"] = self.discriminator
        self.checkpoints = RunCheckpoints(
            output / "checkpoint",
            {"model": model_config.to_json(), "discriminator": config.discriminator},
            **parts,
        )
        if self.checkpoints.restore():
            progress(f"resuming at step {int(self.step)}, epoch {self.epoch}")
        self.history.resume(int(self.step))
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
        # A network that returned no numbers has nothing to be scored.
        if self.discriminator is not None and math.isfinite(float(loss)):
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
        """Returns mean PESQ-WB and SI-SDR on the validation recordings.

        PESQ leaves out recordings that it finds no speech in; NaN if that is all of them.
        """
        pesqs, ratios = [], []
        for clean, noisy in self.validation:
            enhanced = enhance(
                noisy, self._network, self.model_config, segment_samples=self.samples
            )
            pesqs.append(validation_pesq(clean, enhanced, self.audio.sample_rate_hz))
            ratios.append(si_sdr_db(clean, enhanced))
        return {"pesq_wb": mean_of_known(pesqs), "si_sdr_db": mean_of_known(ratios)}

    def _network(self, features: Array) -> dict[str, Array]:
        outputs = self._infer(tf.constant(features))
        return {name: value.numpy() for name, value in outputs.items()}

    def run(self) -> dict[str, Any]:
        """Trains to the end of the schedule.

        Returns:
            Summary: steps, epochs, best validation PESQ-WB, last metrics; None for those unknown.

        Raises:
            TrainingError: Mixing failed or the run diverged; the last checkpoint is kept.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        settings = {"model": self.model_config.to_json(), "training": asdict(self.config)}
        write_settings(self.output, settings)
        losses = StepLosses()
        if int(self.step) < self._last_step and not self.validations.exhausted():
            with contextlib.closing(
                background_batches(self.mixer, self.config.batch_size)
            ) as batches:
                self._train(batches, losses)
        if not self.validations.up_to_date(int(self.step)):
            self._validate_and_keep(losses)
        summary = {"steps": int(self.step), "epochs": self.epoch, "best_pesq_wb": float(self.best)}
        return finite_or_none({**summary, **self.validations.last_metrics()})

    @property
    def _last_step(self) -> int:
        return self.config.epochs * self.steps_per_epoch

    def _train(self, batches: Iterator[tuple[Array, Array]], losses: StepLosses) -> None:
        while int(self.step) < self._last_step:
            loss = self.train_step(*next(batches))
            losses.add(loss, int(self.step))
            if int(self.step) % self.steps_per_epoch:
                continue
            recent = losses.mean(self.steps_per_epoch)
            minutes = losses.elapsed_s / 60
            self.progress(f"epoch {self.epoch}  loss {recent:.4f}  {minutes:.1f} min")
            if self.epoch % self.config.validate_every == 0:
                self._validate_and_keep(losses)
                if self.validations.exhausted():
                    break

    def _validate_and_keep(self, losses: StepLosses) -> None:
        loss = losses.mean(self.steps_per_epoch)
        entry = {"step": int(self.step), "epoch": self.epoch, "loss": loss, **self.validate()}
        best = self.validations.record(
            entry,
            float(self.best),
            lambda path: save_imse_weights(self.model, path, self.model_config),
        )
        self.best.assign(best)
        self.checkpoints.save()


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


def _polar(values: tf.Tensor) -> PolarSpectrum:
    return PolarSpectrum(values[..., 0], values[..., 1])


def _update(optimizer: Any, tape: tf.GradientTape, loss: tf.Tensor, variables: Any) -> tf.Tensor:
    """Applies gradients; those that are not finite change nothing, and the loss becomes NaN."""
    gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, variables), _GRADIENT_LIMIT)

    def update() -> tf.Tensor:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.identity(loss)

    finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
    return tf.cond(finite, update, lambda: tf.constant(math.nan))


def _validation_items(corpus: Corpus, most: int) -> list[tuple[Array, Array]]:
    """Whole validation pairs, spread over the split; mixes where there are no pairs."""
    if corpus.pairs:
        count = len(corpus.pairs)
        chosen = np.linspace(0, count - 1, min(most, count)).round().astype(int)
        return [corpus.pairs[index] for index in chosen]
    return validation_items(Mixer(corpus, _VALIDATION_SAMPLES, 1234), most)
