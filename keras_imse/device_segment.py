"""The device's front end of the published network on the host, bit for bit.

The firmware of the offline family computes in single precision with its own transform
(``firmware_gen/csrc/segment``). This is the same arithmetic, operation by operation, on all frames
of a segment at once: every float32 operation of numpy is rounded as IEEE 754 says, so features and
samples are those of the board. :mod:`keras_imse.offline_audio` is the definition that both
approximate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keras_imse.device_audio import Scale, power, round_saturate
from keras_imse.errors import AudioError

Float = NDArray[np.float32]
f32 = np.float32

N_FFT, HOP, BANDS = 510, 100, 256
_HALF, _ROWS, _COLUMNS = 255, 15, 17
_POWER_FLOOR = f32(1e-30)
_MASK_LIMIT = f32(2.0)
_MIN_FRAMES = 4


def _turns(length: int) -> Float:
    angles = 2.0 * np.pi * np.arange(length) / length
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(f32)


_HANN = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_HALF + 1) / N_FFT)).astype(f32)
_WINDOW = np.concatenate([_HANN, _HANN[_HALF - 1 : 0 : -1]])
_TURNS = {length: _turns(length) for length in (_ROWS, _COLUMNS)}
_FREQUENCY = np.arange(_HALF)
_RESULT = (_COLUMNS * (_FREQUENCY % _ROWS) + _ROWS * (_FREQUENCY % _COLUMNS)) % _HALF


def _transform(x: Float) -> Float:
    """Transform along the axis before the last of ``(..., length, 2)``, length 15 or 17."""
    length = x.shape[-2]
    half, turns = length // 2, _TURNS[length]
    first, second = x[..., 1 : half + 1, :], x[..., :half:-1, :]
    sums, differences = first + second, first - second
    out = np.empty_like(x)
    total = x[..., 0, :]
    for n in range(half):
        total = total + sums[..., n, :]
    out[..., 0, :] = total
    for k in range(1, half + 1):
        p = x[..., 0, :]
        q = np.zeros_like(p)
        for n in range(half):
            cosine, sine = turns[(n + 1) * k % length]
            p = p + cosine * sums[..., n, :]
            q = q + sine * differences[..., n, :]
        out[..., k, 0], out[..., k, 1] = p[..., 0] + q[..., 1], p[..., 1] - q[..., 0]
        out[..., length - k, 0] = p[..., 0] - q[..., 1]
        out[..., length - k, 1] = p[..., 1] + q[..., 0]
    return out


_ROW_PLACES = (_COLUMNS * np.arange(_ROWS)[:, None] + _ROWS * np.arange(_COLUMNS)) % _HALF


def _transform_255(x: Float) -> Float:
    """Complex transform of ``(frames, 255, 2)``, results in order of frequency."""
    rows = _transform(x[:, _ROW_PLACES])  # (frames, 15, 17, 2)
    columns = _transform(np.ascontiguousarray(rows.swapaxes(1, 2))).swapaxes(1, 2)
    out = np.empty_like(x)
    out[:, _ROW_PLACES] = columns
    return out[:, _RESULT]


def check_segment(frames: int) -> None:
    """Refuses segments shorter than the reflection at their ends.

    Raises:
        AudioError: There are fewer than 4 frames.
    """
    if frames < _MIN_FRAMES:
        raise AudioError(f"a segment of {frames} frames, expected {_MIN_FRAMES} or more")


def gain(pcm: NDArray[np.int16]) -> np.float32:
    """Gain that brings a segment to a root mean square of one, as the firmware measures it."""
    total = int(np.sum(pcm.astype(np.int64) ** 2))
    if total == 0:
        return f32(0)
    shift = 0
    while total >> shift > 0xFFFFFFFF:
        shift += 2
    mean = f32(total >> shift) / f32(len(pcm))
    return f32(32768) / (np.sqrt(mean) * f32(1 << (shift // 2)))


def spectrum_of(pcm: NDArray[np.int16], level: float | np.floating) -> Float:
    """Spectrum of a segment.

    Args:
        pcm: Samples ``((frames - 1) * 100,)``.
        level: Gain before the transform.

    Returns:
        Real and imaginary part of bins 0 to 255, ``(frames, 256, 2)``.
    """
    frames = len(pcm) // HOP + 1
    check_segment(frames)
    side = N_FFT // 2
    unit = np.pad(pcm.astype(f32) * f32(1 / 32768), side, mode="reflect")
    cut = np.lib.stride_tricks.sliding_window_view(unit, N_FFT)[::HOP]
    windowed = cut * f32(level) * _WINDOW
    even = 2 * np.arange(_HALF)
    a, b = windowed[:, even], windowed[:, (even + _HALF) % N_FFT]
    z = _transform_255(np.stack([a + b, a - b], axis=-1))

    k = np.arange(BANDS)
    own, other = z[:, k % _HALF], z[:, (_HALF - k) % _HALF]
    half = f32(0.5)
    odd = (k % 2 == 1)[:, None]
    from_sums = np.stack(
        [half * (own[..., 0] + other[..., 0]), half * (own[..., 1] - other[..., 1])], axis=-1
    )
    from_differences = np.stack(
        [half * (own[..., 1] + other[..., 1]), half * (other[..., 0] - own[..., 0])], axis=-1
    )
    spectrum: Float = np.where(odd, from_differences, from_sums)
    spectrum[:, [0, BANDS - 1], 1] = 0
    return spectrum


def _angle(im: Float, re: Float) -> Float:
    """The firmware's ``imse_angle``."""
    x, y = np.abs(re), np.abs(im)
    large, little = np.maximum(x, y), np.minimum(x, y)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = little / large
    steep = t > f32(0.414213562)
    t = np.where(steep, (t - f32(1)) / (t + f32(1)), t)
    u = t * t
    series = f32(0.0909090909) - u * f32(0.0769230769)
    for factor in (0.111111111, 0.142857143, 0.2, 0.333333333):
        series = f32(factor) - u * series
    angle = np.where(steep, f32(0.785398163), f32(0)) + (t - t * u * series)
    angle = np.where(y > x, f32(1.57079633) - angle, angle)
    angle = np.where(re < 0, f32(3.14159265) - angle, angle)
    angle = np.where(im < 0, -angle, angle)
    return np.where(large == 0, f32(0), angle).astype(f32, copy=False)


