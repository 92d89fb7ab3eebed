"""Whole recordings through the published network, segment by segment, on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_imse.errors import AudioError
from keras_imse.imse_config import ImseConfig
from keras_imse.offline_audio import (
    enhanced_spectrum,
    features,
    level_factor,
    magnitude_phase,
    segments,
    wave_from,
)

Floats = NDArray[np.float32]


def enhance(
    wave: ArrayLike,
    model: Callable[[Any], Any],
    config: ImseConfig | None = None,
    *,
    segment_samples: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Enhances a recording the way the authors do.

    The recording is brought to a root mean square of one, cut into segments of which the last
    one overlaps, and each segment is enhanced on its own. A recording shorter than a segment is
    padded with zeros to one segment.

    Args:
        wave: ``(samples,)`` at 16 kHz, full scale 1.
        model: The network: maps ``(1, frames, bands, 2)`` to ``{"mask", "phase"}``; a model of
            :func:`keras_imse.models.imse.build_imse` or anything with the same signature.
        config: Configuration of the network; the published one by default.
        segment_samples: Samples per segment instead of the configuration's.
        progress: Called with (segments done, segments in all) after each segment.

    Returns:
        ``(samples,)``, full scale 1.

    Raises:
        AudioError: The recording is not a row of finite numbers or shorter than one window, or
            the segment length does not give a number of frames that divides by 4.
    """
    config = config or ImseConfig()
    audio = config.audio
    length = segment_samples or audio.segment_samples
    _check_segment(length, config)
    wave = _checked(wave, audio.n_fft)
    factor = level_factor(wave)
    if factor == 0.0:
        return np.zeros_like(wave)
    loud = wave * np.float32(factor)
    result = np.empty(wave.size, np.float32)
    plan = list(segments(wave.size, length))
    for done, segment in enumerate(plan, start=1):
        piece = loud[segment.start : segment.start + length]
        piece = np.pad(piece, (0, length - piece.size))
        magnitude, phase = magnitude_phase(piece, audio)
        outputs = model(features(magnitude, phase))
        enhanced = enhanced_spectrum(
            magnitude, outputs["mask"], outputs["phase"], config.mask_limit
        )
        clean = wave_from(*enhanced, audio)
        result[segment.start : segment.start + segment.keep] = clean[: segment.keep] / factor
        if progress is not None:
            progress(done, len(plan))
    return result


def _check_segment(samples: int, config: ImseConfig) -> None:
    """Refuses segment lengths that the network or the inverse transform cannot take."""
    audio = config.audio
    if samples < audio.n_fft or samples % audio.hop or audio.frames(samples) % 4:
        step = 4 * audio.hop
        below = max(samples // step, 2) * step - audio.hop
        raise AudioError(
            f"segments of {samples} samples do not give a number of frames that divides by 4",
            hint=f"use {below} or {below + step} samples",
        )


def _checked(wave: ArrayLike, window: int) -> Floats:
    """Returns the recording as float32 after checking it."""
    samples = np.asarray(wave, np.float32)
    if samples.ndim != 1:
        raise AudioError(f"expected one row of samples, got an array of shape {samples.shape}")
    if samples.size < window:
        raise AudioError(
            f"recording of {samples.size} samples is shorter than one window ({window} samples)",
            hint="use a longer recording",
        )
    if not np.isfinite(samples).all():
        raise AudioError("the recording holds samples that are no finite numbers")
    return samples
