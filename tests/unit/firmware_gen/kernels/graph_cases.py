"""Random one-operator networks for property-based tests: shapes, quantization, extreme values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import test_ops
from aot_harness import GraphBuilder, TensorNode
from hypothesis import strategies as st
from op_elementwise import wide

from quantize.artifact import QuantizedModel

_ZERO_POINTS = st.one_of(st.integers(-128, 127), st.sampled_from([-128, -127, 0, 126, 127]))
_PADS = st.integers(0, 3)
_EXPONENTS = st.floats(-7.0, -3.0)
_VALUES = st.sampled_from(["random", "random", "random", "high", "low", "swing", "small"])


@dataclass(frozen=True)
class Case:
    """One network; the same values make the same network.

    Attributes:
        kind: Builder, a key of :data:`BUILDERS`.
        seed: Of weights and frames.
        options: What the builder takes.
    """

    kind: str
    seed: int
    options: dict[str, Any]

    def model(self) -> QuantizedModel:
        """Build the network."""
        b = GraphBuilder(self.seed)
        y = BUILDERS[self.kind](b, **self.options)
        assert b.features is not None
        rank = len(b.features.shape)
        tail = b.requant(b.strided_slice(b.features, [0] * rank, [1] * rank), scale=0.1, point=0)
        return b.model(y, tail)

    def frames(self, model: QuantizedModel) -> list[np.ndarray]:
        """Inputs: random, the limits only, one value."""
        rng = np.random.default_rng(self.seed)
        shape = model.graph.tensors[model.metadata.inputs["features"]].shape
        random = rng.integers(-128, 128, shape)
        limits = np.where(rng.integers(0, 2, shape) > 0, 127, -128)
        value = np.full(shape, rng.choice([-128, 127, 0]))
        return [frame.astype(np.int8) for frame in (random, limits, value)]


def _values(b: GraphBuilder, shape: tuple[int, ...], mode: str, low: int = -127) -> np.ndarray:
    if mode == "high":
        values = np.full(shape, 127)
    elif mode == "low":
        values = np.full(shape, low)
    elif mode == "swing":
        values = np.where(b.rng.integers(0, 2, shape) > 0, 127, low)
    elif mode == "small":
        values = b.rng.integers(-3, 4, shape)
    else:
        values = b.rng.integers(-127, 128, shape)
    return values.astype(np.int8)


def _parts(b: GraphBuilder, *shapes: tuple[int, ...]) -> list[TensorNode]:
    """Values of given shapes out of the network's input."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    x = b.input((1, 1, 1, sum(sizes)))
    parts = b.split(x, sizes, 3) if len(sizes) > 1 else [x]
    return [b.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def _wide_parts(b: GraphBuilder, *shapes: tuple[int, ...]) -> list[TensorNode]:
    """int16 values with all bits in use, limits included."""
    halves = _parts(b, *(shape for shape in shapes for _ in range(2)))
    return [wide(b, *halves[i : i + 2]) for i in range(0, len(halves), 2)]


def _convolution(
    b: GraphBuilder,
    *,
    depthwise: bool,
    wide: bool = False,
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    same: bool,
    groups: int,
    points: tuple[int, int],
    ratio: float,
    weights: str,
    bias: str,
    activation: int,
    after: str,
) -> TensorNode:
    depth, out = channels[0] * groups, channels[1] * groups
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    height, width = (n if same else max(n, s) for n, s in zip(size, spans, strict=True))
    shape = (1, height, width, depth)
    x = _wide_parts(b, shape)[0] if wide else b.input(shape, 0.04, points[0])
    y = b.conv(
        x,
        0 if depthwise else out,
        kernel,
        stride=stride if max(dilation) == 1 else (1, 1),
        dilation=dilation,
        same=same,
        depthwise=depthwise,
        multiplier=channels[1] if depthwise else 1,
        groups=groups,
        activation=activation,
        bias=wide or depthwise or bias != "none",
    )
    constants = b.ops[-1].inputs
    node, biases = constants[1], constants[2]
    assert node is not None
    node.data = _values(b, node.shape, weights)
    terms = kernel[0] * kernel[1] * (1 if depthwise else channels[0])
    y.scales = (float(np.float32(x.scales[0] * 0.008 * 60 * terms**0.5 * 2.0**ratio)),)
    y.zero_points = (0 if wide else points[1],)
    if biases is not None:
        limit = {"random": 3000, "big": 1 << 20}.get(bias, 1) << (8 if wide else 0)
        values = b.rng.integers(-limit, limit, biases.shape)
        biases.data = values.astype(np.int64 if wide else np.int32)
    if wide:
        return y
    if after == "prelu":
        slopes = b.rng.integers(-128, 128, (1, 1, y.shape[3])).astype(np.int8)
        alpha = b.constant(slopes, [0.006], int(b.rng.integers(-5, 5)))
        return b.op("PRELU", [y, alpha], b.tensor(y.shape))
    return b.unary(after, y) if after else y


def _dense(
    b: GraphBuilder,
    *,
    rows: int,
    depth: int,
    channels: int,
    points: tuple[int, int],
    per_channel: bool,
    weights: str,
    ratio: float,
) -> TensorNode:
    x = b.input((1, 1, rows, depth), 0.04, points[0])
    scales = list(2.0 ** b.rng.uniform(-9, -6, channels)) if per_channel else [0.01]
    node = b.constant(_values(b, (channels, depth), weights), scales)
    data = b.rng.integers(-3000, 3000, channels).astype(np.int32)
    bias = b.constant(data, [0.04 * float(s) for s in scales])
    scale = 0.04 * 0.008 * 60 * depth**0.5 * 2.0**ratio
    y = b.tensor((1, 1, rows, channels), scale=scale, point=points[1])
    return b.op("FULLY_CONNECTED", [x, node, bias], y, keepNumDims=True)


_PAIRS: list[Callable[[int, int, int], tuple[tuple[int, ...], tuple[int, ...]]]] = [
    lambda h, w, c: ((1, h, w, c), (1, h, w, c)),
    lambda h, w, c: ((1, h, w, c), (1, 1, 1, c)),
    lambda h, w, c: ((1, h, w, 1), (1, h, w, c)),
    lambda h, w, c: ((1, 1, 1, 1), (1, h, w, c)),
    lambda h, w, c: ((1, h, 1, c), (1, 1, w, 1)),
]


def _pair(
    b: GraphBuilder,
    *,
    kind: str,
    shape: tuple[int, int, int],
    broadcast: int,
    exponents: tuple[float, float, float],
    points: tuple[int, int, int],
    activation: int,
    wide: bool = False,
) -> TensorNode:
    first, second = _PAIRS[broadcast](*shape)
    first_scale, second_scale, ratio = (2.0**e for e in exponents)
    if kind in ("MINIMUM", "MAXIMUM"):
        second_scale, points = first_scale, (points[0],) * 3
    if wide:
        a, c = _wide_parts(b, first, second)
        a.scales = (float(np.float32(first_scale / 256)),)
        c.scales = (float(np.float32(second_scale / 256)),)
    else:
        parts = _parts(b, first, second)
        a = b.requant(parts[0], "int8", first_scale, points[0])
        c = b.requant(parts[1], "int8", second_scale, points[1])
    larger, levels = max(a.scales[0], c.scales[0]), 20000 if wide else 60
    if kind in ("MINIMUM", "MAXIMUM"):
        return b.op(kind, [a, c], b.like(a, np.broadcast_shapes(first, second)))
    if kind == "DIV":
        c = _without_zero(b, c)
    scale = {
        "MUL": levels * a.scales[0] * c.scales[0] if wide else 16 * larger,
        "SQUARED_DIFFERENCE": levels * larger**2,
        "DIV": a.scales[0] / c.scales[0] / 16,
    }.get(kind, 2 * larger if wide else 8 * larger + 0.02)
    return b.binary(kind, a, c, ratio * scale, 0 if wide else points[2], activation)


def _without_zero(b: GraphBuilder, x: TensorNode) -> TensorNode:
    """Values of one sign only: the interpreter has no result for a divisor of zero."""
    point = x.zero_points[0]
    positive = point == -128 or (point < 127 and bool(b.rng.integers(2)))
    limit = np.full((1, 1, 1, 1), point + (1 if positive else -1), np.int8)
    one = b.constant(limit, x.scales, point)
    return b.op("MAXIMUM" if positive else "MINIMUM", [x, one], b.like(x, x.shape))


def _product(
    b: GraphBuilder,
    *,
    heads: int,
    size: tuple[int, int, int],
    transposed: tuple[bool, bool],
    points: tuple[int, int, int],
    ratio: float,
    shared: bool,
    wide: bool = False,
) -> TensorNode:
    rows, depth, cols = size
    others = 1 if shared else heads
    first = (1, heads, depth, rows) if transposed[0] else (1, heads, rows, depth)
    second = (1, others, cols, depth) if transposed[1] else (1, others, depth, cols)
    if wide:
        a, c = _wide_parts(b, first, second)
    else:
        parts = _parts(b, first, second)
        a, c = (b.requant(p, "int8", 0.04, z) for p, z in zip(parts, points, strict=False))
    scale = a.scales[0] * c.scales[0] * (20000 if wide else 60) * depth**0.5 * 2.0**ratio
    y = b.tensor((1, heads, rows, cols), a.dtype, scale, 0 if wide else points[2])
    return b.op("BATCH_MATMUL", [a, c], y, adjX=transposed[0], adjY=transposed[1])


def _unary(
    b: GraphBuilder, *, kind: str, width: int, exponent: float, points: tuple[int, int]
) -> TensorNode:
    x = b.requant(b.input((1, 1, 3, width)), "int8", 2.0**exponent, points[0])
    if kind == "LOGISTIC":
        return b.unary(kind, x, 1 / 256, -128)
    if kind == "PRELU":
        slopes = b.rng.integers(-128, 128, (1, 1, width)).astype(np.int8)
        alpha = b.constant(slopes, [0.004], int(b.rng.integers(-5, 5)))
        return b.op("PRELU", [x, alpha], b.tensor(x.shape, point=points[1]))
    return b.unary(kind, x, x.scales[0] * 0.9, points[1])


def _wide_unary(b: GraphBuilder, *, kind: str, width: int, exponent: float) -> TensorNode:
    (x,) = _wide_parts(b, (1, 1, 3, width))
    if kind.startswith("LOGISTIC"):
        power = round(exponent) if kind.endswith("OF_POWER") else exponent
        x.scales = (float(np.float32(2.0 ** (power - 5))),)
        return b.unary("LOGISTIC", x, 2.0**-15)
    if kind == "RSQRT":
        scale = x.scales[0] ** -0.5 * 2.0 ** (exponent - 8)
        square = b.binary("MUL", x, x, x.scales[0])  # its values would be negative otherwise
        return b.unary(kind, square, scale)
    if kind == "TO_INT8":
        return b.requant(x, "int8", x.scales[0] * 2.0 ** (exponent + 12))
    return b.requant(x, "int16", x.scales[0] * 2.0 ** (exponent + 5), 0)


def _mean(
    b: GraphBuilder,
    *,
    shape: tuple[int, int, int],
    axes: list[int],
    points: tuple[int, int],
    wide: bool = False,
) -> TensorNode:
    x = _wide_parts(b, (1, *shape))[0] if wide else b.input((1, *shape), 0.04, points[0])
    out = [1 if i in axes else n for i, n in enumerate(x.shape)]
    y = b.tensor(out, x.dtype, x.scales[0] / 2, 0 if wide else points[1])
    return b.op("MEAN", [x, b.ints(axes)], y, keepDims=True)


def _average_pool(
    b: GraphBuilder,
    *,
    size: tuple[int, int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    same: bool,
    points: tuple[int, int],
    activation: int,
) -> TensorNode:
    x = b.input((1, *(max(n, k) for n, k in zip(size, window, strict=False)), size[2]), 0.04)
    x.zero_points = (points[0],)
    out = [
        -(-n // s) if same else (n - k) // s + 1
        for n, k, s in zip(x.shape[1:3], window, stride, strict=True)
    ]
    return b.op(
        "AVERAGE_POOL_2D",
        [x],
        b.like(x, (1, *out, size[2])),
        padding=0 if same else 1,
        strideH=stride[0],
        strideW=stride[1],
        filterHeight=window[0],
        filterWidth=window[1],
        fusedActivationFunction=activation,
    )


def _move(
    b: GraphBuilder,
    *,
    kind: str,
    shape: tuple[int, int, int],
    order: list[int],
    pads: list[tuple[int, int]],
) -> TensorNode:
    """A copy of the network's input, which can be no view."""
    x = b.input((1, *shape))
    if kind == "transpose":
        return b.transpose(x, (0, *order))
    if kind == "pad":
        return b.pad(x, [(0, 0), *pads])
    if kind == "reshape":
        return b.reshape(x, (1, *(x.shape[axis] for axis in order)))
    return b.concat([x, x], order[0])


def _maker(b: GraphBuilder, *, name: str) -> TensorNode:
    return getattr(test_ops, name)(b)


BUILDERS: dict[str, Callable[..., TensorNode]] = {
    "convolution": partial(_convolution, depthwise=False),
    "depthwise": partial(_convolution, depthwise=True),
    "dense": _dense,
    "pair": _pair,
    "product": _product,
    "unary": _unary,
    "mean": _mean,
    "average_pool": _average_pool,
    "move": _move,
    "wide_convolution": partial(_convolution, depthwise=False, wide=True),
    "wide_depthwise": partial(_convolution, depthwise=True, wide=True),
    "wide_pair": partial(_pair, wide=True),
    "wide_product": partial(_product, wide=True),
    "wide_unary": _wide_unary,
    "wide_mean": partial(_mean, wide=True),
    "maker": _maker,
    "fused": _maker,
}


_PAIR_KINDS = ["ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MINIMUM", "MAXIMUM", "DIV"]


def _options(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    small = partial(st.integers, 1)
    points = st.tuples(_ZERO_POINTS, _ZERO_POINTS, _ZERO_POINTS)
    ratio = st.floats(-6.0, 6.0)
    wide, kind = kind.startswith("wide_"), kind.removeprefix("wide_")
    apart = kind == "depthwise"
    kernels = [(1, 1), (1, 1), (3, 3), (1, 11), (11, 1), (1, 5), (3, 5), (2, 3), (4, 1), (5, 5)]
    if kind in ("convolution", "depthwise"):
        return st.fixed_dictionaries(
            {
                "size": st.tuples(small(6), small(21)),
                "channels": st.tuples(
                    st.one_of(small(9), st.sampled_from([16, 24, 31, 32, 33, 48])),
                    st.sampled_from([1, 1, 1, 2]) if apart else small(18),
                ),
                "kernel": st.sampled_from(kernels),
                "stride": st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 1), (2, 2), (3, 3)]),
                "dilation": st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 1), (2, 3)]),
                "same": st.booleans(),
                "groups": st.just(1) if apart else st.sampled_from([1, 1, 2, 3]),
                "points": st.tuples(_ZERO_POINTS, _ZERO_POINTS),
                "ratio": ratio,
                "weights": _VALUES,
                "bias": st.sampled_from(["random", "zero", "big"] if apart else ["random", "none"]),
                "activation": st.sampled_from([0, 0, 0, 1, 2, 3]),
                "after": st.sampled_from(["", "", "prelu", "ELU", "QUANTIZE"]),
            }
        )
    strategies: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "dense": {
            "rows": small(5),
            "depth": small(70),
            "channels": small(20),
            "points": st.tuples(_ZERO_POINTS, _ZERO_POINTS),
            "per_channel": st.booleans(),
            "weights": _VALUES,
            "ratio": ratio,
        },
        "pair": {
            "kind": st.sampled_from(_PAIR_KINDS[: -1 if wide else None]),
            "shape": st.tuples(small(4), small(9), small(20)),
            "broadcast": st.integers(0, len(_PAIRS) - 1),
            "exponents": st.tuples(
                st.one_of(st.tuples(_EXPONENTS, _EXPONENTS), _EXPONENTS.map(lambda e: (e, e))),
                st.floats(-3.0, 3.0),
            ).map(lambda drawn: (*drawn[0], drawn[1])),
            "points": points,
            "activation": st.sampled_from([0, 0, 1, 3]),
        },
        "product": {
            "heads": small(3),
            "size": st.tuples(small(9), small(40), small(9)),
            "transposed": st.tuples(st.booleans(), st.booleans()),
            "points": points,
            "ratio": ratio,
            "shared": st.sampled_from([False, False, True]),
        },
        "average_pool": {
            "size": st.tuples(small(6), small(12), small(20)),
            "window": st.tuples(small(4), small(5)),
            "stride": st.tuples(small(3), small(3)),
            "same": st.booleans(),
            "points": st.tuples(_ZERO_POINTS, _ZERO_POINTS),
            "activation": st.sampled_from([0, 0, 1]),
        },
        "move": {
            "kind": st.sampled_from(["transpose", "pad", "reshape", "concat"]),
            "shape": st.tuples(small(9), small(12), small(20)),
            "order": st.permutations([1, 2, 3]),
            "pads": st.lists(st.tuples(_PADS, _PADS), min_size=3, max_size=3),
        },
        "unary": {
            "kind": st.sampled_from(["LOGISTIC", "ELU", "HARD_SWISH", "QUANTIZE", "PRELU"]),
            "width": small(70),
            "exponent": _EXPONENTS,
            "points": st.tuples(_ZERO_POINTS, _ZERO_POINTS),
        },
        "mean": {
            "shape": st.tuples(small(5), small(20), small(20)),
            "axes": st.sampled_from([[1], [2], [3], [1, 2], [2, 3], [1, 2, 3]]),
            "points": st.tuples(_ZERO_POINTS, _ZERO_POINTS),
        },
        "maker": {
            "name": st.sampled_from(
                [m.__name__ for m in (*test_ops.MAKERS, *test_ops.FUSED) if m is not test_ops.root]
            )
        },
    }
    if kind == "fused":
        names = ["row_norm", "moments", "rotated", "attended", "heads"]
        return st.fixed_dictionaries({"name": st.sampled_from(names)})
    if wide and kind == "unary":
        return st.fixed_dictionaries(
            {
                "kind": st.sampled_from(
                    ["LOGISTIC", "LOGISTIC_OF_POWER", "RSQRT", "TO_INT8", "TO_INT16"]
                ),
                "width": small(30),
                "exponent": _EXPONENTS,
            }
        )
    return st.fixed_dictionaries(strategies[kind])


def cases() -> st.SearchStrategy[Case]:
    """Any network."""
    kinds = ["convolution"] * 4 + ["depthwise"] * 4 + ["pair"] * 3 + ["product"] * 2
    kinds += ["wide_convolution"] * 2 + ["wide_pair"] * 3
    kinds += ["wide_depthwise", "wide_product", "wide_unary", "wide_mean"]
    kinds += ["move", "move", "dense", "unary", "mean", "average_pool", "maker", "maker"]
    kinds += ["fused", "fused"]
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.builds(Case, st.just(kind), st.integers(0, 1 << 20), _options(kind))
    )
