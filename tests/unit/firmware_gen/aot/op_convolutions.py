"""Convolutions and fully connected layers with random shapes and parameters."""

from __future__ import annotations

from aot_harness import GraphBuilder, TensorNode
from op_elementwise import wide_pair


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


def three_rows(b: GraphBuilder) -> TensorNode:
    """Depthwise convolutions whose neighbouring pixels share columns."""
    r = b.rng
    columns = int(r.choice([3, 5, 11]))
    width = int(r.integers(columns, 70))
    x = b.input((1, int(r.integers(3, 5)), width, 4 * int(r.integers(1, 4))))
    stride = (int(r.choice([1, 2])), 1)
    same = bool(r.integers(2)) and stride == (1, 1)
    return b.conv(x, 0, (3, columns), stride=stride, same=same, depthwise=True)


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


def wide_conv(b: GraphBuilder) -> TensorNode:
    r = b.rng
    a, c = wide_pair(b, (1, 5, 7, 6))
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
    a, c = wide_pair(b, (1, 5, 9, 3))
    del c
    return b.conv(
        a,
        0,
        (int(r.choice([1, 3, 5])), int(r.choice([1, 3, 5]))),
        same=bool(r.integers(2)),
        depthwise=True,
        multiplier=int(r.choice([1, 2])),
    )
