"""Networks of one operator with all values it is defined for."""

from __future__ import annotations

import numpy as np
from aot_harness import GraphBuilder, TensorNode

from quantize.artifact import QuantizedModel

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
