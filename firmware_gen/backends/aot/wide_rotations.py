"""Rotations of int16 values by the index of a row and of a column, as position codes need them.

A value times a cosine plus its neighbour times a sine, where the neighbour comes from a convolution
that only swaps channels and signs, and where angles of rows and columns are applied one after the
other: every channel has an angle of one kind only, the other one's cosine changes nothing and its
sine is zero. One node reads the int8 value that all of it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from firmware_gen.backends.aot.fold import kept_values, readers_of
from firmware_gen.backends.aot.linear import multiply_array
from firmware_gen.backends.aot.multipliers import RANGES
from firmware_gen.backends.aot.nodes import (
    Binary,
    Convolution,
    Multiplier,
    Node,
    Program,
    Table,
    Turn,
    WideRotate,
)
from firmware_gen.backends.fixedpoint import clamp, multiply

Tables = tuple[tuple[int, ...], tuple[int, ...]]
_INT16 = np.arange(-32768, 32768, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Product:
    """A product with constants that go by the index of one axis.

    Attributes:
        node: The product.
        source: What is multiplied.
        axis: The axis, 1 or 2.
        factors: ``[index][channel]``.
    """

    node: Binary
    source: int
    axis: int
    factors: np.ndarray

    def of_pair(self, channel: int) -> tuple[int, ...] | None:
        """Factors of two neighbouring channels by index, or None where they differ."""
        pair = self.factors[:, channel : channel + 2]
        return None if np.any(pair[:, :1] != pair) else tuple(int(value) for value in pair[:, 0])


@cache
def _is_neutral(factor: int, out: Multiplier) -> bool:
    """Whether a product with a constant is the value itself, for all values."""
    return np.array_equal(multiply_array(_INT16 * factor, out), _INT16)


def fuse_wide_rotations(program: Program, accepts: Callable[[Program, WideRotate], bool]) -> None:
    """Make one node of every rotation of int16 values, in place.

    Args:
        program: The program, before chains.
        accepts: Whether the kernel set has it.
    """
    kept = kept_values(program)
    readers = readers_of(program)
    producers = {n.outputs[0]: n for n in program.nodes if kept.isdisjoint(n.outputs)}
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        if not isinstance(node, Binary) or node.kind != "add":
            continue
        for order in (node, replace(node, inputs=node.inputs[::-1], a=node.b, b=node.a)):
            found, inside = _rotation(program, order, producers)
            whole = {*inside, node}
            alone = all(whole.issuperset(readers[part.outputs[0]]) for part in inside)
            if found is not None and alone and accepts(program, found):
                fused.update(dict.fromkeys(inside))
                fused[node] = found
                break
    nodes = [fused.get(node, node) for node in program.nodes]
    kept.update(index for node in nodes if node is not None for index in node.inputs)
    program.nodes = [
        node
        for node in nodes
        if node is not None and not (isinstance(node, Table) and node.outputs[0] not in kept)
    ]


def _rotation(
    program: Program, result: Binary, producers: dict[int, Node]
) -> tuple[WideRotate | None, list[Node]]:
    """A rotation whose straight products are the first operand of a sum, and what it replaces."""
    outer, joined = (producers.get(index) for index in result.inputs)
    last = _product(program, outer)
    first = _product(program, producers.get(last.source)) if last is not None else None
    if last is None or first is None or not isinstance(joined, Binary) or joined.kind != "add":
        return None, []
    crossed = [_product(program, producers.get(index)) for index in joined.inputs]
    one, two = crossed
    if one is None or two is None or one.source != two.source:
        return None, []
    plain, behind = producers.get(first.source), producers.get(one.source)
    swap = producers.get(behind.inputs[0]) if isinstance(behind, Table) else None
    if not isinstance(plain, Table) or not isinstance(behind, Table):
        return None, []
    if not isinstance(swap, Convolution) or swap.inputs != plain.inputs:
        return None, []
    turned = _turned(program, swap, behind)
    turns = _turns(plain.table, (first, last), (one, two), joined)
    if turned is None or not turns:
        return None, []
    node = WideRotate(
        label=f"{swap.label} to {result.label}",
        inputs=plain.inputs,
        outputs=result.outputs,
        turned=turned,
        turns=turns,
        joined=joined,
        result=result,
    )
    return node, [swap, behind, one.node, two.node, joined, first.node, last.node]


def _product(program: Program, node: Node | None) -> _Product | None:
    """A product of an int16 value with constants by row or by column."""
    if not isinstance(node, Binary) or node.kind != "mul":
        return None
    if (node.low, node.high) != RANGES["int16"]:
        return None
    shape = program.values[node.outputs[0]].shape
    for source, factor in (node.inputs, node.inputs[::-1]):
        data, x = program.values[factor].data, program.values[source]
        if data is None or x.shape != shape or x.dtype != "int16" or len(shape) != 4:
            continue
        for axis in (1, 2):
            wanted = tuple(n if i in (axis, 3) else 1 for i, n in enumerate(shape))
            if data.shape == wanted and shape[0] == 1 and shape[axis] > 1:
                return _Product(node, source, axis, data.reshape(shape[axis], shape[3]))
    return None


def _turned(program: Program, swap: Convolution, behind: Table) -> Tables | None:
    """Tables of a convolution that swaps neighbours, with the operator behind it."""
    x, y = program.values[swap.inputs[0]], program.values[swap.outputs[0]]
    channels = x.shape[-1]
    weights = swap.weights.reshape(swap.weights.shape[0], -1)
    places = np.arange(channels) ^ 1
    if (
        swap.depthwise
        or swap.tables
        or channels % 2
        or swap.kernel != (1, 1)
        or swap.strides != (1, 1)
        or weights.shape != (channels, channels)
        or np.count_nonzero(weights) != channels
    ):
        return None

    def table(channel: int) -> tuple[int, ...]:
        weight = int(weights[channel, places[channel]])
        sums = (weight * (q - x.zero_point) + swap.bias[channel] for q in range(-128, 128))
        values = (multiply(total, swap.multipliers[channel]) + y.zero_point for total in sums)
        return tuple(behind.table[clamp(value, swap.low, swap.high) + 128] for value in values)

    tables = [table(channel) for channel in range(channels)]
    if not np.all(weights[np.arange(channels), places]):
        return None
    even, odd = set(tables[::2]), set(tables[1::2])
    return (even.pop(), odd.pop()) if len(even) == len(odd) == 1 else None


def _turns(
    plain: tuple[int, ...],
    straight: tuple[_Product, _Product],
    crossed: tuple[_Product, _Product],
    joined: Binary,
) -> tuple[Turn, ...]:
    """How the pairs of channels turn, as often as it takes until they repeat; or nothing."""
    cosines = {part.axis: part for part in straight}
    sines = {part.axis: part for part in crossed}
    shares = {crossed[0].axis: joined.a, crossed[1].axis: joined.b}
    if len(cosines) != 2 or len(sines) != 2:
        return ()
    turns = []
    for channel in range(0, crossed[0].factors.shape[1], 2):
        turning = [axis for axis in sines if any(sines[axis].of_pair(channel) or (1,))]
        if len(turning) != 1:
            return ()
        (axis,) = turning
        cosine, sine = cosines[axis].of_pair(channel), sines[axis].of_pair(channel)
        other = cosines[3 - axis]
        constant = set(other.of_pair(channel) or ())
        if cosine is None or sine is None or len(constant) != 1:
            return ()
        (factor,) = constant
        before = other is straight[0]
        again = (factor, other.node.out)
        turns.append(
            Turn(
                axis=axis,
                plain=tuple(_scaled(q, *again) for q in plain) if before else plain,
                cosines=cosine,
                sines=sine,
                straight=cosines[axis].node,
                again=None if before or _is_neutral(*again) else again,
                crossed=sines[axis].node,
                share=shares[axis],
            )
        )
    return _period(turns)


def _scaled(value: int, factor: int, out: Multiplier) -> int:
    return clamp(multiply(value * factor, out), *RANGES["int16"])


def _period(turns: list[Turn]) -> tuple[Turn, ...]:
    """The first turns, without those that repeat them."""
    keys = [(turn.axis, turn.cosines, turn.sines) for turn in turns]
    sizes = (n for n in range(1, len(keys) + 1) if len(keys) % n == 0)
    size = next(n for n in sizes if keys == keys[:n] * (len(keys) // n))
    return tuple(turns[:size])
