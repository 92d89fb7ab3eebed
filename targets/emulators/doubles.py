"""Double-precision FPU instructions, which Unicorn's Cortex-M7 does not have.

Unicorn models the single-precision FPU only and reports the rest as undefined. Compilers for a
core with an ``fpv5-d16`` FPU use double-precision instructions wherever a program says ``double``,
so the machine hands undefined instructions to this module, which executes them one by one in IEEE
arithmetic. Rounding is to nearest, exception flags are not modelled.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import numpy as np

_SIGN = 1 << 63


class FpuRegisters(Protocol):
    """Register access of the emulated processor."""

    def read_s(self, index: int) -> int:
        """Bits of a single-precision register."""

    def write_s(self, index: int, bits: int) -> None:
        """Set a single-precision register."""

    def read_d(self, index: int) -> int:
        """Bits of a double-precision register."""

    def write_d(self, index: int, bits: int) -> None:
        """Set a double-precision register."""

    def set_compare_flags(self, nzcv: int) -> None:
        """Set FPSCR's N, Z, C and V."""

    def condition(self, code: int) -> bool:
        """Whether a condition code of the processor's flags holds."""


def _value(bits: int) -> np.float64:
    return np.frombuffer(struct.pack("<Q", bits), np.float64)[0]


def _bits(value: float | np.floating) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", float(value)))[0])


def _single(bits: int) -> np.float32:
    return np.frombuffer(struct.pack("<I", bits), np.float32)[0]


def _single_bits(value: np.float32) -> int:
    return int(struct.unpack("<I", struct.pack("<f", float(value)))[0])


def fused(addend: float, a: float, b: float) -> float:
    """``addend + a * b`` with one rounding."""
    if not all(map(math.isfinite, (addend, a, b))) or addend == 0.0:
        with np.errstate(all="ignore"):
            return float(np.float64(addend) + np.float64(a) * np.float64(b))
    exact = Fraction(addend) + Fraction(a) * Fraction(b)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _to_integer(value: np.float64, *, signed: bool, truncate: bool) -> int:
    if np.isnan(value):
        return 0
    low, high = (-(2**31), 2**31 - 1) if signed else (0, 2**32 - 1)
    if np.isinf(value):
        return (high if value > 0 else low) & 0xFFFF_FFFF
    rounded = math.trunc(value) if truncate else round(float(value))
    return min(max(rounded, low), high) & 0xFFFF_FFFF


def _immediate(word: int) -> int:
    """Bits of VMOV's 8-bit immediate as a double (Arm ARM, VFPExpandImm)."""
    imm = word >> 12 & 0xF0 | word & 0xF
    sign, exponent = imm >> 7, imm >> 6 & 1
    high = sign << 15 | (1 - exponent) << 14 | (0xFF if exponent else 0) << 6 | imm & 0x3F
    return high << 48


def _arithmetic(opcode: int, d: float, n: float, m: float) -> float | None:
    """Three-operand instructions by their bits 23, 21, 20 and 6."""
    operations: dict[int, Callable[[], float]] = {
        0b0000: lambda: d + n * m,  # VMLA
        0b0001: lambda: d - n * m,  # VMLS
        0b0010: lambda: -d + n * m,  # VNMLS
        0b0011: lambda: -d - n * m,  # VNMLA
        0b0100: lambda: n * m,  # VMUL
        0b0101: lambda: -(n * m),  # VNMUL
        0b0110: lambda: n + m,  # VADD
        0b0111: lambda: n - m,  # VSUB
        0b1000: lambda: n / m,  # VDIV
        0b1010: lambda: fused(-d, n, m),  # VFNMS
        0b1011: lambda: fused(-d, -n, m),  # VFNMA
        0b1100: lambda: fused(d, n, m),  # VFMA
        0b1101: lambda: fused(d, -n, m),  # VFMS
    }
    operation = operations.get(opcode)
    return None if operation is None else operation()


def _compare(a: np.float64, b: np.float64) -> int:
    if np.isnan(a) or np.isnan(b):
        return 0b0011
    if a == b:
        return 0b0110
    return 0b1000 if a < b else 0b0010


def _convert_or_move(word: int, fpu: FpuRegisters) -> bool:
    """Two-operand instructions: bits 19..16 and 7 select."""
    kind, high = word >> 16 & 0xF, bool(word & 0x80)
    d_index = word >> 12 & 0xF | (word >> 22 & 1) << 4
    m_index = word & 0xF | (word >> 5 & 1) << 4
    s_dest, s_source = (word >> 12 & 0xF) << 1 | word >> 22 & 1, (word & 0xF) << 1 | word >> 5 & 1
    if not word & 0x100:
        if kind == 0b0111 and high:  # VCVT.F64.F32
            fpu.write_d(d_index, _bits(np.float64(_single(fpu.read_s(s_source)))))
            return True
        return False
    if kind == 0b1000:  # VCVT.F64.S32, VCVT.F64.U32
        integer = fpu.read_s(s_source)
        if high and integer >> 31:
            integer -= 1 << 32
        fpu.write_d(d_index, _bits(float(integer)))
        return True
    source = fpu.read_d(m_index)
    value = _value(source)
    if kind in (0b0100, 0b0101):  # VCMP, VCMPE, with zero
        other = np.float64(0.0) if kind == 0b0101 else value
        fpu.set_compare_flags(_compare(_value(fpu.read_d(d_index)), other))
        return True
    if kind in (0b1100, 0b1101):  # VCVT, VCVTR to integer
        fpu.write_s(s_dest, _to_integer(value, signed=kind == 0b1101, truncate=high))
        return True
    if kind == 0b0111 and high:  # VCVT.F32.F64
        with np.errstate(all="ignore"):
            fpu.write_s(s_dest, _single_bits(np.float32(value)))
        return True
    return _unary(kind, high, d_index, source, fpu)


