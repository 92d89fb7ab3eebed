"""Every operator with random shapes and parameters: C equals the TFLM interpreter, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aot_harness
import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode

from firmware_gen.backends.aot.backend import compile_network
from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

CASES = 6
Maker = Callable[[GraphBuilder], TensorNode]


def wide(b: GraphBuilder, x: TensorNode, y: TensorNode) -> TensorNode:
    """An int16 tensor with all bits in use, made of two int8 ones."""
    high = b.requant(x, "int16", 0.004, 0)
    low = b.requant(y, "int16", 0.00003, 0)
    return b.binary("ADD", high, low, scale=0.00011)


def _wide_pair(b: GraphBuilder, shape: tuple[int, ...]) -> tuple[TensorNode, TensorNode]:
    size = 1
    for extent in shape:
        size *= extent
    x = b.input((1, 1, 1, 4 * size))
    parts = [b.reshape(part, shape) for part in b.split(x, [size] * 4, 3)]
    return wide(b, *parts[:2]), wide(b, *parts[2:])


def conv(b: GraphBuilder) -> TensorNode:
    r = b.rng
    kernel = (int(r.integers(1, 4)), int(r.integers(1, 6)))
    dilation = (int(r.integers(1, 3)), int(r.integers(1, 3)))
    x = b.input((1, int(r.integers(5, 9)), int(r.integers(9, 14)), int(r.choice([1, 3, 4, 8, 10]))))
    stride = (1, 1) if max(dilation) > 1 else (int(r.integers(1, 3)), int(r.integers(1, 3)))
    return b.conv(
        x,
        int(r.integers(1, 9)),
        kernel,
        stride=stride,
        dilation=dilation,
        same=bool(r.integers(2)),
        activation=int(r.choice([0, 0, 1, 3, 2])),
        bias=bool(r.integers(4)),
    )


def pointwise(b: GraphBuilder) -> TensorNode:
    r = b.rng
    x = b.input((1, int(r.integers(1, 4)), int(r.integers(1, 20)), int(r.integers(1, 40))))
    return b.conv(x, int(r.integers(1, 40)))


def grouped(b: GraphBuilder) -> TensorNode:
    groups = int(b.rng.integers(2, 4))
    x = b.input((1, 4, 6, 4 * groups))
    return b.conv(x, 3 * groups, (3, 3), same=True, groups=groups)


def depthwise(b: GraphBuilder) -> TensorNode:
    r = b.rng
    kernel = (int(r.choice([1, 3])), int(r.choice([1, 3, 5, 11])))
    x = b.input((1, int(r.integers(3, 6)), int(r.integers(11, 24)), int(r.integers(1, 13))))
    stride = (1, 1) if r.integers(3) else (2, 2)
    dilation = (1, int(r.choice([1, 1, 2]))) if stride == (1, 1) and kernel[1] < 5 else (1, 1)
    return b.conv(
        x,
        0,
        kernel,
        stride=stride,
        dilation=dilation,
        same=bool(r.integers(2)),
        depthwise=True,
        multiplier=int(r.choice([1, 1, 1, 2])),
    )


def fully_connected(b: GraphBuilder) -> TensorNode:
    r = b.rng
    rows, depth, channels = (int(r.integers(1, n)) for n in (5, 40, 20))
    x = b.input((rows, depth))
    scales = [0.01] if r.integers(2) else list(2.0 ** r.uniform(-9, -6, channels))
    weights = b.constant(r.integers(-127, 128, (channels, depth)).astype("int8"), scales)
    bias = b.constant(
        r.integers(-3000, 3000, channels).astype("int32"), [0.04 * float(s) for s in scales]
    )
    return b.op(
        "FULLY_CONNECTED",
        [x, weights, bias],
        b.tensor((rows, channels), scale=0.02 * depth**0.5),
        fusedActivationFunction=0,
        keepNumDims=True,
    )


def binary(b: GraphBuilder) -> TensorNode:
    r = b.rng
    shapes = [
        ((1, 2, 9, 8), (1, 2, 9, 8)),
        ((1, 2, 9, 8), (1, 1, 1, 8)),
        ((1, 2, 9, 8), (1, 2, 9, 1)),
        ((1, 1, 1, 1), (1, 2, 9, 8)),
        ((1, 2, 1, 8), (1, 1, 9, 1)),
        ((9, 8), (1, 2, 9, 8)),
    ]
    first, second = shapes[int(r.integers(len(shapes)))]
    sizes = [1, 1]
    for i, shape in enumerate((first, second)):
        for extent in shape:
            sizes[i] *= extent
    x = b.input((1, 1, 1, sum(sizes)))
    parts = b.split(x, sizes, 3)
    a = b.requant(b.reshape(parts[0], first))
    c = b.requant(b.reshape(parts[1], second))
    kind = str(r.choice(["ADD", "SUB", "MUL"]))
    scale = a.scales[0] * c.scales[0] * 100 if kind == "MUL" else None
    return b.binary(kind, a, c, scale=scale, activation=int(r.choice([0, 0, 1])))


def constant_operand(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 2, 9, 8))
    values = b.rng.integers(-128, 128, (1, 1, 9, 8)).astype("int8")
    c = b.constant(values, [float(2.0 ** b.rng.uniform(-7, -3))], int(b.rng.integers(-9, 9)))
    kind = str(b.rng.choice(["ADD", "SUB", "MUL"]))
    return b.binary(kind, *((x, c) if b.rng.integers(2) else (c, x)))


def quotient(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 1, 1, 240))
    a, c = (b.reshape(part, (1, 3, 5, 8)) for part in b.split(x, [120, 120], 3))
    # The divisor's zero point is out of its range, as the interpreter has no result for 0 / 0.
    divisor = b.requant(c, point=-128, scale=0.1)
    shifted = b.requant(divisor, scale=0.1, point=-100)
    logistic = b.op("LOGISTIC", [shifted], b.tensor(shifted.shape, scale=1 / 256, point=-128))
    positive = b.binary("ADD", logistic, logistic, scale=1 / 64, point=-128)
    offset = b.constant(b.rng.integers(40, 128, (1, 1, 1, 1)).astype("int8"), [0.02], -128)
    return b.binary("DIV", b.requant(a), b.binary("ADD", positive, offset, 0.03, -128))


def wide_binary(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 3, 4, 8))
    kind = str(b.rng.choice(["ADD", "SUB", "MUL"]))
    scale = a.scales[0] * c.scales[0] * 30000 if kind == "MUL" else None
    return b.binary(kind, a, c, scale=scale)


def wide_broadcast(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 3, 4, 8))
    c = b.strided_slice(c, [0, 0, 0, 0], [1, 3, 4, 1])
    kind = str(b.rng.choice(["ADD", "SUB", "MUL"]))
    return b.binary(kind, a, c, scale=a.scales[0] * (c.scales[0] * 3e4 if kind == "MUL" else 2))


def wide_matmul(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 2, 6, 6))
    y = b.tensor((1, 2, 6, 6), "int16", a.scales[0] * c.scales[0] * 40000)
    adj = bool(b.rng.integers(2)), bool(b.rng.integers(2))
    return b.op("BATCH_MATMUL", [a, c], y, adjX=adj[0], adjY=adj[1])


def wide_conv(b: GraphBuilder) -> TensorNode:
    r = b.rng
    a, c = _wide_pair(b, (1, 5, 7, 6))
    del c
    strided = bool(r.integers(2))
    return b.conv(
        a,
        int(r.integers(1, 7)),
        (int(r.integers(1, 4)), int(r.integers(1, 4))),
        stride=(2, 1) if strided else (1, 1),
        dilation=(1, 1) if strided else (2, 1),
        same=bool(r.integers(2)),
        activation=int(r.choice([0, 1])),
    )


def wide_depthwise(b: GraphBuilder) -> TensorNode:
    r = b.rng
    a, c = _wide_pair(b, (1, 5, 9, 3))
    del c
    return b.conv(
        a,
        0,
        (int(r.choice([1, 3, 5])), int(r.choice([1, 3, 5]))),
        same=bool(r.integers(2)),
        depthwise=True,
        multiplier=int(r.choice([1, 2])),
    )


def wide_logistic(b: GraphBuilder) -> TensorNode:
    """All values of one scale; seed by seed another one."""
    scale = [2.0**-12, 2.0**-12 / 3, 4 * 2.0**-12 / 3, 0.0001, 0.0005, 0.003][b.seed % 6]
    x = b.requant(b.input((1, 1, 256, 1), 1.0, 0), "int16", 1.0 / 256, 0)
    fine = b.constant(b.rng.permutation(256).astype("int16"), [1.0 / 256])
    every = b.binary("ADD", x, b.reshape(fine, (1, 1, 1, 256)), scale=1.0 / 256)
    values = TensorNode(b.name("t"), every.shape, "int16", scales=(scale,), zero_points=(0,))
    one = b.constant(b.rng.integers(1, 2, (1, 1, 1, 1)).astype("int16"), [scale * 256])
    b.op("MUL", [every, one], values, fusedActivationFunction=0)
    return b.op("LOGISTIC", [values], b.tensor(values.shape, "int16", 2.0**-15))


def extremum(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 2, 9, 8))
    first, second = b.split(x, [4, 4], 3)
    kind = str(b.rng.choice(["MINIMUM", "MAXIMUM"]))
    return b.op(kind, [first, second], b.like(first, first.shape))


def wide_extremum(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 3, 4, 8))
    del c
    zero = b.constant(b.rng.integers(-3, 4, (1, 1, 1, 1)).astype("int16"), a.scales)
    if b.rng.integers(2):
        zero = b.constant(b.rng.integers(0, 1, (1, 1, 1, 1)).astype("int16"), [1.0])
    kind = str(b.rng.choice(["MINIMUM", "MAXIMUM"]))
    return b.op(kind, [a, zero], b.like(a, a.shape))


def wide_mean(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 3, 4, 8))
    del c
    axes = [[1, 2], [3], [1]][int(b.rng.integers(3))]
    out = [1 if i in axes else n for i, n in enumerate(a.shape)]
    return b.op("MEAN", [a, b.ints(axes)], b.tensor(out, "int16", a.scales[0] / 2), keepDims=True)


def wide_root(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 2, 3, 8))
    square = b.binary("MUL", a, a, scale=a.scales[0] ** 2 * float(b.rng.choice([40000, 2e5])))
    scale = 1.0 / (square.scales[0] ** 0.5 * float(b.rng.choice([3e3, 1e4, 3e4])))
    del c
    return b.op("RSQRT", [square], b.tensor(square.shape, "int16", scale))


def wide_requantize(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 2, 3, 8))
    del c
    if b.rng.integers(2):
        return b.requant(a, "int16", a.scales[0] * float(2.0 ** b.rng.uniform(-2, 2)), 0)
    return b.requant(a, "int8", a.scales[0] * float(2.0 ** b.rng.uniform(5, 9)))


def wide_moves(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 3, 4, 8))
    y = b.transpose(b.reshape(a, (1, 4, 3, 8)), (0, 2, 1, 3))
    return b.binary("ADD", b.transpose(y, (0, 3, 1, 2)), b.reshape(c, (1, 8, 3, 4)))


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


def squared_difference(b: GraphBuilder) -> TensorNode:
    r = b.rng
    first, second = [
        ((1, 2, 9, 8), (1, 2, 9, 8)),
        ((1, 2, 9, 8), (1, 1, 1, 8)),
        ((1, 2, 9, 8), (1, 2, 9, 1)),
    ][int(r.integers(3))]
    sizes = [144, second[1] * second[2] * second[3]]
    parts = b.split(b.input((1, 1, 1, sum(sizes))), sizes, 3)
    a = b.requant(b.reshape(parts[0], first))
    c = b.requant(b.reshape(parts[1], second))
    scale = max(a.scales[0], c.scales[0]) ** 2 * float(r.choice([20, 100, 300]))
    return b.binary("SQUARED_DIFFERENCE", a, c, scale=scale)


def wide_squared_difference(b: GraphBuilder) -> TensorNode:
    a, c = _wide_pair(b, (1, 3, 4, 8))
    if b.rng.integers(2):
        c = b.strided_slice(c, [0, 0, 0, 0], [1, 3, 4, 1])
    scale = max(a.scales[0], c.scales[0]) ** 2 * 20000
    return b.binary("SQUARED_DIFFERENCE", a, c, scale=scale)


def square_of_constant_distance(b: GraphBuilder) -> TensorNode:
    """A squared difference to one constant is a table."""
    x = b.input((1, 2, 9, 8))
    c = b.constant(b.rng.integers(-128, 128, (1, 1, 1, 1)).astype("int8"), [0.03], 5)
    return b.binary("SQUARED_DIFFERENCE", x, c, scale=0.1)


def depth_to_space(b: GraphBuilder) -> TensorNode:
    r = b.rng
    block, depth = int(r.integers(2, 4)), int(r.integers(1, 5))
    x = b.input((1, int(r.integers(1, 4)), int(r.integers(1, 6)), block * block * depth))
    shape = (1, x.shape[1] * block, x.shape[2] * block, depth)
    return b.op("DEPTH_TO_SPACE", [x], b.like(x, shape), blockSize=block)


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


def prelu(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 2, 7, 9))
    alpha = b.constant(
        b.rng.integers(-128, 128, (1, 1, 9)).astype("int8"), [0.004], int(b.rng.integers(-5, 5))
    )
    return b.op("PRELU", [x, alpha], b.tensor(x.shape))


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


def equal_sums(b: GraphBuilder) -> TensorNode:
    """Sums and differences of operands with near and far scales."""
    r = b.rng
    x = b.input((1, 2, 9, int(r.integers(2, 12)) * 2))
    half = x.shape[3] // 2
    first, second = b.split(x, [half, half], 3)
    near = float(r.choice([1.0, 1.5, 2.0, 30.0]))
    a, c = b.requant(first, scale=0.02), b.requant(second, scale=0.02 * near)
    return b.binary(str(r.choice(["ADD", "SUB"])), a, c, scale=0.02 * (1 + near) * 0.7)


def three_rows(b: GraphBuilder) -> TensorNode:
    """Depthwise convolutions whose neighbouring pixels share columns."""
    r = b.rng
    columns = int(r.choice([3, 5, 11]))
    width = int(r.integers(columns, 70))
    x = b.input((1, int(r.integers(3, 5)), width, 4 * int(r.integers(1, 4))))
    stride = (int(r.choice([1, 2])), 1)
    same = bool(r.integers(2)) and stride == (1, 1)
    return b.conv(x, 0, (3, columns), stride=stride, same=same, depthwise=True)


def wide_chain(b: GraphBuilder) -> TensorNode:
    """Element-wise operators on int16 values in a row, with operands of every shape."""
    r = b.rng
    a, c = _wide_pair(b, (1, 3, 4, 8))
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
    a, c = _wide_pair(b, (1, 3, 4, 2 * int(r.integers(2, 9))))
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


def attended(b: GraphBuilder) -> TensorNode:
    """The last steps of linear attention over heads, in int8."""
    r = b.rng
    count, rows, channels = (
        int(r.integers(1, 4)),
        int(r.integers(1, 9)),
        4 * int(r.integers(1, 4)),
    )
    shapes = [(1, count, rows, channels), (1, count, rows, 1), (1, count, 1, channels)]
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = b.split(b.input((1, 1, 1, sum(sizes))), sizes, 3)
    parts = [b.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    numerator, mean = b.requant(parts[0], scale=0.05), b.requant(parts[2], scale=0.06)
    z = b.op("LOGISTIC", [parts[1]], b.tensor(shapes[1], scale=1 / 256, point=-128))
    inverse = b.unary("QUANTIZE", z, 1 / 150, int(r.integers(-128, -100)))
    product = (numerator, inverse) if r.integers(2) else (inverse, numerator)
    ratio = b.binary("MUL", *product, scale=0.05 * float(r.uniform(0.5, 2.0)))
    away = b.binary("SUB", ratio, mean, scale=0.09)
    weighted = b.binary("MUL", *((z, away) if r.integers(2) else (away, z)), scale=0.08)
    return b.binary("ADD", *((ratio, weighted) if r.integers(2) else (weighted, ratio)), scale=0.1)


def moments(b: GraphBuilder) -> TensorNode:
    """Mean and variance over all pixels, applied to them."""
    r = b.rng
    a, c = _wide_pair(b, (1, 3, int(r.integers(2, 6)), int(r.integers(1, 5))))
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


def tables(b: GraphBuilder) -> TensorNode:
    x = b.requant(b.input((1, 1, 4, 64)), scale=float(2.0 ** b.rng.uniform(-6, -2)))
    kind = str(b.rng.choice(["LOGISTIC", "ELU", "HARD_SWISH", "QUANTIZE"]))
    if kind == "LOGISTIC":
        return b.unary(kind, x, 1 / 256, -128)
    if kind == "HARD_SWISH":
        return b.unary(kind, x, x.scales[0] * float(b.rng.uniform(0.3, 2.0)))
    return b.unary(kind, x)


def root(b: GraphBuilder) -> TensorNode:
    x = b.requant(b.input((1, 1, 4, 64)), scale=0.05, point=-128)
    return b.unary("RSQRT", x, float(2.0 ** b.rng.uniform(-6, -3)))


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


MAKERS: list[Maker] = [
    conv,
    pointwise,
    grouped,
    depthwise,
    fully_connected,
    binary,
    constant_operand,
    quotient,
    wide_binary,
    wide_broadcast,
    wide_matmul,
    wide_conv,
    wide_depthwise,
    wide_logistic,
    wide_extremum,
    extremum,
    wide_mean,
    wide_squared_difference,
    wide_root,
    wide_requantize,
    wide_moves,
    matmul,
    mean,
    mean_of_part,
    squared_difference,
    square_of_constant_distance,
    depth_to_space,
    average_pool,
    prelu,
    tables,
    root,
    moves,
]


FUSED = [
    fused_prelu,
    fused_table,
    fused_gate,
    shared_table,
    equal_sums,
    three_rows,
    wide_chain,
    behind_table,
    heads,
    row_norm,
    attended,
    moments,
]
WITH_DSP_KERNELS = [
    conv,
    wide_conv,
    wide_binary,
    wide_broadcast,
    wide_matmul,
    wide_root,
    wide_requantize,
    pointwise,
    grouped,
    depthwise,
    binary,
    constant_operand,
    matmul,
    mean,
    mean_of_part,
    prelu,
    squared_difference,
    wide_squared_difference,
    wide_conv,
    *FUSED,
]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_operator_equals_interpreter(maker: Maker, tmp_path: Path) -> None:
    _compare(maker, range(CASES), "portable", tmp_path)


@pytest.mark.parametrize("maker", WITH_DSP_KERNELS, ids=lambda maker: maker.__name__)
def test_dsp_kernels_in_plain_c_equal_interpreter(maker: Maker, tmp_path: Path) -> None:
    _compare(maker, range(100, 100 + CASES), "dsp", tmp_path)


@pytest.mark.parametrize(
    ("maker", "expected", "gone"),
    [
        (fused_prelu, "imse_conv_s8_dsp", "imse_prelu_s8_dsp"),
        (fused_table, "imse_conv_s8_dsp", "imse_table_s8"),
        (fused_gate, "imse_mul_table_s8_dsp", "imse_mul_s8_dsp"),
        (shared_table, "imse_mul_table_s8_dsp", "imse_mul_s8_dsp"),
        (three_rows, "imse_dwconv3_s8_dsp", "imse_dwconv_s8_dsp"),
    ],
)
def test_dsp_kernels_take_fused_operators(maker: Maker, expected: str, gone: str) -> None:
    b = GraphBuilder(3)
    y = maker(b)
    model = b.model(y, y)
    kernels = compile_network(model.graph, model.metadata, "dsp").source.kernels
    assert expected in kernels
    assert gone not in kernels


# Scales of operand and result for which the root or the product of the scales, rounded to single
# precision, gives a multiplier that makes a few of the results wrong by one.
CLOSE_ROOTS = [
    (0.060128748416900635, 5.447717921924777e-05),
    (9.472896067563852e-07, 0.015696292743086815),
    (6.094706623116508e-05, 0.011736827902495861),
    (0.022852227091789246, 9.241056977771223e-05),
    (6.514265038504163e-08, 0.1076897457242012),
]


Networks = list[tuple[QuantizedModel, np.ndarray]]


def all_roots() -> Networks:
    """Networks of one root, and all values it is defined for."""
    values = np.arange(1, 32768, dtype=np.int16).reshape(1, 1, 1, -1)
    networks = []
    for scale, root_scale in CLOSE_ROOTS:
        b = GraphBuilder(0)
        b.features = TensorNode(
            "features", values.shape, "int16", scales=(scale,), zero_points=(0,)
        )
        y = b.unary("RSQRT", b.features, root_scale, 0)
        networks.append((b.model(y, b.requant(b.features, "int16", 2 * scale, 0)), values))
    return networks


def _all_bytes(b: GraphBuilder) -> tuple[TensorNode, TensorNode, np.ndarray]:
    """Two operands and an input that gives them all pairs of bytes."""
    first, second = b.split(b.input((1, 1, 1, 2 << 16)), [1 << 16, 1 << 16], 3)
    every = np.arange(-128, 128, dtype=np.int8)
    pairs = np.concatenate([np.repeat(every, 256), np.tile(every, 256)])
    return first, second, pairs.reshape(1, 1, 1, -1)


def all_quotients() -> Networks:
    """Networks of one quotient, and all pairs of bytes; zero as a divisor becomes another value."""
    networks = []
    for points, scale in (
        ((0, -128, 3), 1.0),
        ((5, 127, -7), 0.01),
        ((17, 127, 0), 200.0),
        ((-90, -10, 31), 0.057),
        ((0, 0, 0), 2.0**-7),
        ((-128, -128, -128), 0.6),
    ):
        b = GraphBuilder(0)
        first, second, values = _all_bytes(b)
        a, c = (
            b.requant(part, "int8", 0.04, p)
            for part, p in zip((first, second), points[:2], strict=True)
        )
        positive = points[1] < 0 or (points[1] == 0 and scale < 1)
        limit = np.array([[[[points[1] + (1 if positive else -1)]]]], np.int8)
        kind = "MAXIMUM" if positive else "MINIMUM"
        divisor = b.op(kind, [c, b.constant(limit, c.scales, points[1])], b.like(c, c.shape))
        y = b.binary("DIV", a, divisor, scale, points[2])
        networks.append((b.model(y, b.requant(first)), values))
    return networks


def all_squares() -> Networks:
    """Networks of one squared difference, and all pairs of bytes."""
    networks = []
    for scales, points, out in (
        ((0.05, 0.03), (0, -128), (0.06, 3)),
        ((0.01, 0.013), (127, -7), (0.004, -128)),
        ((0.02, 0.02), (-5, 40), (0.1, 0)),
    ):
        b = GraphBuilder(0)
        first, second, values = _all_bytes(b)
        a, c = (
            b.requant(part, "int8", scale, point)
            for part, scale, point in zip((first, second), scales, points, strict=True)
        )
        networks.append((b.model(b.binary("SQUARED_DIFFERENCE", a, c, *out), a), values))
    return networks


def all_extrema() -> Networks:
    """The smaller and the larger ones of all pairs of bytes."""
    b = GraphBuilder(0)
    first, second, values = _all_bytes(b)
    smaller, larger = (
        b.op(kind, [first, second], b.like(first, first.shape)) for kind in ("MINIMUM", "MAXIMUM")
    )
    return [(b.model(smaller, larger), values)]


def all_sums_of_windows() -> Networks:
    """Networks of one average pooling, over a slope on which the sums take every value."""
    networks = []
    for count in (1, 2, 9, 128):
        b = GraphBuilder(0)
        x = b.input((1, 1, 256 * count, 4))
        y = b.like(x, (1, 1, 255 * count + 1, 4))
        size = {"strideH": 1, "strideW": 1, "filterHeight": 1, "filterWidth": count}
        b.op("AVERAGE_POOL_2D", [x], y, padding=1, **size)
        values = np.repeat(np.arange(-128, 128, dtype=np.int8), 4 * count).reshape(x.shape)
        networks.append((b.model(y, b.requant(x)), values))
    return networks


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
@pytest.mark.parametrize(
    "networks", [all_roots, all_quotients, all_squares, all_extrema, all_sums_of_windows]
)
def test_all_values_equal_interpreter(
    networks: Callable[[], Networks], kernels: str, tmp_path: Path
) -> None:
    models, inputs = zip(*networks(), strict=True)
    cases = aot_harness.compile_cases(models, tmp_path, kernels)
    for model, case, values in zip(models, cases, inputs, strict=True):
        expected = TflmRunner(model).invoke(values)["mask"]
        np.testing.assert_array_equal(case.invoke(values)["mask"], expected)


def _compare(maker: Maker, seeds: range, kernels: str, folder: Path) -> None:
    models = []
    for seed in seeds:
        b = GraphBuilder(seed)
        y = maker(b)
        assert b.features is not None
        models.append(b.model(y, b.requant(b.features)))
    aot_harness.assert_equal(models, folder, kernels=kernels)


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_scales_of_a_matrix_product_meet_in_double_precision(tmp_path: Path, kernels: str) -> None:
    """With these scales one of all products of two bytes tells float from double."""
    b = GraphBuilder(0)
    x = b.input((1, 1, 16, 16), 0.02460440620779991, -128)
    rows, columns = b.reshape(x, (1, 1, 256, 1)), b.reshape(x, (1, 1, 1, 256))
    y = b.tensor((1, 1, 256, 256), scale=0.14381960034370422, point=-128)
    product = b.op("BATCH_MATMUL", [rows, columns], y, adjX=False, adjY=False)
    model = b.model(product, b.reshape(product, (1, 256, 1, 256)))
    features = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 16, 16)
    (case,) = aot_harness.compile_cases([model], tmp_path, kernels)
    case.reset()
    expected, actual = TflmRunner(model).invoke(features), case.invoke(features)
    np.testing.assert_array_equal(actual["mask"], expected["mask"])
