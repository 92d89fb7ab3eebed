"""PESQ-WB as it steers training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def validation_pesq(clean: Array, enhanced: Array, sample_rate_hz: int) -> float:
    """PESQ-WB, or NaN where the metric finds no utterance."""
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(sample_rate_hz, clean, enhanced, "wb"))
    except NoUtterancesError:
        return float("nan")
