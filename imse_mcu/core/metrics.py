"""Objective measures of speech. PESQ needs the package ``pesq``, the rest only numpy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

#: Lower end of the scale of PESQ-WB (ITU-T P.862.2); what has any sound at all scores more.
PESQ_WB_FLOOR = 0.999

#: Lower end of SI-SDR in dB.
SI_SDR_FLOOR_DB = -80.0

#: Peak up to which a signal is silence: the energy of a lower one vanishes in float32.
_SILENT_PEAK = 1e-15


def pesq_wb(
    clean: npt.NDArray[np.floating], enhanced: npt.NDArray[np.floating], sample_rate_hz: int
) -> float:
    """Wide-band PESQ (ITU-T P.862.2), 1.04 to 4.64 for speech that was not destroyed.

    PESQ itself stops at a signal that is silent or not finite: of speech nothing worse can be
    made, so its score is the lower end of the scale, :data:`PESQ_WB_FLOOR`.

    Args:
        clean: Reference samples, shape ``(n,)``.
        enhanced: Samples to score, aligned, shape ``(n,)``.
        sample_rate_hz: Sampling rate, 16000.

    Raises:
        pesq.NoUtterancesError: The reference holds no speech.
        pesq.PesqError: PESQ cannot score the recording, for example as it is too short.
    """
    from pesq import pesq

    heard = _is_heard(enhanced)
    # The reference against itself tells apart speech that was lost and no speech at all.
    score = float(pesq(sample_rate_hz, clean, enhanced if heard else clean, "wb"))
    return score if heard else PESQ_WB_FLOOR


def si_sdr_db(clean: npt.NDArray[np.floating], enhanced: npt.NDArray[np.floating]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019).

    Samples that are silent or not finite hold nothing of the reference: their score is the lower
    end, :data:`SI_SDR_FLOOR_DB`, which is also where asteroid's metric ends. A plain quotient with
    a small number on both sides would call silence 0 dB, better than much of what can be heard.

    Args:
        clean: Reference samples, shape ``(n,)``.
        enhanced: Samples to score, aligned, shape ``(n,)``.

    Returns:
        The ratio, at least :data:`SI_SDR_FLOOR_DB`, at most 157; NaN where the reference is silent.
    """
    reference, estimate = clean.astype(np.float64), enhanced.astype(np.float64)
    if not _is_heard(reference):
        return math.nan
    if not _is_heard(estimate):
        return SI_SDR_FLOOR_DB
    target = reference * ((reference @ estimate) / (reference @ reference))
    error = estimate - target
    rounding = np.finfo(np.float64).eps * (estimate @ estimate)
    ratio = (target @ target) / (error @ error + rounding)
    return float(10.0 * np.log10(max(ratio, 10.0 ** (SI_SDR_FLOOR_DB / 10.0))))


def _is_heard(samples: npt.NDArray[np.floating]) -> bool:
    """Whether samples are finite and not all silent."""
    return bool(np.isfinite(samples).all() and np.abs(samples).max(initial=0.0) > _SILENT_PEAK)
