"""The fixed-point arithmetic of TensorFlow Lite Micro, on Python integers.

Multipliers are ``mantissa * 2**(shift - 31)`` with a 31-bit mantissa, products are rounded twice
(to nearest at bit 31, half up; then to nearest, half away from zero). Everything that is computed
at generation time, such as tables of unary operators, uses these functions so that it equals what
the interpreter computes at run time.
"""

from __future__ import annotations

import math

INT32_MAX = (1 << 31) - 1
INT32_MIN = -(1 << 31)


def clamp(value: int, low: int, high: int) -> int:
    """``value`` limited to ``low`` … ``high``."""
    return max(low, min(high, value))


def wrap32(value: int) -> int:
    """``value`` as a two's complement 32-bit integer."""
    return ((value + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def round_half_away(value: float) -> int:
    """Nearest integer, halves away from zero."""
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A positive real factor as a fixed-point multiplier.

    Args:
        real: The factor, 0 or positive.

    Returns:
        ``(mantissa, shift)``; the mantissa is in 2**30 … 2**31 - 1, or 0.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = round_half_away(fraction * (1 << 31))
    if mantissa == 1 << 31:
        mantissa //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return mantissa, shift


def doubling_high_multiply(a: int, b: int) -> int:
    """``a * b / 2**31`` rounded to nearest, halves up, saturated."""
    if a == b == INT32_MIN:
        return INT32_MAX
    return (a * b + (1 << 30)) >> 31


def rounding_divide_by_power(value: int, exponent: int) -> int:
    """``value / 2**exponent`` rounded to nearest, halves away from zero."""
    if exponent == 0:
        return value
    return (value + (1 << (exponent - 1)) - (1 if value < 0 else 0)) >> exponent


def multiply(value: int, multiplier: tuple[int, int]) -> int:
    """``value`` times a fixed-point multiplier, as the interpreter rounds it."""
    mantissa, shift = multiplier
    left, right = max(shift, 0), max(-shift, 0)
    return rounding_divide_by_power(doubling_high_multiply(wrap32(value << left), mantissa), right)


def _saturating_shift_left(value: int, amount: int) -> int:
    return clamp(value << amount, INT32_MIN, INT32_MAX)


def _exp_on_interval(a: int) -> int:
    """``exp(a)`` for a in [-1/4, 0), Q0.31 in and out."""
    constant_term, one_third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = doubling_high_multiply(x, x)
    x3 = doubling_high_multiply(x2, x)
    x4 = doubling_high_multiply(x2, x2)
    x4_over_4 = rounding_divide_by_power(x4, 2)
    inner = rounding_divide_by_power(doubling_high_multiply(x4_over_4 + x3, one_third) + x2, 1)
    return constant_term + doubling_high_multiply(constant_term, x + inner)


_EXP_FACTORS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
)


def exp_on_negative_values(a: int, integer_bits: int) -> int:
    """``exp(a)`` for a <= 0 with ``integer_bits`` integer bits; the result is Q0.31."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    a_mod = (a & (quarter - 1)) - quarter
    result = _exp_on_interval(_saturating_shift_left(a_mod, integer_bits))
    remainder = a_mod - a
    for exponent, factor in _EXP_FACTORS:
        if integer_bits > exponent and remainder & (1 << (fraction_bits + exponent)):
            result = doubling_high_multiply(result, factor)
    if integer_bits > 5 and a < -(1 << (36 - integer_bits)):
        result = 0
    return INT32_MAX if a == 0 else result


def one_over_one_plus(a: int) -> int:
    """``1 / (1 + a)`` for a in [0, 1], Q0.31 in and out."""
    total = a + INT32_MAX
    half_denominator = (total + (1 if total >= 0 else -1)) // 2
    x = 1515870810 + doubling_high_multiply(half_denominator, -1010580540)
    for _ in range(3):
        product = doubling_high_multiply(half_denominator, x)
        correction = doubling_high_multiply(x, (1 << 29) - product)
        x = x + _saturating_shift_left(correction, 2)
    return _saturating_shift_left(x, 1)


def logistic(value: int, integer_bits: int) -> int:
    """Sigmoid of a fixed-point value with ``integer_bits`` integer bits; the result is Q0.31."""
    if value == 0:
        return 1 << 30
    positive = one_over_one_plus(exp_on_negative_values(-abs(value), integer_bits))
    return positive if value > 0 else INT32_MAX - positive


def inverse_square_root(value: int) -> tuple[int, int]:
    """``1 / sqrt(value)`` as a fixed-point multiplier.

    Args:
        value: Positive integer.

    Returns:
        ``(mantissa, shift)`` as the interpreter's Newton iteration computes it.
    """
    if value <= 1:
        return INT32_MAX, 0
    right = 11
    while value >= 1 << 29:
        value //= 4
        right += 1
    pairs = (31 - value.bit_length()) // 2 - 1
    right -= pairs
    value <<= 2 * pairs
    half = rounding_divide_by_power(value >> 1, 1)
    three_halves = (1 << 28) + (1 << 27)
    x = 1 << 28
    for _ in range(5):
        square = doubling_high_multiply(x, x)
        cube = _saturating_shift_left(doubling_high_multiply(square, x), 6)
        difference = doubling_high_multiply(three_halves, x) - doubling_high_multiply(half, cube)
        x = _saturating_shift_left(difference, 3)
    x = doubling_high_multiply(x, 1518500250)
    if right < 0:
        x <<= -right
        right = 0
    return x, -right
