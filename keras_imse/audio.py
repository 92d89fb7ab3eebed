"""Front end of the streaming network on the host: analysis, features, mask, synthesis.

The device runs the same definition in C (``firmware_gen/csrc/frontend``). Frame ``t`` covers the
samples ``[(t - 1) hop, (t + 1) hop)``: the previous hop and the new one, with zeros before the
first sample. All arrays of one recording are ``(frames, bands[, channels])``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keras_imse.config import FrontendConfig, LevelConfig

Array = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]


def analysis_window(n_fft: int) -> Array:
    """Square root of the periodic Hann window, used for analysis and synthesis."""
    return np.sin(np.pi * np.arange(n_fft) / n_fft).astype(np.float32)


def frame_count(samples: int, hop: int) -> int:
    """Frames needed until every sample has come out: whole hops and one more for the overlap."""
    return -(-samples // hop) + 1


def analyze(wave: Array, config: FrontendConfig) -> ComplexArray:
    """Short-time spectrum ``(frames, n_fft / 2 + 1)`` of a mono recording in -1…1."""
    frames = frame_count(len(wave), config.hop)
    padded = np.zeros((frames + 1) * config.hop, np.float32)
    padded[config.hop : config.hop + len(wave)] = wave
    index = np.arange(frames)[:, None] * config.hop + np.arange(config.n_fft)
    return np.fft.rfft(padded[index] * analysis_window(config.n_fft)).astype(np.complex64)


def synthesize(spectrum: ComplexArray, samples: int, config: FrontendConfig) -> Array:
    """Overlap-adds a short-time spectrum back to ``samples`` samples (undoes :func:`analyze`)."""
    blocks = np.fft.irfft(spectrum, n=config.n_fft).astype(np.float32)
    blocks *= analysis_window(config.n_fft)
    out = np.zeros((len(blocks) + 1) * config.hop, np.float32)
    for t, block in enumerate(blocks):
        out[t * config.hop : t * config.hop + config.n_fft] += block
    return out[config.hop : config.hop + samples]


def hop_powers(wave: Array, config: FrontendConfig) -> Array:
    """Mean square of every new hop, ``(frames,)``."""
    frames = frame_count(len(wave), config.hop)
    padded = np.zeros(frames * config.hop, np.float32)
    padded[: len(wave)] = wave
    return np.mean(padded.reshape(frames, config.hop) ** 2, axis=1, dtype=np.float32)


def level_gains(powers: Array, config: LevelConfig) -> Array:
    """Gain per frame from the running level estimate.

    Args:
        powers: Mean square per frame ``(..., frames)``.
        config: Constants of the estimate, see :class:`LevelConfig`.

    Returns:
        Gains of the same shape.
    """
    powers = np.asarray(powers, np.float32)
    estimate = np.zeros(powers.shape[:-1], np.float32)
    gains = np.empty_like(powers)
    for n in range(powers.shape[-1]):
        new = powers[..., n]
        rate = np.float32(max(1.0 / (n + 1), config.min_update))
        estimate = estimate + rate * (new - estimate)
        estimate = np.maximum(estimate, np.maximum(config.attack * new, config.floor))
        gains[..., n] = config.target_rms / np.sqrt(estimate)
    return gains


def compressed_features(spectrum: ComplexArray, gains: Array, config: FrontendConfig) -> Array:
    """Network input ``(frames, bands, 3)``: compressed magnitude, real and imaginary part.

    Args:
        spectrum: Short-time spectrum ``(frames, n_fft / 2 + 1)``.
        gains: Level gain per frame ``(frames,)``.
        config: Front end.
    """
    first = config.first_bin
    scaled = spectrum[:, first : first + config.bands] * gains[:, None]
    magnitude = np.maximum(np.abs(scaled), config.magnitude_floor)
    factor = magnitude ** (config.compression - 1.0)
    features = [magnitude**config.compression, scaled.real * factor, scaled.imag * factor]
    return np.stack(features, axis=-1).astype(np.float32)


def features_of(wave: Array, config: FrontendConfig) -> tuple[Array, ComplexArray]:
    """Features ``(frames, bands, 3)`` and short-time spectrum of a recording."""
    spectrum = analyze(wave, config)
    gains = level_gains(hop_powers(wave, config), config.level)
    return compressed_features(spectrum, gains, config), spectrum


def complex_mask(mask: Array, phase: Array) -> ComplexArray:
    """Complex factor per bin from the network's outputs.

    Args:
        mask: ``(frames, bands)`` in 0…1; the magnitude factor is twice that.
        phase: ``(frames, bands, 2)`` the correction ``(a, b)``: the unit factor is
            ``(1 + a + ib) / |1 + a + ib|``.
    """
    real, imag = 1.0 + phase[..., 0], phase[..., 1]
    scale = 2.0 * mask / np.sqrt(real * real + imag * imag + 1e-8)
    return (scale * (real + 1j * imag)).astype(np.complex64)


def apply_mask(
    spectrum: ComplexArray, mask: Array, phase: Array, config: FrontendConfig
) -> ComplexArray:
    """Enhanced short-time spectrum ``(frames, n_fft / 2 + 1)``; bins outside the bands are zero."""
    first = config.first_bin
    out = np.zeros_like(spectrum)
    bands = slice(first, first + config.bands)
    out[:, bands] = spectrum[:, bands] * complex_mask(mask, phase)
    return out


def to_pcm16(wave: Array) -> NDArray[np.int16]:
    """16-bit samples, rounded half away from zero and saturated, as the device does."""
    scaled = np.asarray(wave, np.float32) * np.float32(32768.0)
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    return np.clip(rounded, -32768, 32767).astype(np.int16)
