"""What every training run does around its steps, whatever computes them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imse_mcu.core.files import write_text
from keras_imse.errors import TrainingError
from keras_imse.train.data import Array, Mixer
from keras_imse.train.history import History

MAX_UNUSABLE_STEPS = 5
"""Consecutive steps without a finite gradient after which a run has diverged."""

WEIGHTS_FILE = "weights.npz"

#: What identifies a validation in the log, beside its metrics.
_PLACE = ("step", "epoch", "loss")


def validation_items(mixer: Mixer, count: int) -> list[tuple[Array, Array]]:
    """Draws the ``(clean, noisy)`` items of a validation set; all have speech and noise."""
    items: list[tuple[Array, Array]] = []
    while len(items) < count:
        clean, noisy = mixer.item()
        if np.mean(clean**2) > 0 and np.any(noisy != clean):
            items.append((clean, noisy))
    return items


def write_settings(output: Path, settings: Mapping[str, Any]) -> None:
    """Writes the settings of a run beside its results."""
    write_text(output / "training.json", json.dumps(settings, indent=1, sort_keys=True) + "\n")


class StepLosses:
    """Losses of the steps since a run was started or resumed."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._unusable = 0
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def add(self, loss: float, step: int) -> None:
        """Adds the loss of a step; one that is not finite is of an update that was dropped.

        Raises:
            TrainingError: There were too many of these in a row, the run has diverged.
        """
        self._unusable = 0 if math.isfinite(loss) else self._unusable + 1
        if self._unusable == MAX_UNUSABLE_STEPS:
            raise TrainingError(
                f"loss or gradient not finite in {self._unusable} steps up to step {step}",
                hint="lower --learning-rate; the last checkpoint is kept",
            )
        if not self._unusable:
            self._losses.append(loss)

    def mean(self, last: int) -> float:
        """Mean of the last finite losses; NaN if there is none."""
        return float(np.mean(self._losses[-last:])) if self._losses else math.nan

    def line(self, step: int, done: float, step_s: float) -> str:
        """Text that says how far a run is.

        Args:
            step: Steps made.
            done: Fraction of the schedule.
            step_s: Seconds of audio per step.
        """
        speed = len(self._losses) * step_s / self.elapsed_s
        return (
            f"step {step}  {100 * done:.1f} %  loss {self.mean(100):.4f}"
            f"  {speed:.1f} audio-seconds per second"
        )


class Validations:
    """Keeps the log of a run, and the weights that were best on validation.

    Args:
        output: Run folder.
        metric: Name of the metric that chooses.
        patience: Validations without a better one after which a run ends; 0: never.
        progress: Called with one line of text per validation.

    Attributes:
        history: The log.
        weights: File of the best weights.
    """

    def __init__(
        self, output: Path, metric: str, patience: int, progress: Callable[[str], None]
    ) -> None:
        self.history = History(output / "log.jsonl")
        self.weights = output / WEIGHTS_FILE
        self._metric, self._patience, self._progress = metric, patience, progress

    def record(
        self, entry: Mapping[str, float], best: float, save: Callable[[Path], None]
    ) -> float:
        """Logs a validation, and keeps the weights if they are the best so far.

        Without any score the first weights of a run are kept, so that there always are some.

        Args:
            entry: Place in the run (``step``, ``epoch``, ``loss``) and metrics.
            best: Best score so far, minus infinity for none.
            save: Writes the weights to a file.

        Returns:
            Best score now.
        """
        score = entry[self._metric]
        first = best == -math.inf and not self.history.entries()
        kept = score > best or first or not self.weights.is_file()
        self.history.append(entry)
        if kept:
            save(self.weights)
        place = "epoch" if "epoch" in entry else "step"
        pesq = f"PESQ-WB {entry['pesq_wb']:.3f}  " if "pesq_wb" in entry else ""
        self._progress(
            f"{place} {entry[place]}  validation {pesq}SI-SDR {entry['si_sdr_db']:.2f} dB"
            + ("  best, kept" if kept else "")
        )
        return score if kept and math.isfinite(score) else best

    def exhausted(self) -> bool:
        """Whether so many validations were no better that the run is to end; says so."""
        exhausted = 0 < self._patience <= self.history.stale(self._metric)
        if exhausted:
            self._progress(f"no better validation in {self._patience}: ending early")
        return exhausted

    def up_to_date(self, step: int) -> bool:
        """Whether the last validation is of this step, and its run has kept weights."""
        entries = self.history.entries()
        return bool(entries) and entries[-1].get("step") == step and self.weights.is_file()

    def last_metrics(self) -> dict[str, Any]:
        """Metrics of the last validation, None where they are unknown."""
        entries = self.history.entries()
        return {k: v for k, v in entries[-1].items() if k not in _PLACE} if entries else {}
