"""Audio front end of the published network on the host: STFT, levels, segments (numpy only).

Spectra are ``(bands, frames)`` per recording, as in the published code; the network's
``(batch, frames, bands, 2)`` is made by :func:`features`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_imse.errors import AudioError
from keras_imse.imse_config import OfflineAudioConfig

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording that is enhanced in one go.

    Attributes:
        start: First sample in the recording.
        keep: Samples of its result that go into the output, counted from its start.
    """

    start: int
    keep: int


def hann(length: int) -> NDArray[np.float64]:
    """Returns the periodic Hann window of ``length`` samples."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)


def stft(wave: ArrayLike, config: OfflineAudioConfig | None = None) -> NDArray[np.complex128]:
    """Short-time spectrum: periodic Hann window, centred frames, reflect padding.

    Args:
        wave: ``(samples,)``, at least half a window plus one.
        config: Front end.

    Returns:
        ``(bands, frames)`` with ``frames = samples // hop + 1``.

    Raises:
        AudioError: The recording is too short to reflect.
    """
    config = config or OfflineAudioConfig()
    wave = np.asarray(wave, np.float64)
    side = config.n_fft // 2
    if wave.size <= side:
        raise AudioError(
            f"{wave.size} samples are too short for a spectrum: at least {side + 1} are needed"
        )
    padded = np.pad(wave, side, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, config.n_fft)[:: config.hop]
    return np.fft.rfft(frames * hann(config.n_fft), axis=1).T


def istft(
    spectrum: NDArray[np.complexfloating], config: OfflineAudioConfig | None = None
) -> Floats:
    """Inverse of :func:`stft`: windowed overlap-add over the sum of squared windows.

    Args:
        spectrum: ``(bands, frames)``.
        config: Front end.

    Returns:
        ``((frames - 1) * hop,)`` samples.
    """
    config = config or OfflineAudioConfig()
    window = hann(config.n_fft)
    frames = np.fft.irfft(np.asarray(spectrum, np.complex128).T, config.n_fft, axis=1) * window
    total = config.n_fft + config.hop * (len(frames) - 1)
    wave, weight = np.zeros(total), np.zeros(total)
    for index, frame in enumerate(frames):
        start = index * config.hop
        wave[start : start + config.n_fft] += frame
        weight[start : start + config.n_fft] += window**2
    side = config.n_fft // 2
    inner = slice(side, total - side)
    return (wave[inner] / weight[inner]).astype(np.float32)


def magnitude_phase(
    wave: ArrayLike, config: OfflineAudioConfig | None = None
) -> tuple[Floats, Floats]:
    """Returns compressed magnitude and phase in radians, each ``(bands, frames)``."""
    config = config or OfflineAudioConfig()
    spectrum = stft(wave, config)
    magnitude = np.abs(spectrum) ** config.compression
    return magnitude.astype(np.float32), np.angle(spectrum).astype(np.float32)


def wave_from(
    magnitude: ArrayLike, phase: ArrayLike, config: OfflineAudioConfig | None = None
) -> Floats:
    """Returns the samples of a compressed magnitude and phase, each ``(bands, frames)``."""
    config = config or OfflineAudioConfig()
    magnitude = np.asarray(magnitude, np.float64) ** (1.0 / config.compression)
    return istft(magnitude * np.exp(1j * np.asarray(phase, np.float64)), config)


def features(magnitude: Floats, phase: Floats) -> Floats:
    """Returns the network's input ``(1, frames, bands, 2)`` from ``(bands, frames)`` arrays."""
    return np.stack([magnitude.T, phase.T], axis=-1)[None].astype(np.float32)


def enhanced_spectrum(
    noisy_magnitude: Floats, mask: ArrayLike, phase: ArrayLike, mask_limit: float
) -> tuple[Floats, Floats]:
    """Applies the network's outputs to a noisy magnitude.

    Args:
        noisy_magnitude: Compressed magnitude ``(bands, frames)``.
        mask: ``(1, frames, bands, 1)`` in 0...1.
        phase: ``(1, frames, bands, 2)``: real and imaginary part.
        mask_limit: Largest factor on the magnitude.

    Returns:
        Enhanced compressed magnitude and phase in radians, each ``(bands, frames)``.
    """
    mask, phase = np.asarray(mask, np.float32), np.asarray(phase, np.float32)
    magnitude = np.multiply(noisy_magnitude, mask_limit * mask[0, ..., 0].T, dtype=np.float32)
    angle = np.arctan2(phase[0, ..., 1], phase[0, ..., 0], dtype=np.float32)
    return magnitude, angle.T


def level_factor(wave: ArrayLike) -> float:
    """Returns the factor that brings a recording to a root mean square of one (0 if silent)."""
    power = float(np.mean(np.square(np.asarray(wave, np.float64))))
    return power**-0.5 if power > 0.0 else 0.0


def segments(samples: int, segment_samples: int) -> Iterator[Segment]:
    """Cuts a recording as the authors do: whole segments, the last one ending at the end.

    The last segment overlaps the one before; where they overlap, the last one counts. A
    recording shorter than a segment is one segment (to be padded with zeros).

    Args:
        samples: Samples of the recording.
        segment_samples: Samples of a segment.

    Yields:
        Segments in order; their kept parts tile the recording.
    """
    whole, rest = divmod(samples, segment_samples)
    if whole == 0:
        yield Segment(0, samples)
        return
    for index in range(whole):
        last_whole = index == whole - 1
        yield Segment(index * segment_samples, rest if rest and last_whole else segment_samples)
    if rest:
        yield Segment(samples - segment_samples, segment_samples)
