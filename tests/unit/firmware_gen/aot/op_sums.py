"""Matrix products, means and pooling with random shapes and parameters."""

from __future__ import annotations

from aot_harness import GraphBuilder, TensorNode
from op_elementwise import wide_pair


def matmul(b: GraphBuilder) -> TensorNode:
    r = b.rng
    rows, depth, cols, heads = (int(r.integers(1, 9)) for _ in range(4))
    adj_x, adj_y = bool(r.integers(2)), bool(r.integers(2))
    one = bool(r.integers(3) == 0)
    first = (1, heads, depth, rows) if adj_x else (1, heads, rows, depth)
    count = 1 if one else heads
    second = (1, count, cols, depth) if adj_y else (1, count, depth, cols)
    sizes = [heads * rows * depth, count * depth * cols]
    parts = b.split(b.input((1, 1, 1, sum(sizes))), sizes, 3)
    a = b.requant(b.reshape(parts[0], first))
    c = b.requant(b.reshape(parts[1], second))
    scale = a.scales[0] * c.scales[0] * 60 * depth**0.5
    y = b.tensor((1, heads, rows, cols), scale=scale)
    return b.op("BATCH_MATMUL", [a, c], y, adjX=adj_x, adjY=adj_y)


def wide_matmul(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 2, 6, 6))
    y = b.tensor((1, 2, 6, 6), "int16", a.scales[0] * c.scales[0] * 40000)
    adj = bool(b.rng.integers(2)), bool(b.rng.integers(2))
    return b.op("BATCH_MATMUL", [a, c], y, adjX=adj[0], adjY=adj[1])


def mean(b: GraphBuilder) -> TensorNode:
    r = b.rng
    shape = tuple(int(n) for n in r.integers(2, 9, 4))
    axes = [[1], [2], [3], [1, 2], [2, 3], [-1], [1, 2, 3]][int(r.integers(7))]
    keep = bool(r.integers(2))
    x = b.input((1, *shape[1:]))
    positive = [axis % 4 for axis in axes]
    out = [1 if i in positive else n for i, n in enumerate(x.shape) if keep or i not in positive]
    y = b.tensor(out, scale=0.02)
    return b.op("MEAN", [x, b.ints(axes)], y, keepDims=keep)


def mean_of_part(b: GraphBuilder) -> TensorNode:
    """The reduced rows lie in a wider image: its border, or channels of others."""
    r = b.rng
    x = b.input((1, 4, 6, 8))
    first, second = b.split(x, [4, 4], 3)
    image = b.pad(first, [(0, 0), (1, 1), (2, 2), (0, 0)])
    inside = b.strided_slice(image, [0, 1, 2, 0], [1, 5, 8, 4])
    part = inside if r.integers(2) else second
    y = b.tensor((1, 1, 1, 4), scale=0.02)
    means = b.op("MEAN", [part, b.ints([1, 2])], y, keepDims=True)
    return b.binary("ADD", b.requant(image), means)


def wide_mean(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 3, 4, 8))
    del c
    axes = [[1, 2], [3], [1]][int(b.rng.integers(3))]
    out = [1 if i in axes else n for i, n in enumerate(a.shape)]
    return b.op("MEAN", [a, b.ints(axes)], b.tensor(out, "int16", a.scales[0] / 2), keepDims=True)


def mean_of_table(b: GraphBuilder) -> TensorNode:
    """A mean of int16 values that come from int8 ones, by rows, columns or channels."""
    r = b.rng
    x = b.input((1, int(r.integers(2, 6)), int(r.integers(2, 9)), int(r.choice([3, 6, 8, 12]))))
    wide = b.requant(x, "int16", x.scales[0] / 100, 0)
    axes = [[1, 2], [3], [1], [2, 3]][int(r.integers(4))]
    out = [1 if i in axes else n for i, n in enumerate(x.shape)]
    y = b.tensor(out, "int16", wide.scales[0] * float(r.uniform(0.3, 1.2)))
    return b.op("MEAN", [wide, b.ints(axes)], y, keepDims=True)


def average_pool(b: GraphBuilder) -> TensorNode:
    r = b.rng
    channels = int(r.choice([4, 5, 12]))
    x = b.input((1, 6, 9, channels))
    same = bool(r.integers(2))
    filt, stride = [int(n) for n in r.integers(1, 4, 2)], [int(n) for n in r.integers(1, 3, 2)]
    size = [
        -(-n // s) if same else (n - k) // s + 1
        for n, k, s in zip((6, 9), filt, stride, strict=True)
    ]
    return b.op(
        "AVERAGE_POOL_2D",
        [x],
        b.like(x, (1, *size, channels)),
        padding=0 if same else 1,
        strideH=stride[0],
        strideW=stride[1],
        filterHeight=filt[0],
        filterWidth=filt[1],
        fusedActivationFunction=int(r.choice([0, 1])),
    )
