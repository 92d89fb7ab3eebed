"""What every training run does around its steps: losses, best weights, the end."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from keras_imse.errors import TrainingError
from keras_imse.train.run import StepLosses, Validations


def validated(output: Path, scores: list[float], best: float = -math.inf) -> tuple[str, float]:
    """Records validations; returns what the weights file holds then, and the best score."""
    validations = Validations(output, "si_sdr_db", 0, lambda _: None)
    for step, score in enumerate(scores, 1):
        entry = {"step": step, "loss": 1.0, "si_sdr_db": score}
        text = f"step {step}"
        best = validations.record(entry, best, lambda path, text=text: path.write_text(text))
    return validations.weights.read_text(), best


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    assert validated(tmp_path, [1.0, 3.0, math.nan, 2.0]) == ("step 2", 3.0)


def test_the_first_weights_are_kept_where_there_is_no_score(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_text("of an earlier run")
    assert validated(tmp_path, [math.nan, math.nan]) == ("step 1", -math.inf)


def test_a_lost_log_does_not_cost_the_best_weights(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_text("best")
    assert validated(tmp_path, [1.0], best=2.0) == ("best", 2.0)


def test_lost_weights_are_replaced(tmp_path: Path) -> None:
    assert validated(tmp_path, [1.0], best=2.0) == ("step 1", 1.0)


def test_divergence_ends_a_run() -> None:
    losses = StepLosses()
    assert math.isnan(losses.mean(10))
    for step in range(4):
        losses.add(math.nan, step)
    losses.add(1.0, 4)
    losses.add(3.0, 5)
    for step in range(6, 10):
        losses.add(math.inf, step)
    assert (losses.mean(1), losses.mean(10)) == (3.0, 2.0)
    with pytest.raises(TrainingError, match="not finite in 5 steps up to step 10"):
        losses.add(math.nan, 10)
