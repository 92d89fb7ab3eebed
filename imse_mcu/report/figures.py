"""Pictures of the report, as PNG data URIs; the same input gives the same bytes."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_N_FFT = 512
_HOP = 128
_FLOOR_DB = -90.0
_MAX_SECONDS = 30


def spectrogram_uri(pcm: NDArray[np.int16], *, sample_rate_hz: int = 16_000) -> str:
    """Draws a spectrogram.

    Args:
        pcm: int16 samples, shape [n]; the first 30 seconds are drawn.
        sample_rate_hz: Sample rate in Hz.

    Returns:
        ``data:image/png;base64,...``
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wave = pcm[: _MAX_SECONDS * sample_rate_hz].astype(np.float64) / 32768.0
    padded = np.pad(wave, _N_FFT // 2)
    count = 1 + (len(padded) - _N_FFT) // _HOP
    index = np.arange(count)[:, None] * _HOP + np.arange(_N_FFT)
    power = np.abs(np.fft.rfft(padded[index] * np.hanning(_N_FFT))) ** 2
    level = 10 * np.log10(power / (_N_FFT / 4) ** 2 + 10 ** (_FLOOR_DB / 10))
    figure = Figure(figsize=(9.0, 2.4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(
        level.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=_FLOOR_DB,
        vmax=0,
        extent=(0, len(wave) / sample_rate_hz, 0, sample_rate_hz / 2000),
        interpolation="nearest",
    )
    axes.set_xlabel("time in s")
    axes.set_ylabel("frequency in kHz")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return _uri("image/png", buffer.getvalue())


def audio_uri(pcm: NDArray[np.int16], *, sample_rate_hz: int = 16_000) -> str:
    """Returns a recording as ``data:audio/wav;base64,...``, its first 30 seconds.

    Args:
        pcm: int16 samples, shape [n].
        sample_rate_hz: Sample rate in Hz.
    """
    from imse_mcu.core.audio_io import wav_bytes

    short = pcm[: _MAX_SECONDS * sample_rate_hz]
    return _uri("audio/wav", wav_bytes(short, sample_rate_hz=sample_rate_hz))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
