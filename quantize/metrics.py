"""Objective quality of enhanced speech against the clean recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np

from imse_mcu.core.metrics import pesq_wb, si_sdr_db
from quantize.errors import QuantizeError

_TINY = 1e-12


@dataclass(frozen=True)
class SpeechScores:
    """Scores of one recording, or their means.

    Attributes:
        pesq_wb: Wide-band PESQ (ITU-T P.862.2), 1.04 to 4.64; 0.999 for silence.
        stoi: Short-time objective intelligibility, 0 to 1.
        si_sdr_db: Scale-invariant signal-to-distortion ratio.
    """

    pesq_wb: float
    stoi: float
    si_sdr_db: float

    def to_json(self) -> dict[str, float]:
        """JSON-ready data."""
        return asdict(self)


def score_speech(
    clean: np.ndarray, enhanced: np.ndarray, sample_rate_hz: int, *, name: str
) -> SpeechScores:
    """Score a recording.

    Enhanced samples that are silent have the lowest PESQ-WB, 0.999.

    Args:
        clean: Reference samples in [-1, 1).
        enhanced: Samples to score, aligned and of the same length.
        sample_rate_hz: Sampling rate, 16000.
        name: Recording, for messages.

    Returns:
        The scores.

    Raises:
        QuantizeError: The lengths differ, or the reference holds no speech.
    """
    from pesq import NoUtterancesError, PesqError
    from pystoi import stoi

    if clean.shape != enhanced.shape:
        raise QuantizeError(
            f"{name}: clean has {clean.size} samples and enhanced {enhanced.size}, expected equal"
        )
    try:
        quality = pesq_wb(clean, enhanced, sample_rate_hz)
    except NoUtterancesError as error:
        raise QuantizeError(
            f"{name}: PESQ finds no speech in the recording",
            hint="take the pair out of the folders, or use a longer excerpt",
        ) from error
    except PesqError as error:
        raise QuantizeError(f"{name}: PESQ cannot score the recording ({error})") from error
    return SpeechScores(
        pesq_wb=quality,
        stoi=float(stoi(clean, enhanced, sample_rate_hz)),
        si_sdr_db=si_sdr_db(clean, enhanced),
    )


def mean_scores(scores: Iterable[SpeechScores]) -> SpeechScores:
    """Mean of every score."""
    listed = list(scores)
    return SpeechScores(
        **{
            f.name: float(np.mean([getattr(s, f.name) for s in listed]))
            for f in fields(SpeechScores)
        }
    )


def output_powers(
    exact: Mapping[str, np.ndarray], quantized: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Sums of squares of signal and error per output."""
    return {
        name: np.array(
            [
                np.sum(np.square(exact[name], dtype=np.float64)),
                np.sum(np.square(quantized[name] - exact[name], dtype=np.float64)),
            ]
        )
        for name in exact
    }


def sqnr_db(signal_power: float, noise_power: float) -> float:
    """Signal-to-quantization-noise ratio in dB; 200 where there is no noise."""
    if noise_power <= 0.0:
        return 200.0
    return float(10.0 * np.log10(max(signal_power, _TINY) / noise_power))
