"""Operators in a row that kernels take together."""

from __future__ import annotations

import numpy as np
from aot_harness import GraphBuilder, TensorNode
from op_elementwise import wide_pair


def fused_prelu(b: GraphBuilder) -> TensorNode:
    """A convolution whose results go through one table per channel."""
    r = b.rng
    channels, depth = 2 * int(r.integers(1, 8)), int(r.integers(1, 14))
    y = b.conv(b.input((1, 2, int(r.integers(5, 12)), depth)), channels, (1, int(r.choice([1, 3]))))
    slopes = r.integers(-128, 128, (1, 1, channels)).astype("int8")
    alpha = b.constant(slopes, [0.004], int(r.integers(-5, 5)))
    return b.op("PRELU", [y, alpha], b.tensor(y.shape))


def fused_table(b: GraphBuilder) -> TensorNode:
    """A convolution whose results go through one table."""
    r = b.rng
    depth, channels = int(r.integers(1, 20)), 2 * int(r.integers(1, 6))
    y = b.conv(b.input((1, 1, int(r.integers(3, 10)), depth)), channels)
    return b.unary(str(r.choice(["ELU", "QUANTIZE"])), y)


def fused_gate(b: GraphBuilder) -> TensorNode:
    """A product that looks up one operand."""
    r = b.rng
    width = int(r.integers(1, 11))
    x = b.input((1, 2, 9, 2 * width))
    first, second = b.split(x, [width, width], 3)
    gate = b.unary("HARD_SWISH", first, x.scales[0] * float(r.uniform(0.3, 2.0)))
    order = (gate, second) if r.integers(2) else (second, gate)
    return b.binary("MUL", *order, scale=x.scales[0] * gate.scales[0] * 60)


def shared_table(b: GraphBuilder) -> TensorNode:
    """A convolution's result that is read twice stays in memory."""
    y = b.conv(b.input((1, 1, 9, 8)), 8)
    return b.binary("MUL", b.unary("ELU", y), y)


def wide_chain(b: GraphBuilder) -> TensorNode:
    """Element-wise operators on int16 values in a row, with operands of every shape."""
    r = b.rng
    a, c = wide_pair(b, (1, 3, 4, 8))
    row = b.strided_slice(c, [0, 0, 0, 0], [1, 3, 1, 8])
    pixel = b.strided_slice(c, [0, 0, 0, 0], [1, 3, 4, 1])
    factors = b.constant(r.integers(-32768, 32768, (1, 1, 4, 8)).astype("int16"), [1 / 32768])
    first = b.binary("MUL", a, factors, scale=a.scales[0])
    second = b.binary("MUL", c, row, scale=a.scales[0] * float(r.uniform(0.3, 3.0)))
    kind = str(r.choice(["ADD", "SUB"]))
    scale = max(first.scales[0], second.scales[0]) * float(r.uniform(0.6, 2.0))
    y = b.binary(kind, *((first, second) if r.integers(2) else (second, first)), scale=scale)
    if r.integers(2):
        zero = b.constant(r.integers(0, 1, (1, 1, 1, 1)).astype("int16"), y.scales)
        y = b.op(str(r.choice(["MINIMUM", "MAXIMUM"])), [y, zero], b.like(y, y.shape))
    if r.integers(2):
        y = b.binary("ADD", y, b.binary("MUL", a, pixel, scale=y.scales[0]), scale=y.scales[0])
    return b.requant(y, "int8", y.scales[0] * float(2.0 ** r.uniform(6, 9)))


def behind_table(b: GraphBuilder) -> TensorNode:
    """A change to int16 with a constant behind it is one table; without one it is a chain."""
    r = b.rng
    first, second = b.split(b.input((1, 2, 9, 8)), [4, 4], 3)
    x = b.requant(first, "int16", 0.0003, 0)
    one = b.constant(r.integers(100, 3000, (1, 1, 1, 1)).astype("int16"), [0.0004])
    y = b.binary(str(r.choice(["ADD", "SUB", "MUL"])), x, one, scale=0.0006)
    z = b.binary("ADD", b.requant(second, "int16", 0.0003, 0), y, scale=0.0007)
    return b.requant(z, "int8", 0.1)


