"""Rounding parameters and weights as the Helium kernels read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware_gen.backends.aot.multipliers import reduced_mantissa
from firmware_gen.backends.aot.nodes import Convolution, Multiplier, Program
from firmware_gen.backends.fixedpoint import wrap32

LONGEST_STEP = 65535 // 7
"""Elements between neighbours of a vector that is gathered: seven steps fit 16 bits."""

_MAX_SHIFT = 31
_FULL_RANGE = (-128, 127)

ChannelScale = tuple[int, int, int]
"""Bias with the input's zero point, mantissa, minus the right shift."""


def rounds_right(factor: Multiplier) -> bool:
    """Whether a multiplier has a right shift, which the fast rounding needs."""
    mantissa, shift = factor
    return mantissa > 0 and 1 <= -shift <= _MAX_SHIFT


def mve_scales(program: Program, node: Convolution) -> list[ChannelScale] | None:
    """Rounding parameters per output channel.

    Args:
        program: The program.
        node: A convolution.

    Returns:
        The parameters, or None when the Helium kernels do not suit the convolution.
    """
    x = program.values[node.inputs[0]]
    if x.dtype != "int8":
        return None
    if node.depthwise and (node.weights.shape[-1] != x.shape[3] or node.weights.min() == -128):
        return None
    axes = (0, 1) if node.depthwise else (1, 2, 3)
    sums = node.weights.astype(np.int64).sum(axis=axes)
    rows = []
    for bias, total, factor in zip(node.bias, sums, node.multipliers, strict=True):
        if not rounds_right(factor):
            return None
        rows.append((wrap32(bias - x.zero_point * int(total)), *factor))
    return rows


def wide_scales(program: Program, node: Convolution) -> list[ChannelScale] | None:
    """Bias, factor and minus the shift per output channel of a convolution of int16 values.

    Args:
        program: The program.
        node: A convolution.

    Returns:
        The parameters, for ``sum * factor / 2**31 / 2**shift``, or None when the Helium kernels do
        not suit the convolution: sums of more than 32 bits, a multiplier of a quarter or more.
    """
    x = program.values[node.inputs[0]]
    if x.dtype != "int16" or (node.depthwise and node.weights.shape[-1] != x.shape[3]):
        return None
    axes = (0, 1) if node.depthwise else (1, 2, 3)
    sizes = np.abs(node.weights.astype(np.int64)).sum(axis=axes)
    rows = []
    for bias, size, (mantissa, shift) in zip(node.bias, sizes, node.multipliers, strict=True):
        if abs(bias) + (int(size) << 15) >= 1 << 31 or shift > -2:
            return None
        rows.append((bias, reduced_mantissa(mantissa) << 15, shift + 1))
    return rows


def by_byte(table: Sequence[int] | np.ndarray) -> np.ndarray:
    """A table for -128 … 127 in the order of unsigned bytes: 0 … 127, -128 … -1."""
    return np.roll(np.asarray(table), 128)


def channel_tables(node: Convolution) -> np.ndarray | None:
    """Tables that a convolution's results go through, limits included.

    Args:
        node: The convolution.

    Returns:
        int8 ``[256]``, or ``[channels][256]``, by byte; None where results stay as they are.
    """
    limits = np.clip(np.arange(-128, 128), node.low, node.high)
    if not node.tables:
        full = (node.low, node.high) == _FULL_RANGE
        return None if full else by_byte(limits).astype(np.int8)
    rows = [by_byte(np.asarray(table)[limits + 128]) for table in node.tables]
    stacked = np.array(rows, np.int8)
    return stacked[0] if len(rows) == 1 else stacked


