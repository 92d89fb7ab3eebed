"""The training loop in PyTorch: the run of :mod:`keras_imse.train.loop` on a GPU."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from imse_mcu.core.files import atomic_file
from keras_imse import audio
from keras_imse.config import StreamConfig
from keras_imse.errors import TrainingError, TrainingInputError
from keras_imse.torch_twin import spectral
from keras_imse.torch_twin.bridge import entries, load_initial_weights, save_weights
from keras_imse.torch_twin.fast_stream import FastStream
from keras_imse.torch_twin.heap import keep_freed_memory
from keras_imse.torch_twin.intelligibility import EnvelopeDistance
from keras_imse.torch_twin.losses import enhancement_loss
from keras_imse.torch_twin.mixing import Batch, BatchSource, Recipe
from keras_imse.torch_twin.perceptual import LoudnessDistance
from keras_imse.torch_twin.scoring import Scorer, metric_that_chooses
from keras_imse.torch_twin.stream import TorchStream
from keras_imse.torch_twin.stream_blocks import tail_penalty, watch_tails
from keras_imse.train.data import Array, Mixer, load_corpus
from keras_imse.train.run import StepLosses, Validations, validation_items, write_settings
from keras_imse.train.settings import TrainingConfig

#: Parts of tf-keras names of weights that do not decay.
UNDECAYED = ("bias", "beta", "gamma", "alpha", "prior", "slope")

CHECKPOINT_FORMAT = 1

#: Mean square of the clean signal above which an item holds speech.
SPEECH_POWER = 1e-6

#: What reading a damaged or foreign checkpoint raises.
UNREADABLE = (RuntimeError, OSError, EOFError, KeyError, TypeError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Machine:
    """Where a run computes.

    Attributes:
        device: PyTorch device, for example ``cuda`` or ``cpu``.
        mixed_precision: Whether the network computes in bfloat16 where that is safe.
        workers: Processes that mix and score; 0 does both in this process.
        native: Whether to compile and use the operators for a processor
            (:mod:`keras_imse.torch_twin.native`).
        threads: Threads of PyTorch on a processor; 0 leaves its own choice.
    """

    device: str = "cpu"
    mixed_precision: bool = False
    workers: int = 0
    native: bool = False
    threads: int = 0

    def torch_device(self) -> torch.device:
        """Returns the device.

        Raises:
            TrainingInputError: There is no such device.
        """
        try:
            device = torch.device(self.device)
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise TrainingInputError(
                f"device '{self.device}' cannot be used: {reason}",
                hint="use --device cpu, or install a PyTorch made for this machine's GPU",
            ) from error
        return device


class TorchTrainer:
    """Trains one streaming network and keeps its best averaged weights.

    Args:
        model_config: Network.
        config: Run.
        machine: Where it runs.
        data: Data folder, see :mod:`keras_imse.train.data`.
        output: Run folder: ``weights.npz`` (best on validation), ``log.jsonl``,
            ``training.json``, ``checkpoint.pt`` (the run resumes from it).
        initial_weights: Weights to start from, or None.
        progress: Called with one line of text now and then.

    Raises:
        TrainingError: The data, the device or the checkpoint cannot be used, or the settings do
            not fit.
        WeightsError: The initial weights do not fit.
    """

    def __init__(
        self,
        model_config: StreamConfig,
        config: TrainingConfig,
        machine: Machine,
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
        self.config, self.machine = config, machine
        self.frontend, self.output, self.progress = model_config.frontend, output, progress
        self.metric = metric_that_chooses()
        self.validations = Validations(output, self.metric, config.patience, progress)
        self.history = self.validations.history
        self.device = machine.torch_device()
        if machine.native and (self.device.type != "cpu" or machine.mixed_precision):
            raise TrainingError(
                "native operators are for a processor and float32",
                hint="leave out --native, or choose --device cpu without --mixed-precision",
            )
        if machine.native:
            keep_freed_memory()
        if machine.threads:
            torch.set_num_threads(machine.threads)
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        self.corpus, val = load_corpus(data, "train"), load_corpus(data, "val")
        progress(
            f"training speech {self.corpus.seconds / 60:.1f} min, validation {val.seconds / 60:.1f}"
        )
        torch.manual_seed(config.seed)
        network = FastStream if machine.native else TorchStream
        self.model = network(model_config)
        if initial_weights is not None:
            load_initial_weights(self.model, initial_weights)
        self.averaged = network(model_config)
        self.averaged.load_state_dict(self.model.state_dict())
        if config.losses.tails:
            watch_tails(self.model)
        self.model.to(self.device).train()
        self.averaged.to(self.device).eval().requires_grad_(requires_grad=False)
        #: Distances ``(clean, enhanced) -> (batch,)`` that need speech, with their weights.
        self.distances = [
            (weight, distance().to(self.device))
            for weight, distance in (
                (config.losses.perceptual, LoudnessDistance),
                (config.losses.intelligibility, EnvelopeDistance),
            )
            if weight
        ]
        self.optimizer = self._optimizer()
        self.step, self.elapsed_s, self.best = 0, 0.0, -math.inf
        if self._checkpoint_path.is_file():
            self._restore()
            progress(f"resuming at step {self.step}")
        self.history.resume(self.step)
        self.validation = validation_items(Mixer(val, 4 * 16000, 1234), config.validation_items)

    def _optimizer(self) -> torch.optim.Optimizer:
        names = {entry.torch_name: entry.name for entry in entries(self.model)}
        groups: dict[bool, list[torch.Tensor]] = {True: [], False: []}
        for torch_name, parameter in self.model.named_parameters():
            groups[not any(part in names[torch_name] for part in UNDECAYED)].append(parameter)
        return torch.optim.AdamW(
            [
                {"params": groups[True], "weight_decay": self.config.weight_decay},
                {"params": groups[False], "weight_decay": 0.0},
            ],
            lr=self.config.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-7,
            fused=self.device.type == "cuda",
        )

    @property
    def _checkpoint_path(self) -> Path:
        return self.output / "checkpoint.pt"

    def _identity(self) -> str:
        """What a checkpoint must have been made for."""
        return json.dumps(
            {
                "format": CHECKPOINT_FORMAT,
                "metric": self.metric,
                "model": self.model.config.to_json(),
            },
            sort_keys=True,
        )

    def _save_checkpoint(self) -> None:
        content = {
            "identity": self._identity(),
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "best": self.best,
        }
        with atomic_file(self._checkpoint_path) as temporary:
            torch.save(content, temporary)

    def _restore(self) -> None:
        path = self._checkpoint_path
        hint = "give another --output, or remove the checkpoint to start anew"
        try:
            content = torch.load(path, map_location=self.device, weights_only=True)
            identity = content["identity"]
        except UNREADABLE as error:
            raise TrainingError(f"checkpoint '{path}' cannot be read", hint=hint) from error
        if identity != self._identity():
            raise TrainingError(
                f"checkpoint '{path}' is of another model, or chose weights by another metric "
                f"than {self.metric}",
                hint=hint,
            )
        self.model.load_state_dict(content["model"])
        self.averaged.load_state_dict(content["averaged"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.elapsed_s = int(content["step"]), float(content["elapsed_s"])
        self.best = float(content["best"])

    def loss_of(self, batch: Batch) -> torch.Tensor:
        """Loss of the network in its present mode on one batch of :class:`BatchSource`."""
        clean, noisy, gains = (torch.from_numpy(part).to(self.device) for part in batch)
        spectrum = spectral.stft(noisy, self.frontend)
        features = spectral.compressed_features(spectrum, gains, self.frontend)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.machine.mixed_precision):
            mask, phase = self.model(features)
        masked = spectral.apply_mask(spectrum, mask, phase, self.frontend)
        enhanced = spectral.istft(masked, self.config.item_samples, self.frontend)
        loss = enhancement_loss(enhanced, clean, self.frontend, self.config.losses)
        # An item without speech has nothing to compare with.
        speech = clean.square().mean(dim=1) > SPEECH_POWER
        if self.distances and bool(speech.any()):
            for weight, distance in self.distances:
                total = distance(clean[speech], enhanced[speech]).sum()
                loss = loss + weight / len(clean) * total
        if self.config.losses.tails and self.model.training:
            loss = loss + self.config.losses.tails * tail_penalty(self.model)
        return loss

    def train_step(self, batch: Batch, rate: float) -> float:
        """Makes one optimizer step.

        One unlucky batch must not end a run: without a finite gradient nothing is updated.

        Args:
            batch: Items, see :class:`BatchSource`.
            rate: Learning rate.

        Returns:
            The loss; NaN if the batch was dropped.
        """
        statistics = [buffer.clone() for buffer in self.model.buffers()]
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss_of(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 3.0)
        loss_value, norm_value = torch.stack([loss.detach(), norm]).tolist()
        if not (math.isfinite(loss_value) and math.isfinite(norm_value)):
            for buffer, old in zip(self.model.buffers(), statistics, strict=True):
                buffer.copy_(old)
            return math.nan
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.model.constrain()
        self._average(min(self.config.average, self.step / 1000.0))
        return float(loss_value)

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        averages, weights = self.averaged.state_dict(), self.model.state_dict()
        for name, average in averages.items():
            if average.is_floating_point():
                average.lerp_(weights[name], 1.0 - decay)

    @torch.no_grad()
    def _enhance(self, noisy: Array) -> Array:
        features, spectrum = audio.features_of(noisy, self.frontend)
        mask, phase = self.averaged(torch.from_numpy(features[None]).to(self.device))
        enhanced = audio.apply_mask(
            spectrum, mask.cpu().numpy()[0, :, :, 0], phase.cpu().numpy()[0], self.frontend
        )
        return audio.synthesize(enhanced, len(noisy), self.frontend)

    def validate(self, scorer: Scorer) -> dict[str, float]:
        """Returns mean metrics of the averaged weights on the validation mixes."""
        pairs = [(clean, self._enhance(noisy)) for clean, noisy in self.validation]
        return scorer.mean(pairs, self.frontend.sample_rate_hz)

    def _fraction_done(self) -> float:
        return self.config.fraction_done(self.step, self.elapsed_s)

    def run(self) -> dict[str, Any]:
        """Trains to the end of the schedule.

        Returns:
            Summary: steps, the metric that chose the weights and its best value, last metrics.

        Raises:
            TrainingError: Mixing failed or the run diverged.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        settings = {
            "model": self.model.config.to_json(),
            "training": asdict(self.config),
            "machine": asdict(self.machine),
        }
        write_settings(self.output, settings)
        recipe = Recipe(
            self.frontend,
            self.config.batch_size,
            self.config.item_samples,
            self.config.seed,
            self.step,
            self.config.near_clean,
            self.config.low_end,
            self.config.variety,
        )
        workers = self.machine.workers
        losses = StepLosses()
        with Scorer(workers, with_pesq=self.metric == "pesq_wb") as scorer:
            if self._fraction_done() < 1.0 and not self.validations.exhausted():
                with BatchSource(self.corpus, recipe, workers) as batches:
                    self._train(batches, losses, scorer)
            if not self.validations.up_to_date(self.step):
                self._validate_and_keep(losses, scorer)
        metrics = self.validations.last_metrics()
        return {"steps": self.step, "metric": self.metric, "best": self.best, **metrics}

    def _train(self, batches: BatchSource, losses: StepLosses, scorer: Scorer) -> None:
        before = self.elapsed_s
        while (done := self._fraction_done()) < 1.0:
            loss = self.train_step(next(batches), self.config.rate(self.step, done))
            losses.add(loss, self.step)
            self.step += 1
            self.elapsed_s = before + losses.elapsed_s
            if self.step % 100 == 0:
                step_s = self.config.batch_size * self.config.item_samples / 16000.0
                self.progress(losses.line(self.step, done, step_s))
            if self.step % self.config.validate_every == 0:
                self._validate_and_keep(losses, scorer)
                if self.validations.exhausted():
                    break

    def _validate_and_keep(self, losses: StepLosses, scorer: Scorer) -> None:
        entry = {"step": self.step, "loss": losses.mean(500), **self.validate(scorer)}
        self.best = self.validations.record(
            entry, self.best, lambda path: save_weights(self.averaged, path)
        )
        self._save_checkpoint()
