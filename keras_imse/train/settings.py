"""What a training run does, apart from any framework: settings and the level of its items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from keras_imse import audio
from keras_imse.config import FrontendConfig
from keras_imse.errors import TrainingError
from keras_imse.train.data import Array


def check_range(settings: Any, names: Sequence[str], low: float, high: float = math.inf) -> None:
    """Refuses settings that are out of range.

    Args:
        settings: What has them as attributes.
        names: The attributes.
        low: Smallest value.
        high: Largest value.

    Raises:
        TrainingError: One is smaller, larger or not finite.
    """
    for name in names:
        value = getattr(settings, name)
        if not (low <= value <= high and math.isfinite(value)):
            expected = f"{low:g} or more" if high == math.inf else f"{low:g} to {high:g}"
            raise TrainingError(f"{name} is {value}, expected {expected}")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss.

    Attributes:
        magnitude: Squared error of compressed magnitudes.
        complex: Squared error of compressed complex spectra.
        waveform: Negative signal-to-distortion ratio in dB.
        perceptual: Loudness distance after P.862 (PyTorch only).
        intelligibility: Envelope distance after STOI (PyTorch only).
        tails: Rare large activations, which eight bits would cut off (PyTorch only).
    """

    magnitude: float = 21.0
    complex: float = 18.0
    waveform: float = 0.02
    perceptual: float = 0.0
    intelligibility: float = 0.0
    tails: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """What a training run does.

    Attributes:
        steps: Optimizer steps; the learning rate falls to zero over them.
        minutes: If positive, the schedule follows the clock instead and ends after this long.
        batch_size: Items per step.
        item_samples: Samples per item, a multiple of the hop.
        learning_rate: Peak learning rate.
        warmup_steps: Steps of linear warm-up.
        weight_decay: AdamW weight decay.
        average: Decay of the weight average that is validated and kept.
        validate_every: Steps between validations.
        validation_items: Items of the fixed validation set.
        patience: Validations without a better one after which the run ends; 0: never.
        seed: Seed of initial weights and data.
        near_clean: Share of training items that are almost clean.
        low_end: Share of training items whose low end is drawn, see :class:`Mixer`.
        variety: Share of recordings that are changed in speed, colour or swell, see
            :class:`Mixer`.
        losses: Weights of the loss.
    """

    steps: int = 20000
    minutes: float = 0.0
    batch_size: int = 8
    item_samples: int = 38400
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    weight_decay: float = 1e-3
    average: float = 0.999
    validate_every: int = 500
    validation_items: int = 24
    patience: int = 0
    seed: int = 0
    near_clean: float = 0.12
    low_end: float = 0.5
    variety: float = 0.5
    losses: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        at_least_one = ("steps", "batch_size", "item_samples", "warmup_steps", "validate_every")
        check_range(self, (*at_least_one, "validation_items"), 1)
        check_range(self, ("minutes", "weight_decay", "patience", "seed"), 0)
        check_range(self, ("average", "near_clean", "low_end", "variety"), 0, 1)
        check_range(self.losses, tuple(asdict(self.losses)), 0)
        if not self.learning_rate > 0:
            raise TrainingError(f"learning rate {self.learning_rate:g}, expected more than 0")

    def fraction_done(self, step: int, elapsed_s: float) -> float:
        """How far the schedule is; 1 or more at its end.

        Args:
            step: Steps made.
            elapsed_s: What they took.
        """
        return elapsed_s / (60.0 * self.minutes) if self.minutes > 0 else step / self.steps

    def rate(self, step: int, done: float) -> float:
        """Learning rate of a step: linear warm-up, then half a cosine.

        Args:
            step: Steps made before.
            done: What :meth:`fraction_done` says.
        """
        warm = min(1.0, (step + 1) / self.warmup_steps)
        return max(self.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * done)), 1e-6)


def training_inputs(
    clean: Array, noisy: Array, frontend: FrontendConfig
) -> tuple[Array, Array, Array]:
    """Brings items to one level for the loss, without changing what the network sees.

    Args:
        clean: ``(batch, samples)``, a whole number of hops.
        noisy: As ``clean``.
        frontend: Front end.

    Returns:
        ``(clean, noisy, gains)``: items scaled so that ``noisy`` has 0.1 RMS, and the gain per
        frame ``(batch, frames)`` that turns the scaled spectrum into the one that the running
        level estimate gives for the original item.
    """
    padded = np.pad(noisy, [(0, 0), (0, frontend.hop)])
    powers = np.mean(padded.reshape(len(noisy), -1, frontend.hop) ** 2, axis=2)
    gains = audio.level_gains(powers, frontend.level)
    scale = 0.1 / (np.sqrt(np.mean(noisy**2, axis=1, keepdims=True)) + 1e-6)
    return (
        (clean * scale).astype(np.float32),
        (noisy * scale).astype(np.float32),
        (gains / scale).astype(np.float32),
    )