def heads(b: GraphBuilder) -> TensorNode:
    """Linear attention over masked heads: products in blocks, one root per head."""
    r = b.rng
    group, count, rows = 2 * int(r.integers(1, 4)), 2, 2 * int(r.integers(2, 6))
    channels = group * count
    sizes = [rows * channels] * 4 + [channels] * 2
    parts = b.split(b.input((1, 1, 1, sum(sizes))), sizes, 3)
    shapes = [(1, rows, channels)] * 4 + [(1, channels, 1), (1, 1, channels)]
    parts = [b.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    wide = [b.requant(part, "int16", 0.0002, 0) for part in parts]
    positive = [
        b.requant(
            b.op("LOGISTIC", [parts[i]], b.tensor(parts[i].shape, scale=1 / 256, point=-128)),
            "int16",
            1 / 30000,
            0,
        )
        for i in (0, 4)
    ]
    blocks = np.kron(np.eye(count), np.ones((group, group)))
    same = b.constant((blocks * 20000).astype("int16"), [1 / 20000])
    values = r.integers(1, 20000, (channels, channels))
    mask = b.constant((blocks * values).astype("int16"), [1 / 20000])
    if r.integers(3) == 0:  # columns that differ: every channel has a root of its own
        same = b.constant((blocks * values).astype("int16"), [1 / 20000])

    def product(first: TensorNode, second: TensorNode, scale: float, across: bool) -> TensorNode:
        n = first.shape[2 if across else 1]
        y = b.tensor((1, n, second.shape[2]), "int16", scale)
        return b.op("BATCH_MATMUL", [first, second], y, adjX=across, adjY=False)

    normaliser = b.binary("MUL", positive[1], same, scale=1 / 30000)
    z = product(positive[0], normaliser, group / 30000, across=False)
    root = b.unary("RSQRT", z, 1 / 900, 0)
    pairs = product(wide[1], wide[2], 0.003, across=True)
    summary = b.binary("MUL", pairs, mask, scale=0.003)
    numerator = product(wide[3], summary, 0.02, across=False)
    attended = b.binary("MUL", numerator, root, scale=0.03)
    attended = b.binary("MUL", attended, root, scale=0.05)
    away = b.binary("SUB", attended, wide[5], scale=0.05)
    return b.binary("ADD", attended, b.binary("MUL", z, away, scale=0.06), scale=0.08)


def row_norm(b: GraphBuilder) -> TensorNode:
    """Rows over their deviation, as int8."""
    r = b.rng
    width = int(r.choice([3, 4, 8, 9, 10, 14, 16, 24, 32, 48]))
    a, c = wide_pair(b, (1, 3, 4, width))
    x = b.binary("ADD", a, c, scale=a.scales[0] * float(r.uniform(0.5, 1.5)))
    one = (1, 3, 4, 1)
    scale = x.scales[0] * float(r.choice([0.1, 0.7, 0.9]))
    mean = b.op("MEAN", [x, b.ints([3])], b.tensor(one, "int16", scale), keepDims=True)
    order = [x, mean] if r.integers(4) else [mean, x]
    square = b.binary("SQUARED_DIFFERENCE", *order, scale=x.scales[0] ** 2 * 16000)
    scale = square.scales[0] * float(r.choice([0.6, 1.0]))
    variance = b.op("MEAN", [square, b.ints([3])], b.tensor(one, "int16", scale), keepDims=True)
    epsilon = b.constant(
        r.integers(1, 32000, ()).astype("int16"), [scale * float(r.choice([0.01, 2.0]))]
    )
    raised = b.binary("ADD", variance, epsilon, scale=scale * 1.2)
    root = b.unary("RSQRT", raised, 1 / (raised.scales[0] ** 0.5 * 20000), 0)
    product = b.binary("MUL", x, root, scale=x.scales[0] * root.scales[0] * 9000)
    return b.requant(product, "int8", product.scales[0] * float(2.0 ** r.uniform(5, 9)))


def rotated(b: GraphBuilder) -> TensorNode:
    """A rotation of pairs of int8 values by constant angles, some of rows with a gap between."""
    r = b.rng
    rows, half = int(r.integers(1, 6)), int(r.choice([1, 3, 4, 4, 8, 8, 12, 16, 19]))
    x = b.requant(b.input((1, 2, rows, 2 * half + 3)), scale=0.02)
    x = b.strided_slice(x, [0, 0, 0, 1], [1, 2, rows, 2 * half + 1])
    x = b.unary("ELU", x, 0.02) if r.integers(2) else x
    phases = r.uniform(0, 6.3, (1, 2, rows, half))
    cosines, sines = (np.round(127 * f(phases)).astype(np.int8) for f in (np.cos, np.sin))
    low, high = b.split(x, [half, half], 3)
    both = np.concatenate([cosines, cosines], 3), np.concatenate([-sines, sines], 3)
    terms = [
        b.binary("MUL", *pair[:: int(r.choice([1, -1]))], scale=float(r.uniform(0.02, 0.03)))
        for pair in (
            (x, b.constant(both[0], [1 / 127])),
            (b.concat([high, low], 3), b.constant(both[1], [1 / 127])),
        )
    ]
    return b.binary("ADD", *terms[:: int(r.choice([1, -1]))], scale=float(r.uniform(0.026, 0.05)))


def _split_heads(b: GraphBuilder, x: TensorNode, heads: int, depth: int) -> TensorNode:
    """Heads side by side by fours, ``(1, 1, rows, heads * depth)``, behind each other."""
    rows = x.shape[2]
    fours = b.reshape(x, (1, rows * depth // 4, heads, 4))
    return b.reshape(b.transpose(fours, (0, 2, 1, 3)), (1, heads, rows, depth))


def attended(b: GraphBuilder) -> TensorNode:
    """Linear attention over heads in int8, from the queries on."""
    r = b.rng
    heads, rows = int(r.integers(1, 4)), int(r.integers(1, 9))
    depth, channels = (4 * int(r.integers(1, 4)) for _ in range(2))
    merged = [bool(r.integers(2)) for _ in range(3)]
    if not any(merged):
        depth, channels = (int(r.integers(1, 19)) for _ in range(2))
    queries = [
        (1, 1, rows, heads * depth) if side_by_side else (1, heads, rows, depth)
        for side_by_side in merged[:2]
    ]
    shapes = [
        *queries,
        (1, heads, depth, channels),
        (1, heads, depth, 1),
        (1, heads, 1, channels),
    ]
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = b.split(b.input((1, 1, 1, sum(sizes))), sizes, 3)
    query, plain, matrix, sums, mean = (
        b.requant(b.reshape(part, shape), scale=0.008)
        for part, shape in zip(parts, shapes, strict=True)
    )
    query, plain = (
        _split_heads(b, x, heads, depth) if side_by_side else x
        for x, side_by_side in zip((query, plain), merged[:2], strict=True)
    )
    products = []
    for left, right, scale, point in ((query, matrix, 0.02, None), (plain, sums, 0.005, -128)):
        y = b.tensor((1, heads, rows, right.shape[3]), scale=scale, point=point)
        products.append(b.op("BATCH_MATMUL", [left, right], y, adjX=False, adjY=False))
    numerator, z = products
    inverse = b.unary("QUANTIZE", z, 0.008, int(r.integers(-128, -100)))
    product = (numerator, inverse) if r.integers(2) else (inverse, numerator)
    ratio = b.binary("MUL", *product, scale=0.02 * float(r.uniform(0.5, 2.0)))
    mean = b.requant(mean, scale=ratio.scales[0] * float(r.uniform(0.5, 1.0)))
    away = b.binary("SUB", ratio, mean, scale=ratio.scales[0] * float(r.uniform(1.3, 2.6)))
    weighted = (z, away) if r.integers(2) else (away, z)
    weighted = b.binary("MUL", *weighted, scale=ratio.scales[0] * 0.8)
    terms = (ratio, weighted) if r.integers(2) else (weighted, ratio)
    largest = max(ratio.scales[0], weighted.scales[0])
    total = b.binary("ADD", *terms, scale=largest * float(r.uniform(1.3, 2.6)))
    if merged[2]:
        fours = b.reshape(total, (1, heads, rows * channels // 4, 4))
        turned = b.transpose(fours, (0, 2, 1, 3))
        return b.reshape(turned, (1, 1, rows, heads * channels))
    return total


def moments(b: GraphBuilder) -> TensorNode:
    """Mean and variance over all pixels, applied to them."""
    r = b.rng
    channels = int(r.choice([1, 2, 3, 4, 8, 14, 16]))
    a, c = wide_pair(b, (1, 3, int(r.integers(2, 6)), channels))
    x = b.binary("ADD", a, c, scale=a.scales[0] * float(r.uniform(0.5, 1.5)))
    one = (1, 1, 1, x.shape[3])
    scale = x.scales[0] * float(r.choice([0.7, 1.5]))
    mean = b.op("MEAN", [x, b.ints([1, 2])], b.tensor(one, "int16", scale), keepDims=True)
    order = [x, mean] if r.integers(4) else [mean, x]
    square = b.binary("SQUARED_DIFFERENCE", *order, scale=x.scales[0] ** 2 * 16000)
    scale = square.scales[0] * float(r.choice([0.6, 1.0]))
    variance = b.op("MEAN", [square, b.ints([1, 2])], b.tensor(one, "int16", scale), keepDims=True)
    product = b.binary("MUL", x, variance, scale=x.scales[0] * variance.scales[0] * 9000)
    return b.binary("SUB", product, mean, scale=product.scales[0])
