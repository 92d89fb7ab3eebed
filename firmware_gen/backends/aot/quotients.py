"""Quotients of int8 values as one multiplication per divisor, proven equal for all operands.

The interpreter normalises dividend and divisor, and inverts the divisor by Newton steps. For one
divisor, a factor of the dividend and one shift give the same bytes; the factors are searched here
and compared with the interpreter's arithmetic for every dividend. Divisors without such a factor
are left to the step by step kernel.

Dividends near 0 need a shift of more than 31 bits, which the interpreter's host takes modulo 32:
their quotients are the limits of the range. They are counted per divisor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firmware_gen.backends.aot.nodes import Binary, Value
from firmware_gen.backends.fixedpoint import INT32_MAX, clamp, one_over_one_plus

EXACT = 1 << 14
"""Number of dividends near 0 of a divisor that has no factor."""

_LOW, _HIGH = -128, 127
_DIVIDENDS = np.arange(-255, 256, dtype=np.int64)
_HEADROOM = np.array([31 - (x if x >= 0 else ~x).bit_length() for x in range(-255, 256)])
_MAX_SHIFT = 22
_UNBOUNDED = 1 << 62


@dataclass(frozen=True)
class Divisor:
    """What one divisor needs.

    Attributes:
        factor: Of the dividend.
        first: Least of the dividends near 0.
        count: Number of dividends near 0, or :data:`EXACT`.
    """

    factor: int
    first: int
    count: int


@dataclass(frozen=True)
class QuotientForm:
    """``saturate((dividend * factor / 2**16 + add) >> shift)``, rounded down.

    Attributes:
        divisors: For -128 … 127.
        add: Half a unit and the zero point of the result.
        shift: Of the sum.
        of_zero: Quotient of a 0 that counts as near 0.
    """

    divisors: tuple[Divisor, ...]
    add: int
    shift: int
    of_zero: int


def quotient_form(node: Binary, a: Value, b: Value, y: Value) -> QuotientForm | None:
    """Constants of a quotient.

    Args:
        node: A ``div`` of int8 values.
        a: Dividend.
        b: Divisor.
        y: Result.

    Returns:
        The constants, or None when the kernel's arithmetic does not suit.
    """
    mantissa, exponent = node.out
    full = (node.low, node.high) == (_LOW, _HIGH)
    if not full or mantissa == 0 or not -_MAX_SHIFT < exponent <= 8:
        return None
    shift = min(_MAX_SHIFT, 14 - exponent)
    add = (1 << shift - 1) + (y.zero_point << shift)
    form = QuotientForm((), add, shift, min(y.zero_point + 1, _HIGH))
    there = slice(255 - 128 - a.zero_point, 255 + 128 - a.zero_point)
    divisors = []
    for divisor in range(-128 - b.zero_point, 128 - b.zero_point):
        found = None
        if divisor:
            expected = _quotients(divisor, node, y)[there]
            found = _search(form, _DIVIDENDS[there], divisor, expected, node)
        divisors.append(found or Divisor(0, -EXACT // 2, EXACT))
    return QuotientForm(tuple(divisors), add, shift, form.of_zero)


def _search(
    form: QuotientForm, dividends: np.ndarray, divisor: int, expected: np.ndarray, node: Binary
) -> Divisor | None:
    """Factor of one divisor and the fewest dividends near 0."""
    sign = 1 if divisor > 0 else -1
    exact = math.ldexp(node.out[0] / abs(divisor), node.out[1] - 31 + form.shift + 16)
    wanted = sign * clamp(round(exact), 1, INT32_MAX)
    limits = np.where(dividends * sign > 0, _HIGH, np.where(dividends == 0, form.of_zero, _LOW))
    for count in (0, *(2 << bits for bits in range(9))):
        first = -(count // 2) + (count > 0 and divisor < 0)
        near = (dividends >= first) & (dividends < first + count)
        if np.any(expected[near] != limits[near]):
            return None
        factor = _factor(form, dividends[~near], expected[~near], wanted)
        if factor is not None and (count == 0 or factor * sign > 0):
            return Divisor(factor, first, count)
    return None


def _factor(form: QuotientForm, x: np.ndarray, expected: np.ndarray, wanted: int) -> int | None:
    """The factor next to the wanted one that gives all quotients, or None."""
    low = (expected << form.shift) - form.add << 16
    high = (expected + 1 << form.shift) - form.add << 16
    low = np.where(expected > _LOW, low, -_UNBOUNDED)
    high = np.where(expected < _HIGH, high - 1, _UNBOUNDED)
    if np.any((x == 0) & ((low > 0) | (high < 0))):
        return None
    if not np.any(x):
        return wanted
    # low <= factor * x <= high; a negative x turns the two around.
    low, high = np.where(x < 0, -high, low)[x != 0], np.where(x < 0, -low, high)[x != 0]
    size = np.abs(x[x != 0])
    least = max(int((-(-low // size)).max()), -INT32_MAX)
    most = min(int((high // size).min()), INT32_MAX)
    return clamp(wanted, least, most) if least <= most else None


def _quotients(divisor: int, node: Binary, y: Value) -> np.ndarray:
    """The interpreter's quotients of -255 … 255 and one divisor, both without zero points."""
    zeros = 32 - abs(divisor).bit_length()
    inverse = one_over_one_plus((abs(divisor) << zeros) - (1 << 31))
    wide = ((_DIVIDENDS << _HEADROOM) * inverse + (1 << 30)) >> 31
    scaled = (wide * node.out[0] + (1 << 30)) >> 31
    exponent = _HEADROOM + 31 - zeros - node.out[1]
    inside = np.minimum(exponent, 31)
    rounded = (scaled + (1 << inside >> 1) - ((scaled < 0) & (inside > 0))) >> inside
    wrapped = (scaled >> (exponent & 31)) + (scaled >= 0)
    values = np.where(exponent > 31, wrapped, rounded) + y.zero_point
    return np.clip(values if divisor > 0 else values[::-1], _LOW, _HIGH)
