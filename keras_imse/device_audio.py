"""The device's front end on the host, bit for bit.

The firmware computes in single precision with its own transform and power function
(``firmware_gen/csrc/frontend``). This is the same arithmetic, operation by operation, on all
frames of a recording at once: every float32 operation of numpy is rounded as IEEE 754 says, so
features and samples are those of the board. :mod:`keras_imse.audio` is the definition that both
approximate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_imse.audio import frame_count
from keras_imse.config import FrontendConfig
from keras_imse.errors import AudioError

Float = NDArray[np.float32]
f32 = np.float32

_N_FFT, _HOP, _HALF, _QUARTER = 512, 256, 256, 128
_SINE = np.sin(np.pi * np.arange(_HALF + 1) / _N_FFT).astype(f32)
_WINDOW = np.concatenate([_SINE, _SINE[_HALF - 1 : 0 : -1]])
_REVERSAL = np.array([int(np.base_repr(n, 4).zfill(4)[::-1], 4) for n in range(_HALF)])
_WAVE = np.concatenate([_WINDOW, -_WINDOW])
# exp(-2 pi i j p / 256) for p = 1, 2, 3 out of the quarter wave, as the firmware does.
_TURNS = 4 * np.arange(_HALF // 4)[:, None] * np.array([1, 2, 3])
_TWIDDLE = np.stack([_WAVE[(_TURNS + _HALF) % len(_WAVE)], -_WAVE[_TURNS]], axis=-1)


@dataclass(frozen=True)
class Scale:
    """Affine quantization of an integer tensor: ``real = scale * (integer - zero_point)``."""

    scale: float
    zero_point: int
    dtype: str = "int8"


def power(x: Float, exponent: float) -> Float:
    """``x ** exponent`` for positive numbers, as the firmware's ``imse_power``."""
    high = f32(int(exponent * 4096.0)) / f32(4096.0)
    low = f32(exponent - int(exponent * 4096.0) / 4096.0)
    bits = x.view(np.uint32)
    e = (bits - np.uint32(0x3F3504F3)).view(np.int32) >> 23
    f = (bits - (e.view(np.uint32) << np.uint32(23))).view(f32)
    s = (f - f32(1)) / (f + f32(1))
    u = s * s
    log2_f = s * (
        f32(2.88539004) + u * (f32(0.961800754) + u * (f32(0.576585293) + u * f32(0.434247464)))
    )
    exact = high * e.astype(f32)
    small = low * e.astype(f32) + f32(exponent) * log2_f
    n = (exact + small + f32(128.5)).astype(np.int32) - 128
    r = (exact - n.astype(f32)) + small
    series = f32(0.00134003686) + r * f32(0.000154764246)
    for factor in (0.00961800385, 0.0555032753, 0.240226507, 0.693147182):
        series = f32(factor) + r * series
    series = r * series
    scale = ((n + 127).astype(np.uint32) << np.uint32(23)).view(f32)
    return scale + scale * series


def _compress(m2: Float, exponent: float) -> Float:
    """``m2 ** ((exponent - 1) / 2)`` as the firmware's ``compress``."""
    return power(m2, (int(np.float64(f32(exponent)) * 1e6 + 0.5) / 1e6 - 1.0) * 0.5)


def _multiply(x: Float, w: Float) -> tuple[Float, Float]:
    """Real and imaginary part of ``x w``, both ``(..., 2)``."""
    real = x[..., 0] * w[..., 0] - x[..., 1] * w[..., 1]
    imag = x[..., 0] * w[..., 1] + x[..., 1] * w[..., 0]
    return real, imag


