"""Sums and differences as one multiplication and a table, proven equal for all int8 operands.

The interpreter rounds both operands and the result on their own. With well chosen constants one
multiplication, one table of 32-bit shares and one shift give the same bytes for all 65536 pairs of
operands. The constants are searched here and compared with the interpreter's arithmetic for every
pair; an operator without such constants keeps its step by step kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.nodes import Binary, Multiplier, Value

SUM_BITS = 22
"""Fraction bits of a sum."""

_FACTOR_BITS = SUM_BITS + 8
_WORD_LIMIT = 1 << 31
_NUDGES = (0, 1, -1, 2, -2, 4, -4, 8, -8, 16, -16, 32, -32, 64, -64, 128, -128, 256, -256)
_INT8 = np.arange(-128, 128, dtype=np.int64)


@dataclass(frozen=True)
class SumForm:
    """``saturate((share[second] + first * factor / 2**8) >> SUM_BITS)``, rounded down.

    Attributes:
        factor: 31 bits and a sign.
        shares: int32, for second operands -128 … 127; zero points and rounding included.
    """

    factor: int
    shares: tuple[int, ...]


def sum_form(node: Binary, a: Value, b: Value, y: Value, unit: int = 1) -> SumForm | None:
    """Constants of a sum or difference; the second operand is looked up.

    Args:
        node: An ``add`` or ``sub``.
        a: First operand.
        b: Second operand.
        y: Result.
        unit: What the factor has to be a multiple of.

    Returns:
        The constants, or None when none give the interpreter's results.
    """
    if (node.low, node.high) != (-128, 127):
        return None
    left = multipliers.left_shift(y)
    sign = -1 if node.kind == "sub" else 1
    first = multiply_array((_INT8 - a.zero_point) << left, node.a)
    second = sign * multiply_array((_INT8 - b.zero_point) << left, node.b)
    total = multiply_array(first[:, None] + second[None, :], node.out)
    expected = np.clip(total + y.zero_point, -128, 127)
    exact = _real(node.a) * _real(node.out) * 2.0 ** (left + _FACTOR_BITS)
    for nudge in _NUDGES:
        factor = (round(exact / unit) + nudge) * unit
        if not 0 < factor < _WORD_LIMIT:
            continue
        shares = _shares((_INT8 * factor) >> 8, expected)
        if shares is not None:
            return SumForm(factor, shares)
    return None


def _shares(line: np.ndarray, expected: np.ndarray) -> tuple[int, ...] | None:
    """What to add to a line for every second operand, so that its bytes are the expected ones."""
    unbounded = np.int64(1) << 40
    low = np.where(expected > -128, (expected << SUM_BITS) - line[:, None], -unbounded).max(0)
    high = np.where(expected < 127, ((expected + 1) << SUM_BITS) - line[:, None], unbounded).min(0)
    if np.any(low >= high):
        return None
    low, high = np.maximum(low, high - (2 << SUM_BITS)), np.minimum(high, low + (2 << SUM_BITS))
    shares = (low + high - 1) >> 1
    if np.any(np.abs(shares) + np.abs(line).max() >= _WORD_LIMIT):
        return None
    return tuple(int(share) for share in shares)


def _real(factor: Multiplier) -> float:
    return factor[0] * 2.0 ** (factor[1] - 31)


def multiply_array(values: np.ndarray, factor: Multiplier) -> np.ndarray:
    """The interpreter's multiplication on arrays.

    Args:
        values: int64 that hold 32-bit values.
        factor: The multiplier.

    Returns:
        The rounded products, int64.
    """
    mantissa, shift = factor
    left, right = max(shift, 0), max(-shift, 0)
    wide = ((values << left) + (1 << 31)) % (1 << 32) - (1 << 31)
    high = (wide * mantissa + (1 << 30)) >> 31
    if right == 0:
        return high
    return (high + (1 << (right - 1)) - (high < 0)) >> right
