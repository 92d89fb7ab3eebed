"""Metrics that steer training: PESQ-WB and scale-invariant SDR."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def si_sdr_db(clean: Array, enhanced: Array) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019)."""
    clean64, enhanced64 = clean.astype(np.float64), enhanced.astype(np.float64)
    target = clean64 * (clean64 @ enhanced64) / (clean64 @ clean64 + 1e-12)
    error = enhanced64 - target
    return float(10.0 * np.log10((target @ target + 1e-12) / (error @ error + 1e-12)))


def validation_pesq(clean: Array, enhanced: Array, sample_rate_hz: int) -> float:
    """PESQ-WB, or NaN where the metric finds no utterance."""
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(sample_rate_hz, clean, enhanced, "wb"))
    except NoUtterancesError:
        return float("nan")
