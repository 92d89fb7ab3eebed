"""Element-wise operators that Arm's CMSIS-NN computes."""

from __future__ import annotations

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit.addresses import SUFFIX
from firmware_gen.backends.aot.emit.cmsis_nn_memory import checked_kernel
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.loops import Nest
from firmware_gen.backends.aot.nodes import Binary, Program, WideLogistic
from firmware_gen.backends.aot.source import advance, looped, struct

_LARGEST_SIGMOID_SHIFT = 12


def computes(library: CmsisNn, program: Program, node: Binary) -> bool:
    """Whether Arm has a function for an operator on vectors of equal length, or on a number."""
    dtype = program.values[node.outputs[0]].dtype
    if node.kind in ("minimum", "maximum"):
        return dtype == "int8" and library.has(f"arm_{node.kind}_s8")
    if node.kind not in ("add", "mul") or node.table:
        return False
    # Left shifts of int16 sums and products may not fit Arm's 32 bits.
    right = all(shift <= 0 for _, shift in (node.a, node.b, node.out))
    name = f"arm_elementwise_{node.kind}_{SUFFIX[dtype]}"
    return library.has(name) and (dtype == "int8" or right)


def binary(library: CmsisNn, emitter: Emitter, node: Binary) -> list[str] | None:
    """A sum, product or extremum, or None where Arm has no function for it."""
    if not computes(library, emitter.program, node):
        return None
    if node.kind in ("minimum", "maximum"):
        return _extremum(emitter, node)
    return _pair(emitter, node)


def _vectors(loops: Nest) -> bool:
    """Whether a nest has more than one element per call."""
    return loops.count > 1 or not loops.loops


def _spots(emitter: Emitter, node: Binary, loops: Nest) -> list[str]:
    """Addresses of the operands and the output within loops."""
    return [
        f"{emitter.at(index)}{advance(loops.loops, place)}"
        for place, index in ((1, node.inputs[0]), (2, node.inputs[1]), (0, node.outputs[0]))
    ]


def _pair(emitter: Emitter, node: Binary) -> list[str] | None:
    """A sum or product of vectors; None where an operand is broadcast."""
    loops = emitter.nest(node.outputs[0], node.inputs, (True, True))
    if not _vectors(loops):
        return None
    a, b, y = (emitter.value(index) for index in (*node.inputs, *node.outputs))
    lines = struct(
        "imse_pair_cmsis_t",
        {
            "a_offset": -a.zero_point,
            "a_mantissa": node.a[0],
            "a_shift": node.a[1],
            "b_offset": -b.zero_point,
            "b_mantissa": node.b[0],
            "b_shift": node.b[1],
            "left_shift": multipliers.left_shift(y) if node.kind == "add" else 0,
            "out_offset": y.zero_point,
            "out_mantissa": node.out[0],
            "out_shift": node.out[1],
            "low": node.low,
            "high": node.high,
        },
    )
    kernel = checked_kernel(emitter, f"imse_{node.kind}_{SUFFIX[y.dtype]}_cmsis")
    call = f"{kernel}(&p, {', '.join(_spots(emitter, node, loops))}, {loops.count});"
    return lines + looped(loops.loops, [call])


def _extremum(emitter: Emitter, node: Binary) -> list[str] | None:
    """The smaller or larger ones of two vectors, or of a vector and a number."""
    loops = emitter.nest(node.outputs[0], node.inputs, (False, False))
    _, first, second = loops.steps
    if not _vectors(loops) or (first, second) not in ((1, 1), (0, 1), (1, 0)):
        return None
    a, b, out = _spots(emitter, node, loops)
    kernel = checked_kernel(emitter, f"imse_{node.kind}_s8_cmsis")
    return looped(loops.loops, [f"{kernel}({a}, {first}, {b}, {second}, {out}, {loops.count});"])


def wide_logistic(library: CmsisNn, emitter: Emitter, node: WideLogistic) -> list[str] | None:
    """Sigmoid of int16 values, whose scale Arm takes to be a power of two; else None."""
    factor, remainder = divmod(node.factor, 3)
    exponent = factor.bit_length() - 1
    shift = exponent - node.shift
    if remainder or factor != 1 << exponent or shift > _LARGEST_SIGMOID_SHIFT:
        return None
    # Before CMSIS-NN 6 there is no status, nor are there right shifts.
    if not library.mentions("arm_nn_activation_s16", "arm_cmsis_nn_status"):
        return None
    return emitter.vector(node, checked_kernel(emitter, "imse_logistic_s16_cmsis"), str(shift))
