"""What is measured on validation mixes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imse_mcu.core.metrics import pesq_wb

Array = NDArray[np.float32]


def validation_pesq(clean: Array, enhanced: Array, sample_rate_hz: int) -> float:
    """PESQ-WB as it steers training.

    An enhanced signal that is silent or not finite has the lowest score. NaN, which means leave
    out, where the metric finds no utterance in the clean signal or that is too short for it.
    """
    from pesq import BufferTooShortError, NoUtterancesError

    try:
        return pesq_wb(clean, enhanced, sample_rate_hz)
    except (NoUtterancesError, BufferTooShortError):
        return math.nan


def mean_of_known(scores: Sequence[float]) -> float:
    """Mean of the finite scores; NaN if there is none."""
    known = [score for score in scores if math.isfinite(score)]
    return float(np.mean(known)) if known else math.nan
