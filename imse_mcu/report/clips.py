"""Recordings on the page: what is heard, and its spectrogram."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imse_mcu.core.audio_io import SAMPLE_RATE_HZ
from imse_mcu.report.png import heat_map

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What of a longer recording goes into the page.
MAX_SECONDS = 20
_N_FFT = 512
_FLOOR_DB, _CEILING_DB = -90.0, -10.0
_MAX_COLUMNS = 900


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording on the page.

    Attributes:
        title: What it is, in a word or two.
        note: Where it comes from.
        pcm: int16 samples at 16 kHz, shape [n].
        scores: Scores against the clean recording, empty where none is known.
    """

    title: str
    note: str
    pcm: NDArray[np.int16]
    scores: Mapping[str, float] = field(default_factory=dict)


def player_of(clip: Clip) -> dict[str, Any]:
    """Returns what the page shows and plays of a recording.

    Args:
        clip: The recording.
    """
    short = clip.pcm[: MAX_SECONDS * SAMPLE_RATE_HZ]
    return {
        "title": clip.title,
        "note": clip.note,
        "scores": dict(clip.scores),
        "audio": _uri("audio/flac", flac_bytes(short)),
        "picture": _uri("image/png", spectrogram(short)),
        "seconds": len(short) / SAMPLE_RATE_HZ,
        "whole_seconds": len(clip.pcm) / SAMPLE_RATE_HZ,
        **levels(clip.pcm),
    }


def spectrogram(pcm: NDArray[np.int16]) -> bytes:
    """Draws a spectrogram: 32 ms Hann windows, -90 to -10 dB of a full-scale sine, 0 to 8 kHz.

    Args:
        pcm: int16 samples at 16 kHz, shape [n].

    Returns:
        A PNG file, one column per hop (8 ms, more for long recordings), one row per bin.
    """
    import numpy as np

    wave = pcm.astype(np.float64) / 32768.0
    hop = max(128, math.ceil(len(wave) / _MAX_COLUMNS))
    padded = np.pad(wave, _N_FFT // 2)
    count = 1 + (len(padded) - _N_FFT) // hop
    index = np.arange(count)[:, None] * hop + np.arange(_N_FFT)
    window = np.hanning(_N_FFT)
    power = np.abs(np.fft.rfft(padded[index] * window)) ** 2 / (window.sum() / 2) ** 2
    level = 10 * np.log10(power + 10 ** (_FLOOR_DB / 10))
    return heat_map((level.T[::-1] - _FLOOR_DB) / (_CEILING_DB - _FLOOR_DB))


def flac_bytes(pcm: NDArray[np.int16]) -> bytes:
    """Returns samples as a FLAC file: every browser plays it, and no bit is lost.

    Args:
        pcm: int16 samples at 16 kHz, shape [n].
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def levels(pcm: NDArray[np.int16]) -> dict[str, float | None]:
    """Returns ``rms_dbfs`` and ``peak_dbfs`` of samples [n], None for digital silence."""
    import numpy as np

    wave = np.abs(pcm.astype(np.float64)) / 32768.0
    peak = float(wave.max(initial=0.0))
    if not peak:
        return {"rms_dbfs": None, "peak_dbfs": None}
    rms = float(np.sqrt(np.mean(wave**2)))
    return {
        "rms_dbfs": round(20 * math.log10(rms), 1),
        "peak_dbfs": round(20 * math.log10(peak), 1),
    }


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