def channel_order(channels: int) -> list[int]:
    """Order in which the kernel takes channels, filled up to a multiple of four."""
    return [4 * (k // 4) + (0, 2, 1, 3)[k % 4] for k in range(-(-channels // 4) * 4)]


def pack_conv(weights: np.ndarray, scales: Sequence[ChannelScale], zero_point: int) -> np.ndarray:
    """Weights of a convolution.

    Args:
        weights: int8 ``[channels][depth]``.
        scales: Rounding parameters per channel.
        zero_point: Of the value that the sums are rounded to.

    Returns:
        int8 ``[pairs][16-byte blocks of both channels, then 7 int32]``.
    """
    channels, depth = weights.shape
    order = channel_order(channels)
    blocks = -(-depth // 16)
    padded = np.zeros((len(order), 16 * blocks), np.int8)
    padded[:channels, :depth] = weights
    rows = np.zeros((len(order), 3), np.int32)
    rows[:, 2] = -1
    rows[:channels] = np.array(scales, np.int32)
    pairs = padded[order].reshape(-1, 2, blocks, 16).transpose(0, 2, 1, 3)
    words = np.empty((len(order) // 2, 7), np.int32)
    words[:, :6] = rows[order].reshape(-1, 6)
    words[:, 6] = zero_point
    tail = words.astype("<i4").view(np.int8)
    return np.concatenate([pairs.reshape(len(order) // 2, -1), tail], axis=1)


def pack_wide_conv(
    weights: np.ndarray, scales: Sequence[ChannelScale], limits: tuple[int, int]
) -> np.ndarray:
    """Weights of a convolution of int16 values.

    Args:
        weights: int8 ``[channels][depth]``.
        scales: Rounding parameters per channel.
        limits: Of the results, int16.

    Returns:
        int8 ``[pairs][blocks of 8 bytes of both channels, then 8 int32]``.
    """
    channels, depth = weights.shape
    pairs, blocks = -(-channels // 2), -(-depth // 8)
    padded = np.zeros((2 * pairs, 8 * blocks), np.int8)
    padded[:channels, :depth] = weights
    words = np.zeros((2 * pairs, 3), np.int32)
    words[:, 2] = -1
    words[:channels] = np.array(scales, np.int32)
    ends = np.broadcast_to(np.array(limits, np.int16).repeat(2).view(np.int32), (pairs, 2))
    tail = np.concatenate([words.reshape(pairs, 6), ends], axis=1).astype("<i4")
    blocked = padded.reshape(pairs, 2, blocks, 8).transpose(0, 2, 1, 3).reshape(pairs, -1)
    return np.concatenate([blocked, tail.view(np.int8)], axis=1)


def pack_tables(tables: np.ndarray, channels: int) -> np.ndarray:
    """Tables per channel in the kernel's order, filled up.

    Args:
        tables: int8 ``[channels][256]``.
        channels: Number of channels.
    """
    order = channel_order(channels)
    padded = np.zeros((len(order), 256), np.int8)
    padded[:channels] = tables
    return padded[order]


def pack_depthwise(
    weights: np.ndarray, scales: Sequence[ChannelScale]
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and rounding parameters of a depthwise convolution.

    Args:
        weights: int8 ``[taps][channels]``.
        scales: Rounding parameters per channel.

    Returns:
        int8 ``[eights][taps][8]``; int32 ``[eights][bias, mantissa, shift][even 4, odd 4]``.
    """
    taps, channels = weights.shape
    eights = -(-channels // 8)
    padded = np.zeros((taps, 8 * eights), np.int8)
    padded[:, :channels] = weights
    rows = np.zeros((8 * eights, 3), np.int32)
    rows[:, 2] = -1
    rows[:channels] = np.array(scales, np.int32)
    halves = rows.reshape(eights, 4, 2, 3).transpose(0, 3, 2, 1)
    return padded.reshape(taps, eights, 8).transpose(1, 0, 2), halves


def pack_columns(
    weights: np.ndarray, scales: Sequence[ChannelScale], zero_point: int
) -> np.ndarray:
    """Weights of a depthwise convolution whose columns are interleaved.

    Args:
        weights: int8 ``[rows][columns][channels]``, at most 4 rows, channels a multiple of 4.
        scales: Rounding parameters per channel.
        zero_point: Of the output.

    Returns:
        int8 ``[pairs][of each channel 4 (or 8) columns of 4 rows, then 7 int32]``.
    """
    rows, columns, channels = weights.shape
    padded = np.zeros((channels, -(-columns // 4) * 4, 4), np.int8)
    padded[:, :columns, :rows] = weights.transpose(2, 1, 0)
    order = channel_order(channels)
    words = np.empty((channels // 2, 7), np.int32)
    words[:, :6] = np.array(scales, np.int32)[order].reshape(-1, 6)
    words[:, 6] = zero_point
    pairs = padded[order].reshape(channels // 2, -1)
    return np.concatenate([pairs, words.astype("<i4").view(np.int8)], axis=1)