def _exponent(compression: float) -> float:
    """Half the compression, from its decimal value as the firmware takes it."""
    return int(np.float64(f32(compression)) * 1e6 + 0.5) / 2e6


def features_of(spectrum: Float, compression: float, scale: Scale) -> NDArray[np.signedinteger]:
    """The network's input as the firmware quantizes it.

    Args:
        spectrum: From :func:`spectrum_of`.
        compression: Exponent of the magnitude.
        scale: Quantization of the features.

    Returns:
        Integers ``(frames, 256, 2)``: compressed magnitude and phase.
    """
    re, im = spectrum[..., 0], spectrum[..., 1]
    squared = np.maximum(re * re + im * im, _POWER_FLOOR)
    values = np.stack([power(squared, _exponent(compression)), _angle(im, re)], axis=-1)
    steps = values * (f32(1) / f32(scale.scale))
    zero, limits = scale.zero_point, np.iinfo(scale.dtype)
    integers = round_saturate(steps, limits.min - zero, limits.max - zero) + zero
    return integers.astype(scale.dtype)


def samples_of(
    spectrum: Float,
    level: float | np.floating,
    mask: NDArray[np.signedinteger],
    phase: NDArray[np.signedinteger],
    scales: tuple[Scale, Scale],
    compression: float,
) -> NDArray[np.int16]:
    """Enhanced samples of a segment as the firmware puts them out.

    Args:
        spectrum: From :func:`spectrum_of`.
        level: Gain before the transform.
        mask: Network output ``(frames, 256)``.
        phase: Network output ``(frames, 256, 2)``.
        scales: Quantization of mask and phase.
        compression: Exponent of the magnitudes that the mask applies to.

    Returns:
        int16 ``((frames - 1) * 100,)``.
    """
    mask_scale, phase_scale = scales
    re, im = spectrum[..., 0], spectrum[..., 1]
    levels = (mask.astype(np.int32) - mask_scale.zero_point).astype(f32)
    levels = levels * (_MASK_LIMIT * f32(mask_scale.scale))
    expansion = power(np.where(levels > 0, levels, f32(1)), 0.5 / _exponent(compression))
    factor = np.where(levels > 0, np.sqrt(re * re + im * im) * expansion, f32(0))
    a = (phase[..., 0].astype(np.int32) - phase_scale.zero_point).astype(f32)
    b = (phase[..., 1].astype(np.int32) - phase_scale.zero_point).astype(f32)
    squared = a * a + b * b
    nowhere = squared == 0
    a = np.where(nowhere, f32(1), a)
    scale = factor / np.sqrt(np.where(nowhere, f32(1), squared))
    new_re, new_im = scale * a, scale * b
    new_im[:, [0, BANDS - 1]] = 0

    frames = len(spectrum)
    k = np.arange(_HALF)
    is_even = k % 2 == 0
    sr, si = (
        np.where(is_even, new_re[:, k], new_re[:, _HALF - k]),
        np.where(is_even, new_im[:, k], -new_im[:, _HALF - k]),
    )
    dr, di = (
        np.where(is_even, new_re[:, _HALF - k], new_re[:, k]),
        np.where(is_even, -new_im[:, _HALF - k], new_im[:, k]),
    )
    z = _transform_255(np.stack([sr - di, -(si + dr)], axis=-1))
    first, second = z[..., 0], -z[..., 1]
    blocks = np.empty((frames, N_FFT), f32)
    even = 2 * np.arange(_HALF)
    factor_back = f32(0.5) / f32(_HALF)
    blocks[:, even] = (first + second) * factor_back
    blocks[:, (even + _HALF) % N_FFT] = (first - second) * factor_back

    total = N_FFT + HOP * (frames - 1)
    wave, weight = np.zeros(total, f32), np.zeros(total, f32)
    squares = _WINDOW * _WINDOW
    for t, block in enumerate(blocks * _WINDOW):
        wave[t * HOP : t * HOP + N_FFT] += block
        weight[t * HOP : t * HOP + N_FFT] += squares
    inner = slice(N_FFT // 2, total - N_FFT // 2)
    value: Float = wave[inner] / weight[inner] * (f32(1) / f32(level)) * f32(32768)
    return round_saturate(value, -32768, 32767).astype(np.int16)
