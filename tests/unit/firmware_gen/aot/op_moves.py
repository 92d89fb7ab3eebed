"""Operators that only move values."""

from __future__ import annotations

from aot_harness import GraphBuilder, TensorNode
from op_elementwise import wide_pair


def moves(b: GraphBuilder) -> TensorNode:
    r = b.rng
    x = b.input((1, 4, 6, 10))
    choice = int(r.integers(6))
    if choice == 0:
        return b.transpose(x, tuple(int(i) for i in r.permutation(4)))
    if choice == 1:
        return b.pad(x, [(0, 0), (1, 2), (3, 0), (0, 0)])
    if choice == 2:
        return b.pad(x, [(0, 0), (0, 0), (1, 1), (2, 1)])
    if choice == 3:
        return b.strided_slice(x, [0, 1, 0, 2], [1, 4, 6, 9], [1, 2, 3, 2])
    parts = b.split(x, [3, 2, 5], 3)
    if choice == 4:
        return b.concat([parts[2], b.requant(parts[1], "int8", *_same(x)), parts[0]], 3)
    tail = b.op("SLICE", [x, b.ints([0, 1, 2, 0]), b.ints([1, 2, 3, 10])], b.like(x, (1, 2, 3, 10)))
    return b.concat([tail, b.transpose(b.transpose(tail, (0, 2, 1, 3)), (0, 2, 1, 3))], 2)


def _same(x: TensorNode) -> tuple[float, int]:
    return x.scales[0], x.zero_points[0]


def wide_moves(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 3, 4, 8))
    y = b.transpose(b.reshape(a, (1, 4, 3, 8)), (0, 2, 1, 3))
    return b.binary("ADD", b.transpose(y, (0, 3, 1, 2)), b.reshape(c, (1, 8, 3, 4)))


def depth_to_space(b: GraphBuilder) -> TensorNode:
    r = b.rng
    block, depth = int(r.integers(2, 4)), int(r.integers(1, 5))
    x = b.input((1, int(r.integers(1, 4)), int(r.integers(1, 6)), block * block * depth))
    shape = (1, x.shape[1] * block, x.shape[2] * block, depth)
    return b.op("DEPTH_TO_SPACE", [x], b.like(x, shape), blockSize=block)
