"""Rounding parameters as the interpreter derives them from scales.

The interpreter mixes float and double arithmetic; the mix decides the last bit of a multiplier, so
it is followed here operation by operation.
"""

from __future__ import annotations

import math

import numpy as np

from firmware_gen.backends.aot.nodes import Multiplier, Value
from firmware_gen.backends.fixedpoint import clamp, quantize_multiplier, round_half_away

EXACT_HALF = (1 << 30, 0)
"""Multiplier of the operand with the larger scale of a sum."""

RANGES = {"int8": (-128, 127), "int16": (-32768, 32767)}


def activation_range(activation: str, value: Value) -> tuple[int, int] | None:
    """Limits that a fused activation puts on an output.

    Returns:
        ``(low, high)``, or None when the activation is none of the clamping ones.
    """
    low, high = RANGES[value.dtype]

    def level(real: float) -> int:
        return value.zero_point + round_half_away(float(np.float32(real) / np.float32(value.scale)))

    limits = {
        "NONE": (low, high),
        "RELU": (max(low, level(0.0)), high),
        "RELU6": (max(low, level(0.0)), min(high, level(6.0))),
        "RELU_N1_TO_1": (max(low, level(-1.0)), min(high, level(1.0))),
    }
    return limits.get(activation)


def convolution(x: Value, weight_scale: float, y: Value) -> Multiplier:
    """Multiplier of one output channel of a convolution."""
    return quantize_multiplier(x.scale * weight_scale / y.scale)


def matmul(a: Value, b: Value, y: Value) -> Multiplier:
    """Multiplier of a matrix product, in double precision throughout."""
    return quantize_multiplier(a.scale * b.scale / y.scale)


def add(a: Value, b: Value, y: Value) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Multipliers of both operands and the result of a sum or difference."""
    twice = 2.0 * max(a.scale, b.scale)
    shift = left_shift(y)
    return (
        quantize_multiplier(a.scale / twice),
        quantize_multiplier(b.scale / twice),
        quantize_multiplier(twice / ((1 << shift) * y.scale)),
    )


def squared_difference(a: Value, b: Value, y: Value) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Multipliers of both operands and the square of their difference."""
    twice = 2.0 * max(a.scale, b.scale)
    # The power of two and the output scale meet as floats there.
    divisor = float(np.float32(1 << (2 * square_shift(y))) * np.float32(y.scale))
    return (
        quantize_multiplier(a.scale / twice),
        quantize_multiplier(b.scale / twice),
        quantize_multiplier(twice * twice / divisor),
    )


def square_shift(y: Value) -> int:
    """Headroom of the operands of a squared difference: the square fits 32 bits."""
    return 0 if y.dtype == "int16" else 7


def left_shift(y: Value) -> int:
    """Headroom that sums and differences are computed with."""
    return 15 if y.dtype == "int16" else 20


def product(a: Value, b: Value, y: Value) -> Multiplier:
    """Multiplier of a product."""
    return quantize_multiplier(a.scale * b.scale / y.scale)


def quotient(a: Value, b: Value, y: Value) -> Multiplier:
    """Multiplier of a quotient, in double precision throughout."""
    return quantize_multiplier(a.scale / (b.scale * y.scale))


def ratio(x: Value, y: Value) -> Multiplier:
    """Multiplier of a plain change of scale."""
    return quantize_multiplier(x.scale / y.scale)


def slope(x: Value, alpha: Value, y: Value) -> Multiplier:
    """Multiplier of the negative half of a parametric ReLU."""
    return quantize_multiplier(x.scale * alpha.scale / y.scale)


def reciprocal_root(x: Value, y: Value) -> Multiplier:
    """Multiplier of ``1 / sqrt``, in double precision throughout."""
    return quantize_multiplier(1.0 / (math.sqrt(x.scale) * y.scale))


def power_of_two(scale: float) -> int | None:
    """Exponent of a scale that the interpreter takes for a power of two, None for another one.

    It rounds the logarithm, in single precision, and lets it be a thousandth off.
    """
    exponent = np.log(np.float32(scale)) * (np.float32(1.0) / np.log(np.float32(2.0)))
    rounded = round_half_away(float(exponent))
    return rounded if abs(exponent - np.float32(rounded)) < np.float32(1e-3) else None


def wide_logistic(x: Value) -> Multiplier:
    """Factor and right shift that bring an int16 operand of a sigmoid to steps of 1/12288."""
    if power_of_two(x.scale) == -12:
        return 3, 0
    factor, shift = x.scale * 4096.0 * 3.0, 0
    while factor <= 32767.0 / 2.0 and shift <= 30:
        shift, factor = shift + 1, factor * 2.0
    return int(factor), shift


def reduced_mantissa(mantissa: int) -> int:
    """The upper 16 bits of a mantissa, rounded: the factor of 64-bit sums."""
    return (mantissa + (1 << 15)) >> 16 if mantissa < 0x7FFF0000 else 0x7FFF


def mean(x: Value, y: Value, count: int) -> Multiplier:
    """Multiplier of a mean over ``count`` elements."""
    mantissa, shift = ratio(x, y)
    extra = clamp(count.bit_length() - 1, 0, min(32, 31 + shift))
    return (mantissa << extra) // count, shift - extra
