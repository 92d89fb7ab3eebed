"""Fixed-point arithmetic against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from firmware_gen.backends import fixedpoint
from firmware_gen.backends.aot.loops import collapse, nest

INT32 = st.integers(-(1 << 31) + 1, (1 << 31) - 1)
MANTISSA = st.integers(1 << 30, (1 << 31) - 1)


@given(INT32, MANTISSA)
def test_high_multiply_rounds_to_nearest_halves_up(a: int, b: int) -> None:
    exact = Fraction(a * b, 1 << 31)
    assert fixedpoint.doubling_high_multiply(a, b) == math.floor(exact + Fraction(1, 2))


@given(INT32, st.integers(1, 31))
def test_divide_rounds_halves_away_from_zero(value: int, exponent: int) -> None:
    exact = Fraction(abs(value), 1 << exponent)
    rounded = math.floor(exact + Fraction(1, 2))
    result = fixedpoint.rounding_divide_by_power(value, exponent)
    assert result == (rounded if value >= 0 else -rounded)


@given(st.floats(1e-9, 1e6))
def test_multiplier_is_within_half_a_unit(real: float) -> None:
    mantissa, shift = fixedpoint.quantize_multiplier(real)
    assert 1 << 30 <= mantissa < 1 << 31
    assert abs(mantissa * 2.0 ** (shift - 31) - real) <= real * 2.0**-31


@given(st.integers(2, 32767))
def test_inverse_square_root(value: int) -> None:
    mantissa, shift = fixedpoint.inverse_square_root(value)
    assert math.isclose(mantissa * 2.0 ** (shift - 31), value**-0.5, rel_tol=3e-6)


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_logistic(value: int) -> None:
    result = fixedpoint.logistic(value, 4) / (1 << 31)
    assert math.isclose(result, 1 / (1 + math.exp(-value / (1 << 27))), abs_tol=1e-6)


@given(st.integers(-127, 127), MANTISSA, st.integers(1, 22), st.integers(-(1 << 22), 1 << 22))
def test_fast_rounding_equals_double_rounding(
    point: int, mantissa: int, shift: int, value: int
) -> None:
    """What the DSP kernels do in three instructions."""
    twice, add = 2 * value, (1 << (shift - 1)) + (point << shift)
    high = add + ((twice * mantissa + (1 << 31)) >> 32)
    fast = (high + (twice >> 31)) >> shift
    assert fast == fixedpoint.multiply(value, (mantissa, -shift)) + point


def test_loops_merge_where_every_operand_is_dense() -> None:
    loops = collapse((2, 3, 4), ((12, 4, 1), (0, 4, 1)))
    assert [(loop.extent, loop.steps) for loop in loops] == [(2, (12, 0)), (12, (1, 1))]
    strided = nest((2, 3, 4), ((24, 8, 1), (12, 4, 1)), (True, True))
    assert (strided.count, len(strided.loops)) == (4, 1)
    gathered = nest((3, 4), ((4, 1), (1, 3)), (True, True))
    assert gathered.count == 1
