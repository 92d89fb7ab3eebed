"""Objective measures of speech that need nothing but numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_TINY = 1e-12


def si_sdr_db(clean: npt.NDArray[np.floating], enhanced: npt.NDArray[np.floating]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019).

    Args:
        clean: Reference samples, shape ``(n,)``.
        enhanced: Samples to score, aligned, shape ``(n,)``.
    """
    reference, estimate = clean.astype(np.float64), enhanced.astype(np.float64)
    target = reference * (reference @ estimate) / (reference @ reference + _TINY)
    error = estimate - target
    return float(10.0 * np.log10((target @ target + _TINY) / (error @ error + _TINY)))