def _unary(kind: int, high: bool, d_index: int, source: int, fpu: FpuRegisters) -> bool:
    value = _value(source)
    results: dict[tuple[int, bool], Callable[[], int]] = {
        (0b0000, False): lambda: source,  # VMOV
        (0b0000, True): lambda: source & ~_SIGN,  # VABS
        (0b0001, False): lambda: source ^ _SIGN,  # VNEG
        (0b0001, True): lambda: _bits(np.sqrt(value)),  # VSQRT
        (0b0110, False): lambda: _bits(np.rint(value)),  # VRINTR
        (0b0110, True): lambda: _bits(np.trunc(value)),  # VRINTZ
        (0b0111, False): lambda: _bits(np.rint(value)),  # VRINTX
    }
    result = results.get((kind, high))
    if result is None:
        return False
    with np.errstate(all="ignore"):
        fpu.write_d(d_index, result())
    return True


def _to_nearest_away(value: np.float64) -> np.float64:
    whole = np.trunc(value)
    if abs(value - whole) >= 0.5:
        whole += np.copysign(1.0, value)
    return np.float64(np.copysign(whole, value))


def _round(word: int, source: int, fpu: FpuRegisters) -> bool:
    """VRINTA, VRINTN, VRINTP, VRINTM and VCVTA, VCVTN, VCVTP, VCVTM to integer."""
    if word >> 19 & 0b10111 != 0b10111 or not word & 0x40:
        return False
    rounding: tuple[Callable[[np.float64], np.float64], ...] = (
        _to_nearest_away,
        np.rint,
        np.ceil,
        np.floor,
    )
    with np.errstate(all="ignore"):
        value = rounding[word >> 16 & 3](_value(source))
    if word & 1 << 18:
        s_dest = (word >> 12 & 0xF) << 1 | word >> 22 & 1
        fpu.write_s(s_dest, _to_integer(value, signed=bool(word & 0x80), truncate=True))
        return True
    if word & 0x80:
        return False
    fpu.write_d(word >> 12 & 0xF | (word >> 22 & 1) << 4, _bits(value))
    return True


def _select(word: int, fpu: FpuRegisters) -> bool:
    """VSEL, VMAXNM and VMINNM; rounding and conversion with a mode of their own."""
    d_index = word >> 12 & 0xF | (word >> 22 & 1) << 4
    n = fpu.read_d(word >> 16 & 0xF | (word >> 7 & 1) << 4)
    m = fpu.read_d(word & 0xF | (word >> 5 & 1) << 4)
    if not word & 1 << 23:
        if word & 0x40:
            return False
        code = (0b0000, 0b0110, 0b1010, 0b1100)[word >> 20 & 3]  # EQ, VS, GE, GT
        fpu.write_d(d_index, n if fpu.condition(code) else m)
        return True
    if word >> 20 & 3:
        return _round(word, m, fpu)
    a, b = _value(n), _value(m)
    fpu.write_d(d_index, _bits(np.fmin(a, b) if word & 0x40 else np.fmax(a, b)))
    return True


def execute(word: int, fpu: FpuRegisters) -> bool:
    """Execute one instruction.

    Args:
        word: The 32-bit Thumb instruction, first halfword on top.
        fpu: The processor's registers.

    Returns:
        False if it is no double-precision instruction known here.
    """
    double = word >> 8 & 0xF == 0b1011 and not word & 0x10
    if word >> 24 == 0xFE and double:
        return _select(word, fpu)
    if word >> 24 != 0xEE or word >> 9 & 7 != 0b101 or word & 0x10:
        return False
    opcode = (word >> 23 & 1) << 3 | (word >> 20 & 3) << 1 | word >> 6 & 1
    if opcode == 0b1111:
        return _convert_or_move(word, fpu)
    if not double:
        return False
    d_index = word >> 12 & 0xF | (word >> 22 & 1) << 4
    if opcode == 0b1110:
        if word & 0xA0:
            return False
        fpu.write_d(d_index, _immediate(word))
        return True
    n_index = word >> 16 & 0xF | (word >> 7 & 1) << 4
    m_index = word & 0xF | (word >> 5 & 1) << 4
    with np.errstate(all="ignore"):
        d, n, m = (_value(fpu.read_d(index)) for index in (d_index, n_index, m_index))
        result = _arithmetic(opcode, d, n, m)
    if result is None:
        return False
    fpu.write_d(d_index, _bits(result))
    return True
