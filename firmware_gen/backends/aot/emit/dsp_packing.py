"""Rounding parameters and weights as the DSP kernels read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware_gen.backends.aot.multipliers import reduced_mantissa
from firmware_gen.backends.aot.nodes import Convolution, Multiplier, Program

FULL_RANGE = (-128, 127)
"""Limits of an int8 value."""

SUM_LIMIT = 1 << 30
"""Sums below it can be doubled in 32 bits."""

LAST_CHANNEL = -(1 << 31)
"""Mark in the shift of the last channel."""

_MAX_SHIFT = 22
_MAX_WIDE_SHIFT = 30
_QUAD_ORDER = (0, 2, 1, 3)


def channel_scales(program: Program, node: Convolution) -> list[tuple[int, int, int, int]] | None:
    """Doubled bias with the input's zero point, mantissa, addend and shift per channel.

    Args:
        program: The program.
        node: A convolution.

    Returns:
        The parameters, or None when the DSP kernels do not suit the convolution.
    """
    x = program.values[node.inputs[0]]
    if x.dtype != "int8" or (node.low, node.high) != FULL_RANGE:
        return None
    zero_point = program.values[node.rounded].zero_point
    axes = (0, 1) if node.depthwise else (1, 2, 3)
    wide = node.weights.astype(np.int64)
    sums, sizes = wide.sum(axis=axes), np.abs(wide).sum(axis=axes)
    rows = []
    for channel, factor in enumerate(node.multipliers):
        bias = node.bias[channel] - x.zero_point * int(sums[channel])
        parameters = scale_parameters(factor, zero_point)
        bound = abs(node.bias[channel]) + 256 * int(sizes[channel])
        if parameters is None or bound >= SUM_LIMIT:
            return None
        rows.append((2 * bias, *parameters))
    return rows


def scale_parameters(factor: Multiplier, zero_point: int) -> tuple[int, int, int] | None:
    """Mantissa, addend and shift of the fast rounding.

    Args:
        factor: Fixed-point multiplier.
        zero_point: Zero point of the output.

    Returns:
        The parameters, or None when the multiplier is not between 2**-23 and one half.
    """
    mantissa, shift = factor
    right = -shift
    if mantissa == 0 or not 1 <= right <= _MAX_SHIFT:
        return None
    return mantissa, (1 << (right - 1)) + (zero_point << right), right


def pack_dense(weights: np.ndarray, scales: Sequence[Sequence[int]]) -> np.ndarray:
    """Weights of a convolution as the DSP kernel reads them.

    Args:
        weights: int8 ``[channels][taps][run]``, an even number of channels.
        scales: Doubled bias, mantissa, addend and shift per channel.

    Returns:
        int32 words, per pair of channels: the biases; two int16 per word, doubled, per tap and
        quad 4 of each channel; mantissa, addend and shift of each channel. The last quad of a run
        ends with it. The last shift has a mark.
    """
    channels, taps, run = weights.shape
    padded = np.zeros((channels, taps, -(-run // 4) * 4), np.int16)
    whole = run // 4 * 4 or run
    padded[:, :, :whole] = 2 * weights[:, :, :whole].astype(np.int16)
    if whole < run:
        padded[:, :, whole - run :] = 2 * weights[:, :, whole:].astype(np.int16)
    quads = padded.reshape(-1, 2, taps, padded.shape[2] // 4, 4)[..., _QUAD_ORDER]
    words = _words(quads.transpose(0, 2, 3, 1, 4)).reshape(channels // 2, -1)
    records = np.array(scales, np.int32)
    records[-1, -1] |= LAST_CHANNEL
    biases = records[:, 0].reshape(channels // 2, 2)
    rounding = records[:, 1:].reshape(channels // 2, 6)
    return np.concatenate([biases, words, rounding], axis=1)


def wide_scales(program: Program, node: Convolution) -> list[tuple[int, int, int]] | None:
    """Bias, factor and shift, half a unit per channel of a convolution of int16 values.

    Args:
        program: The program.
        node: A convolution.

    Returns:
        The parameters, or None when the DSP kernels do not suit: sums of more than 32 bits,
        multipliers of a quarter or more, groups, an odd number of channels.
    """
    x = program.values[node.inputs[0]]
    depth = node.weights.shape[-1]  # of a depthwise convolution the number of outputs
    if x.dtype != "int16" or depth != x.shape[3]:
        return None
    if (depth if node.depthwise else node.weights.shape[0]) % 2:
        return None
    axes = (0, 1) if node.depthwise else (1, 2, 3)
    sizes = np.abs(node.weights.astype(np.int64)).sum(axis=axes)
    rows = []
    for bias, size, (mantissa, shift) in zip(node.bias, sizes, node.multipliers, strict=True):
        right = -1 - shift
        if abs(bias) + (int(size) << 15) >= 1 << 31 or not 1 <= right <= _MAX_WIDE_SHIFT:
            return None
        rows.append((bias, right << 16 | reduced_mantissa(mantissa), 1 << right - 1))
    return rows


def wide_factor(factor: Multiplier, depth: int) -> tuple[int, int] | None:
    """Factor and shift of sums of ``depth`` products of int16 values.

    Args:
        factor: Fixed-point multiplier of the sums.
        depth: Number of products.

    Returns:
        ``sum * factor / 2**(32 + shift)`` is what the interpreter computes; None where that does
        not fit 64 bits.
    """
    mantissa, shift = factor
    reduced, total = reduced_mantissa(mantissa), 15 - shift
    more = max(33 - total, 0)
    if more > 15 or total > 62 or (reduced * depth << 30 + more) >= 1 << 62:
        return None
    return reduced << more, total + more - 32


def pack_wide(weights: np.ndarray, scales: Sequence[Sequence[int]]) -> np.ndarray:
    """Weights of a convolution of int16 values as the DSP kernel reads them.

    Args:
        weights: int8 ``[channels][taps][run]``, an even number of channels.
        scales: Bias, factor and shift, half a unit per channel.

    Returns:
        int32 words, per pair of channels: the biases; two int16 per word, per tap and quad 4 of
        each channel; factor and shift, half a unit of each channel.
    """
    channels, taps, run = weights.shape
    padded = np.zeros((channels, taps, -(-run // 4) * 4), np.int16)
    padded[:, :, :run] = weights
    quads = padded.reshape(-1, 2, taps, padded.shape[2] // 4, 4)
    words = _words(quads.transpose(0, 2, 3, 1, 4)).reshape(channels // 2, -1)
    records = np.array(scales, np.int32)
    biases = records[:, 0].reshape(channels // 2, 2)
    return np.concatenate([biases, words, records[:, 1:].reshape(channels // 2, 4)], axis=1)


def pack_wide_depthwise(weights: np.ndarray, scales: Sequence[Sequence[int]]) -> np.ndarray:
    """Weights of a depthwise convolution of int16 values as the DSP kernel reads them.

    Args:
        weights: int8 ``[taps][channels]``, an even number of channels.
        scales: Bias, factor and shift, half a unit per channel.

    Returns:
        int32 words, per pair of channels: the biases; per tap two int16; factor and shift, half a
        unit of each channel.
    """
    taps, channels = weights.shape
    pairs = weights.astype(np.int16).reshape(taps, channels // 2, 2).transpose(1, 0, 2)
    words = _words(pairs).reshape(channels // 2, taps)
    records = np.array(scales, np.int32)
    biases = records[:, 0].reshape(channels // 2, 2)
    return np.concatenate([biases, words, records[:, 1:].reshape(channels // 2, 4)], axis=1)


def pack_depthwise(weights: np.ndarray, scales: Sequence[Sequence[int]]) -> np.ndarray:
    """Weights of a depthwise convolution as the DSP kernel reads them.

    Args:
        weights: int8 ``[taps][channels]``, channels a multiple of 4.
        scales: Doubled bias, mantissa, addend and shift per channel.

    Returns:
        int32 words, per four channels: the biases; per two taps one word of two int16 for each
        channel; for a last odd tap 4 int16; mantissa, addend and shift of each channel. Weights
        are doubled.
    """
    taps, channels = weights.shape
    quads = channels // 4
    doubled = 2 * weights.astype(np.int16)
    paired = doubled[: taps // 2 * 2].reshape(taps // 2, 2, quads, 4).transpose(2, 0, 3, 1)
    parts = [_words(paired).reshape(quads, -1)]
    if taps % 2:
        last = doubled[-1].reshape(quads, 4)[:, _QUAD_ORDER]
        parts.append(_words(last).reshape(quads, 2))
    records = np.array(scales, np.int32)
    biases = records[:, 0].reshape(quads, 4)
    return np.concatenate([biases, *parts, records[:, 1:].reshape(quads, 12)], axis=1)


def pack_three_rows(weights: np.ndarray, biases: Sequence[int]) -> np.ndarray:
    """Weights of a depthwise convolution with three rows as the DSP kernel reads them.

    Args:
        weights: int8 ``[3][columns][channels]``, channels a multiple of 4.
        biases: Doubled bias per channel.

    Returns:
        int32 words: per four channels the biases, then per column two int16 per word, doubled:
        rows 0 and 1 of channel 0, of channel 2, row 2 of both, the same of channels 1 and 3.
    """
    columns, channels = weights.shape[1:]
    quads = (2 * weights.astype(np.int16)).reshape(3, columns, channels // 4, 4)
    halves = []
    for first in (0, 1):
        pair = quads[..., first::2]  # [row][column][quad][channel]
        both = pair[:2].transpose(2, 1, 3, 0).reshape(channels // 4, columns, 4)
        halves += [both, pair[2].transpose(1, 0, 2)]
    words = _words(np.concatenate(halves, axis=2)).reshape(channels // 4, -1)
    first_words = np.array(biases, np.int32).reshape(channels // 4, 4)
    return np.concatenate([first_words, words], axis=1)


def pack_angles(pairs: np.ndarray) -> np.ndarray:
    """Angles of a rotation as the DSP kernel reads them.

    Args:
        pairs: int8 ``[pairs][2]``, cosine and sine, a multiple of four pairs.

    Returns:
        int32 ``[pairs]``, per four pairs: cosines of 0 and 2, their sines, cosines of 1 and 3,
        their sines; two int16 per word, doubled.
    """
    doubled = 2 * pairs.astype(np.int16)
    return _words(doubled.reshape(-1, 2, 2, 2).transpose(0, 2, 3, 1))


def _words(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).astype("<i2").ravel().view("<i4").astype(np.int32)
