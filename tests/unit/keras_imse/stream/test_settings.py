"""Settings of a run that cannot be are refused before anything starts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from keras_imse.errors import TrainingError
from keras_imse.train.imse_settings import ImseLossWeights, ImseTrainingConfig
from keras_imse.train.settings import LossWeights, TrainingConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0, expected 1 or more"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"item_samples": -1}, "item_samples is -1"),
        ({"warmup_steps": 0}, "warmup_steps is 0"),
        ({"validate_every": 0}, "validate_every is 0"),
        ({"validation_items": 0}, "validation_items is 0"),
        ({"minutes": math.inf}, "minutes is inf, expected 0 or more"),
        ({"patience": -1}, "patience is -1"),
        ({"seed": -4}, "seed is -4"),
        ({"near_clean": 1.5}, "near_clean is 1.5, expected 0 to 1"),
        ({"average": math.nan}, "average is nan"),
        ({"learning_rate": 0.0}, "learning rate 0, expected more than 0"),
        ({"losses": LossWeights(waveform=-1.0)}, r"waveform is -1\.0"),
    ],
)
def test_streaming_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        TrainingConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patience": -1}, "patience is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"beta_1": 1.5}, r"beta_1 is 1\.5, expected 0 to 1"),
        ({"losses": ImseLossWeights(phase=-1.0)}, r"phase is -1\.0"),
    ],
)
def test_published_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        ImseTrainingConfig(**changes)


def test_the_schedule_warms_up_and_falls_to_zero() -> None:
    run = TrainingConfig(steps=1000, learning_rate=1e-2, warmup_steps=10)
    assert run.rate(0, run.fraction_done(0, 99.0)) == pytest.approx(1e-3)
    assert run.rate(499, 0.5) == pytest.approx(5e-3)
    assert run.fraction_done(500, 0.0) == 0.5
    assert run.rate(999, 1.0) == 1e-6
    assert TrainingConfig(minutes=2.0).fraction_done(7, 60.0) == 0.5