def _fft(x: Float) -> Float:
    """Complex transform of ``(frames, 256, 2)`` given in digit-reversed order."""
    frames = len(x)
    length = 1
    while length < _HALF:
        parts = x.reshape(frames, _HALF // (4 * length), 4, length, 2)
        p0r, p0i = parts[:, :, 0, :, 0], parts[:, :, 0, :, 1]
        if length == 1:
            (br, bi), (cr, ci), (gr, gi) = (
                (parts[:, :, k, :, 0], parts[:, :, k, :, 1]) for k in (1, 2, 3)
            )
        else:
            w = _TWIDDLE[np.arange(length) * (_HALF // 4 // length)]
            (br, bi), (cr, ci), (gr, gi) = (
                _multiply(parts[:, :, k], w[:, k - 1]) for k in (1, 2, 3)
            )
        sr, si, dr, di = p0r + cr, p0i + ci, p0r - cr, p0i - ci
        tr, ti, er, ei = br + gr, bi + gi, br - gr, bi - gi
        real = np.stack([sr + tr, dr + ei, sr - tr, dr - ei], axis=2)
        imag = np.stack([si + ti, di - er, si - ti, di + er], axis=2)
        x = np.stack([real, imag], axis=-1).reshape(frames, _HALF, 2)
        length *= 4
    return x


def _level_gains(pcm: NDArray[np.int16], config: FrontendConfig) -> Float:
    """Gain per frame of the running level estimate, for hops ``(frames, 256)``."""
    level_config = config.level
    sums = np.sum(pcm.astype(np.int64) ** 2, axis=1).astype(np.uint64)
    energies = sums.astype(f32) * (f32(1 / 32768) * f32(1 / 32768) / f32(_HOP))
    level, gains = f32(0), np.empty(len(pcm), f32)
    for n, energy in enumerate(energies):
        update = max(f32(1) / f32(n + 1), f32(level_config.min_update))
        level = level + update * (energy - level)
        level = max(level, f32(level_config.attack) * energy, f32(level_config.floor))
        gains[n] = f32(level_config.target_rms) / np.sqrt(level)
    return gains


def round_saturate(values: Float, low: int, high: int) -> NDArray[np.int32]:
    """Nearest integer, halves away from zero, within ``[low, high]``."""
    clipped = np.clip(values, f32(low), f32(high))
    whole = clipped.astype(np.int32)
    rest = clipped - whole.astype(f32)
    return whole + (rest >= 0.5).astype(np.int32) - (rest <= -0.5).astype(np.int32)


def analyze(
    pcm: NDArray[np.int16], config: FrontendConfig, features: Scale
) -> tuple[NDArray[np.int8], Float]:
    """Features and spectrum of a recording as the firmware computes them.

    Args:
        pcm: Samples ``(n,)``.
        config: Front end; the firmware has 512 points, hop 256 and bins 1 to 256.
        features: Quantization of the network's input.

    Returns:
        ``(features, spectrum)``: int8 ``(frames, 256, 3)`` and the un-normalised bins 1 to 256,
        real and imaginary, ``(frames, 256, 2)``.

    Raises:
        AudioError: The front end is none that the firmware has.
    """
    if (config.n_fft, config.hop, config.first_bin, config.bands) != (512, 256, 1, 256):
        raise AudioError(
            f"the firmware's front end has 512 points, hop 256 and bins 1 to 256, this model wants "
            f"{config.n_fft}, {config.hop} and {config.bands} bins from {config.first_bin}"
        )
    frames = frame_count(len(pcm), _HOP)
    padded = np.zeros((frames + 1) * _HOP, np.int16)
    padded[_HOP : _HOP + len(pcm)] = pcm
    hops = padded.reshape(-1, _HOP)
    gains = _level_gains(hops[1:], config)[:, None]
    both = np.concatenate([hops[:-1], hops[1:]], axis=1).astype(f32)
    z = _fft((both * f32(1 / 32768) * _WINDOW).reshape(frames, _HALF, 2)[:, _REVERSAL])

    spectrum = np.zeros((frames, _HALF, 2), f32)
    spectrum[:, _HALF - 1, 0] = z[:, 0, 0] - z[:, 0, 1]
    k = np.arange(1, _QUARTER + 1)
    m = _HALF - k
    wr, wi = _SINE[_HALF - 2 * k], _SINE[2 * k]
    half = f32(0.5)
    er, ei = half * (z[:, k, 0] + z[:, m, 0]), half * (z[:, k, 1] - z[:, m, 1])
    qr, qi = half * (z[:, k, 1] + z[:, m, 1]), half * (z[:, m, 0] - z[:, k, 0])
    tr, ti = qr * wr + qi * wi, qi * wr - qr * wi
    spectrum[:, k - 1] = np.stack([er + tr, ei + ti], axis=-1)
    spectrum[:, m - 1] = np.stack([er - tr, ti - ei], axis=-1)

    re, im = spectrum[..., 0] * gains, spectrum[..., 1] * gains
    m2 = np.maximum(re * re + im * im, f32(config.magnitude_floor) * f32(config.magnitude_floor))
    steps = _compress(m2, config.compression) * (f32(1) / f32(features.scale))
    values = np.stack([np.sqrt(m2) * steps, re * steps, im * steps], axis=-1)
    zero = features.zero_point
    return (round_saturate(values, -128 - zero, 127 - zero) + zero).astype(np.int8), spectrum


def synthesize(
    spectrum: Float,
    mask: NDArray[np.int8],
    phase: NDArray[np.int8],
    scales: tuple[Scale, Scale],
    samples: int,
) -> NDArray[np.int16]:
    """Samples that the firmware puts out, aligned with its input.

    Args:
        spectrum: From :func:`analyze`, ``(frames, 256, 2)``.
        mask: Network output ``(frames, 256)``.
        phase: Network output ``(frames, 256, 2)``.
        scales: Quantization of mask and phase.
        samples: Length of the recording.

    Returns:
        int16 ``(samples,)``.
    """
    mask_scale, phase_scale = scales
    factor = (mask.astype(np.int32) - mask_scale.zero_point).astype(f32)
    factor = factor * (f32(2) * f32(mask_scale.scale))
    offsets = (phase.astype(np.int32) - phase_scale.zero_point).astype(f32)
    offsets = offsets * f32(phase_scale.scale)
    a, b = f32(1) + offsets[..., 0], offsets[..., 1]
    norm = factor / np.sqrt(a * a + b * b + f32(1e-8))
    cr, ci = norm * a, norm * b
    re, im = spectrum[..., 0], spectrum[..., 1]
    re, im = cr * re - ci * im, cr * im + ci * re

    frames = len(spectrum)
    z = np.zeros((frames, _HALF, 2), f32)
    z[:, 0] = (f32(0.5) * re[:, _HALF - 1])[:, None]
    k = np.arange(1, _QUARTER + 1)
    m = _HALF - k
    wr, wi = _SINE[_HALF - 2 * k], _SINE[2 * k]
    half = f32(0.5)
    er, ei = half * (re[:, k - 1] + re[:, m - 1]), half * (im[:, k - 1] - im[:, m - 1])
    tr, ti = half * (re[:, k - 1] - re[:, m - 1]), half * (im[:, k - 1] + im[:, m - 1])
    qr, qi = tr * wr - ti * wi, tr * wi + ti * wr
    z[:, k] = np.stack([er - qi, -(ei + qr)], axis=-1)
    z[:, m] = np.stack([er + qi, ei - qr], axis=-1)
    blocks = _fft(z[:, _REVERSAL]).reshape(frames, _N_FFT)
    signs = np.where(np.arange(_N_FFT) & 1, f32(-1), f32(1)).astype(f32)
    blocks = (signs * blocks * ((f32(1) / f32(_HALF)) * _WINDOW)).astype(f32, copy=False)
    tails = np.concatenate([np.zeros((1, _HOP), f32), blocks[:-1, _HOP:]])
    out = round_saturate((tails + blocks[:, :_HOP]) * f32(32768), -32768, 32767)
    return out.astype(np.int16).reshape(-1)[_HOP : _HOP + samples]
