"""Double-precision instructions against numpy, executed by a compiled program."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from targets.emulators.unicorn import UnicornMachine
from targets.loader import load_target

pytestmark = pytest.mark.emulator


def integer(value: float, low: int, high: int) -> float:
    """What VCVT makes of a number: towards zero, saturated, not a number is 0."""
    if math.isnan(value):
        return 0.0
    return float(min(max(math.trunc(min(max(value, -1e12), 1e12)), low), high))


def away(value: np.float64) -> float:
    """To the nearest integer, halves away from zero."""
    if not np.isfinite(value) or abs(value) >= 2.0**52:
        return float(value)
    whole = math.floor(Fraction(abs(float(value))) + Fraction(1, 2))
    return math.copysign(whole, value)


def expected(a: float, b: float) -> list[float]:
    x, y = np.float64(a), np.float64(b)
    with np.errstate(all="ignore"):
        fused = np.float64(0.75) + x * y
        if math.isfinite(float(fused)):
            fused = np.float64(float(Fraction(3, 4) + Fraction(a) * Fraction(b)))
        order = 1.0 if a < b else 2.0 if a == b else 3.0 if a > b else 4.0
        return [
            *(x + y, x - y, x * y, x / y, np.sqrt(abs(x)), -x, fused),
            # GT is the only order in which an unordered pair takes the second branch.
            a if a > b else b,
            np.float64(np.float32(x)),
            integer(b, -(2**31), 2**31 - 1),
            integer(abs(b), 0, 2**32 - 1),
            order,
            *(away(x), np.ceil(x), integer(float(np.floor(np.float64(b))), -(2**31), 2**31 - 1)),
        ]


def test_results_equal_numpy(build_program: Callable[..., Path]) -> None:
    machine = UnicornMachine(load_target("stm32h7"), build_program("doubles"))
    transport = machine.transport()
    generator = random.Random(5)
    special = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        math.inf,
        -math.inf,
        math.nan,
        5e-324,
        1e300,
        2.0**31,
        0.1,
        2.5,
    ]
    special += [-0.5, 0.49999999999999994]
    pairs = [(a, b) for a in special for b in special]
    pairs += [(generator.gauss(0, 1e5), generator.gauss(0, 1e3)) for _ in range(100)]
    for a, b in pairs:
        transport.write(struct.pack("<dd", a, b))
        found = struct.unpack("<15d", transport.read(0.0))
        for index, (got, want) in enumerate(zip(found, expected(a, b), strict=True)):
            same = (
                math.isnan(got)
                if math.isnan(want)
                else struct.pack("<d", got) == struct.pack("<d", float(want))
            )
            assert same, (a, b, index, got, want)
