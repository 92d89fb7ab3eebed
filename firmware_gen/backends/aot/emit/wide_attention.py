"""What the kernels of linear attention and rotations on int16 values have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from firmware_gen.backends.aot.emit.dsp_packing import wide_factor
from firmware_gen.backends.aot.linear import multiply_array
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES
from firmware_gen.backends.aot.nodes import (
    MatMul,
    Multiplier,
    Program,
    Turn,
    WideAttend,
    WideRotate,
)

HEAD = 8
"""Channels of a head, IMSE_HEAD_S16 and IMSE_HEAD_MVE."""

_AGAIN, _JOINS, _SWAPPED = 1, 2, 4  # IMSE_ROTATE_…
_INT16 = np.arange(-32768, 32768, dtype=np.int64)
_NEARLY_HALF = ((1 << 31) - 1, -1)  # has a right shift, and the same shares as EXACT_HALF


def suits(program: Program, node: WideAttend) -> bool:
    """Whether shapes and types are those of the kernels."""
    values = program.values
    queries, matrix, plain, sums, mean = (values[index] for index in node.inputs)
    heads = node.numerator.blocks
    channels = heads * HEAD
    products = (node.numerator, node.normaliser)
    scaled = (node.first, node.second, node.weighted, node.away, node.result)
    return (
        queries.shape == (1, queries.shape[-2], channels)
        and (matrix.shape, plain.shape) == ((1, channels, channels), queries.shape)
        and sums.shape in ((1, channels, heads), (1, channels, channels))
        and mean.shape[-1:] == (channels,)
        and mean.elements == channels
        and values[node.outputs[0]].shape == queries.shape
        and not any(part.transpose_a or part.transpose_b for part in products)
        and all(values[index].data is None for index in node.inputs)
        and all(values[i].dtype == "int16" for i in (*node.inputs, *node.outputs))
        and all((part.low, part.high) == RANGES["int16"] for part in scaled)
        and _sum_shares(node)[1] == EXACT_HALF
    )


def sum_scale(product: MatMul, channels: int) -> tuple[int, int] | None:
    """Factor and shift of a product's sums, ``imse_sum_scale…``; None where they do not fit."""
    factor = wide_factor(product.out, channels)
    return factor if factor is not None and 1 <= factor[1] <= 31 else None


def shares(node: WideAttend) -> dict[str, Multiplier]:
    """Multipliers of the operands of difference and sum, with right shifts as far as can be."""
    found = {
        "away_share": node.away.a,
        "mean_share": node.away.b,
        "sum_share": _sum_shares(node)[0],
    }
    return {name: _right_share(factor) for name, factor in found.items()}


@dataclass(frozen=True)
class TurnRounding:
    """How the rotation of a pair of channels rounds.

    Attributes:
        factors: Multipliers by member of the kernels' parameters.
        steps: What it takes besides two products and their sum, ``IMSE_ROTATE_…``.
    """

    factors: dict[str, Multiplier]
    steps: int


def turn_rounding(node: WideRotate, turn: Turn) -> TurnRounding | None:
    """How a pair is rotated, or None where that does not suit the kernels."""
    swapped = node.result.a != EXACT_HALF
    big, small = (node.result.b, node.result.a) if swapped else (node.result.a, node.result.b)
    sums = (node.joined, node.result, turn.straight, turn.crossed)
    if big != EXACT_HALF or any((part.low, part.high) != RANGES["int16"] for part in sums):
        return None
    steps = _SWAPPED if swapped else 0
    factors = {
        "straight": turn.straight.out,
        "crossed": turn.crossed.out,
        "share": _right_share(small),
        "result": node.result.out,
    }
    if turn.again is not None:
        steps += _AGAIN
        factors["again"] = turn.again[1]
    if not _changes_nothing(turn.share, node.joined.out):
        steps += _JOINS
        factors["gathered"] = _right_share(turn.share)
        factors["joined"] = node.joined.out
    return TurnRounding(factors, steps)


def turn_loops(
    shape: tuple[int, ...], pairs: int, into: Sequence[int], out: Sequence[int], angle: int
) -> list[Loop]:
    """Loops around the kernel of one turn: rows, and pairs that turn alike.

    Args:
        shape: Of the value, ``(1, rows, columns, channels)``.
        pairs: Turns of a row of channels before they repeat.
        into: Strides of the input.
        out: Strides of the result.
        angle: Elements from the angle of one row to the next one's.

    Returns:
        The loops, with steps of result, input and angle.
    """
    _, rows, _, channels = shape
    width = 2 * pairs
    return [
        Loop(rows, (out[1], into[1], angle)),
        Loop(channels // width, (width, width, 0)),
    ]


@cache
def _changes_nothing(share: Multiplier, out: Multiplier) -> bool:
    """Whether the sum of a value and 0 is the value, for all values."""
    alone = multiply_array(multiply_array(_INT16 << 15, share), out)
    return bool(np.array_equal(alone, _INT16))


def _right_share(factor: Multiplier) -> Multiplier:
    """One half as a multiplier with a right shift, or any other as it is."""
    return _NEARLY_HALF if factor == EXACT_HALF else factor


def _sum_shares(node: WideAttend) -> tuple[Multiplier, Multiplier]:
    """Multipliers in the sum: of the attended values, and of the weighted difference."""
    result = node.result
    attended_first = result.inputs[0] == node.second.outputs[0]
    return (result.a, result.b) if attended_first else (result.b, result.a)
