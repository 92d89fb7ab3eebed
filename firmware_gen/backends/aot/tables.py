"""Unary int8 operators as tables of 256 results, for -128 … 127 in that order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.nodes import Value
from firmware_gen.backends.errors import UnsupportedOpError
from firmware_gen.backends.fixedpoint import (
    clamp,
    inverse_square_root,
    multiply,
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_power,
)
from firmware_gen.backends.fixedpoint import (
    logistic as fixed_logistic,
)

INT16_MAX, INT16_MIN = 32767, -32768
_INPUT_BITS = 4
_ROOT_FRACTION_BITS = 20


def requantize(x: Value, y: Value) -> tuple[int, ...]:
    """Change of scale and zero point, to int8 or int16."""
    factor = multipliers.ratio(x, y)
    low, high = multipliers.RANGES[y.dtype]
    return tuple(
        clamp(multiply(q - x.zero_point, factor) + y.zero_point, low, high)
        for q in range(-128, 128)
    )


def logistic(x: Value, y: Value) -> tuple[int, ...]:
    """Sigmoid; the output has scale 1/256 and zero point -128."""
    real = x.scale * (1 << (31 - _INPUT_BITS))
    fraction, shift = math.frexp(real)
    factor = (round_half_away(fraction * (1 << 31)), shift)
    radius = math.floor(((1 << _INPUT_BITS) - 1) * (1 << (31 - _INPUT_BITS)) / (1 << shift))

    def one(q: int) -> int:
        value = q - x.zero_point
        if value <= -radius:
            return -128
        if value >= radius:
            return 127
        result = fixed_logistic(multiply(value, factor), _INPUT_BITS)
        return clamp(rounding_divide_by_power(result, 23) - 128, -128, 127)

    if y.zero_point != -128:
        raise UnsupportedOpError(
            f"LOGISTIC '{y.name}' has output zero point {y.zero_point}, expected -128"
        )
    return tuple(one(q) for q in range(-128, 128))


def elu(x: Value, y: Value) -> tuple[int, ...]:
    """Exponential linear unit, computed in single precision as the interpreter does."""
    inverse = np.float32(1.0) / np.float32(y.scale)

    def one(q: int) -> int:
        real = np.float32(x.scale) * np.float32(q - x.zero_point)
        if real < 0:
            real = np.float32(math.exp(float(real))) - np.float32(1.0)
        scaled = round_half_away(float(real * inverse))
        return clamp(scaled + y.zero_point, -128, 127)

    return tuple(one(q) for q in range(-128, 128))


def _int16_multiplier(mantissa: int) -> int:
    return INT16_MAX if mantissa >= INT16_MAX << 16 else (mantissa + (1 << 15)) >> 16


def _high_multiply16(a: int, b: int) -> int:
    return INT16_MAX if a == b == INT16_MIN else (a * b + (1 << 14)) >> 15


def _shift_left16(value: int, amount: int) -> int:
    return clamp(value << amount, INT16_MIN, INT16_MAX)


def hard_swish(x: Value, y: Value) -> tuple[int, ...]:
    """``x relu6(x + 3) / 6`` in 16-bit fixed point."""
    fine = np.float32(1.0 / 128.0) * np.float32(x.scale)
    out_mantissa, out_exponent = quantize_multiplier(float(fine / np.float32(y.scale)))
    gate_scale = np.float32(3.0) / np.float32(32768.0)
    gate_mantissa, gate_exponent = quantize_multiplier(float(fine / gate_scale))
    if out_exponent > 0:
        raise UnsupportedOpError(
            f"HARD_SWISH '{y.name}' has an output scale {y.scale:g} more than 128 times finer "
            f"than its input scale {x.scale:g}"
        )
    out16, gate16 = _int16_multiplier(out_mantissa), _int16_multiplier(gate_mantissa)

    def one(q: int) -> int:
        value = (q - x.zero_point) << 7
        gate = value
        if gate_exponent > 0:
            gate = _shift_left16(gate, gate_exponent - 1)
        gate = _high_multiply16(gate, gate16)
        if gate_exponent > 0:
            gate = _shift_left16(gate, 1)
        elif gate_exponent < 0:
            gate = rounding_divide_by_power(gate, -gate_exponent)
        gate = (gate + (1 << 15)) >> 1
        product = gate * _high_multiply16(value, out16)
        truncated = abs(product) >> 15
        truncated = truncated if product >= 0 else -truncated
        return clamp(rounding_divide_by_power(truncated, -out_exponent) + y.zero_point, -128, 127)

    return tuple(one(q) for q in range(-128, 128))


def reciprocal_root(x: Value, y: Value) -> tuple[int, ...]:
    """``1 / sqrt``; zero and below give the largest output."""
    mantissa, shift = multipliers.reciprocal_root(x, y)

    def one(q: int) -> int:
        value = q - x.zero_point
        if value <= 0:
            return 127
        root_mantissa, root_shift = inverse_square_root(value)
        root = multiply(1, (root_mantissa, root_shift + _ROOT_FRACTION_BITS))
        scaled = multiply(root, (mantissa, shift - _ROOT_FRACTION_BITS))
        return clamp(scaled + y.zero_point, -128, 127)

    return tuple(one(q) for q in range(-128, 128))


# What the interpreter's own table differs by from the rounded sigmoid; recovered from its results
# for int16 inputs of four scales, a test compares them all.
_SIGMOID_STEPS = (
    "0000+000+000+0++++0++++00+0+++++0+++0+0+++0++++00++000+0000000++"
    "+0+000000000000000+000+000000+000000+00+00000000+000+00000000000"
    "0000000+00000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
)


def wide_sigmoid() -> tuple[int, ...]:
    """``sigmoid(n / 24)`` in 16 bits for n = 0 … 255: what int16 sigmoids interpolate in."""
    offsets = {"-": -1, "0": 0, "+": 1}
    return tuple(
        math.floor(65536.0 / (1.0 + math.exp(-n / 24.0)) + 0.5) + offsets[step]
        for n, step in enumerate(_SIGMOID_STEPS)
    )


TABLES: dict[str, Callable[[Value, Value], tuple[int, ...]]] = {
    "LOGISTIC": logistic,
    "ELU": elu,
    "HARD_SWISH": hard_swish,
    "RSQRT": reciprocal_root,
    "QUANTIZE": requantize,
}
"""Operators on int8 that are tables; QUANTIZE may have an int16 output."""
