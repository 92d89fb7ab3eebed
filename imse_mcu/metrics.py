"""Speech metrics of one recording against its clean reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imse_mcu.core.errors import ImseMcuError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TINY = 1e-12


class MetricError(ImseMcuError):
    """A metric is not defined for a recording."""


@dataclass(frozen=True)
class SpeechMetrics:
    """Quality of a recording against its clean reference.

    Attributes:
        pesq_wb: PESQ wide band (ITU-T P.862.2), 1.04 to 4.64.
        stoi: Short-time objective intelligibility, 0 to 1.
        si_sdr_db: Scale-invariant signal-to-distortion ratio in dB.
    """

    pesq_wb: float
    stoi: float
    si_sdr_db: float

    def to_json(self) -> dict[str, Any]:
        """Returns the metrics as plain data."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def speech_metrics(
    clean: NDArray[np.float32],
    degraded: NDArray[np.float32],
    *,
    name: str,
    sample_rate_hz: int = 16_000,
) -> SpeechMetrics:
    """Measures a recording against its clean reference.

    Args:
        clean: Reference samples, shape [n].
        degraded: Samples to judge, shape [n], aligned with the reference.
        name: Name of the recording for error messages.
        sample_rate_hz: Sample rate, 16000.

    Raises:
        MetricError: If the metrics find no speech in the reference.
    """
    import numpy as np
    from pesq import PesqError, pesq
    from pystoi import stoi

    if not np.any(clean):
        raise MetricError(f"the clean recording of {name} is silent", hint="check the pair")
    try:
        quality = float(pesq(sample_rate_hz, clean, degraded, "wb"))
    except (PesqError, ValueError) as error:
        raise MetricError(
            f"PESQ finds no speech in {name}: {_text(error)}",
            hint="pairs need at least a quarter of a second of speech",
        ) from error
    return SpeechMetrics(
        pesq_wb=quality,
        stoi=float(stoi(clean, degraded, sample_rate_hz, extended=False)),
        si_sdr_db=si_sdr_db(clean, degraded),
    )


def si_sdr_db(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., 2019), means removed.

    Args:
        reference: Reference samples, shape [n].
        estimate: Samples to judge, shape [n].
    """
    import numpy as np

    ref = reference.astype(np.float64) - np.mean(reference, dtype=np.float64)
    est = estimate.astype(np.float64) - np.mean(estimate, dtype=np.float64)
    target = ref * (est @ ref) / (ref @ ref + _TINY)
    noise = est - target
    return float(10 * np.log10((target @ target + _TINY) / (noise @ noise + _TINY)))


def snr_db(reference: NDArray[np.floating], estimate: NDArray[np.floating]) -> float:
    """Signal-to-noise ratio in dB of an estimate, scale and all; at most 200 dB.

    Args:
        reference: What it should be, any shape.
        estimate: What it is, same shape.
    """
    import numpy as np

    ref = np.asarray(reference, np.float64).ravel()
    error = np.asarray(estimate, np.float64).ravel() - ref
    power, noise = float(ref @ ref), float(error @ error)
    if noise <= power * 1e-20:
        return 200.0
    return float(10 * np.log10(max(power, _TINY) / noise))


def _text(error: Exception) -> str:
    """Returns the message of an error whose arguments may be bytes."""
    first = error.args[0] if error.args else type(error).__name__
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
