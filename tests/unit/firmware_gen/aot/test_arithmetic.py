"""Rounding parameters against the interpreter: every operator on very many values, without C.

A multiplier computed in single precision instead of double changes few results in a million; small
networks do not notice. Here the interpreter's results for all pairs of bytes, all int16 values or
long random tensors are computed with the constants of the lowered nodes, and some scales are such
that many results are almost halfway between two levels, where the last bits decide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode
from node_arithmetic import node_results

from firmware_gen.backends.aot.lower import lower
from quantize.tflm_host import TflmRunner

LEAST_RESULTS = 100_000
Maker = Callable[[GraphBuilder, str], list[TensorNode]]

BYTES = np.arange(-128, 128).astype(np.int8)
WORDS = np.arange(-32768, 32768).astype(np.int16).reshape(1, 1, 256, 256)


def _scale(b: GraphBuilder, dtype: str) -> float:
    """Not a power of two; the ratios of scales are not, either."""
    return float(2.0 ** b.rng.uniform(-7, -3)) / (200 if dtype == "int16" else 1)


def _point(b: GraphBuilder, dtype: str) -> int:
    return 0 if dtype == "int16" else int(b.rng.integers(-128, 128))


def _close(b: GraphBuilder, product: float, scale: float) -> float:
    """A scale close to a given one, of results which ``product`` is the scale of before rounding.

    The ratio of both is a few quarters of a power of two but for the rounding to single precision.
    """
    quarters = 2.0 ** round(np.log2(product / scale)) * float(b.rng.choice([1.25, 1.5, 1.75]))
    return product / quarters


def _features(b: GraphBuilder, shape: tuple[int, ...], dtype: str) -> TensorNode:
    x = b.input(shape, _scale(b, dtype), _point(b, dtype))
    x.dtype = dtype
    return x


def _random(b: GraphBuilder, shape: tuple[int, ...], dtype: str) -> TensorNode:
    limits = np.iinfo(dtype)
    values = b.rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return b.constant(values, [_scale(b, dtype)], _point(b, dtype))


def _pairs(b: GraphBuilder, dtype: str) -> tuple[TensorNode, TensorNode]:
    """A column and a row: all bytes, or 512 random words, the limits among them."""
    n = 256 if dtype == "int8" else 512
    x = _features(b, (1, 1, n, 1), dtype)
    c = _random(b, (1, 1, 1, n), dtype)
    assert c.data is not None
    if dtype == "int8":
        c.data[...] = BYTES
    c.data[..., :4] = np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1
    return x, c


def _binary(kind: str) -> Maker:
    def make(b: GraphBuilder, dtype: str) -> list[TensorNode]:
        x, c = _pairs(b, dtype)
        results = []
        for close in (False, True, True, True):
            if close:
                scale = _close(b, x.scales[0], _scale(b, dtype))
                c = b.constant(c.data, [scale], c.zero_points[0])
            first, second = x.scales[0], c.scales[0]
            product = first * second if kind == "MUL" else max(first, second)
            wanted = product * (np.iinfo(dtype).max / 2 if kind == "MUL" else 1.0)
            if kind == "SQUARED_DIFFERENCE":
                product, wanted = product**2, product**2 * np.iinfo(dtype).max * 4
            scale = _close(b, product, wanted) if close else wanted * 1.37
            results.append(b.binary(kind, *((c, x) if b.rng.integers(2) else (x, c)), scale=scale))
        return results

    make.__name__ = kind.lower()
    return make


def prelu(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    x = _features(b, (1, 1, 1, 256), dtype)
    results = []
    for close in (False, True, True, True):
        values = b.constant(
            np.repeat(BYTES, 256).reshape(1, 1, 256, 256), [_scale(b, dtype)], _point(b, dtype)
        )
        scale = _scale(b, dtype)
        if close:
            scale = _close(b, values.scales[0], values.scales[0])
        slope_scale = 1.25 / 256 if close else 0.0043
        slopes = b.constant(BYTES.reshape(1, 1, 256), [slope_scale], _point(b, dtype))
        results.append(b.op("PRELU", [values, slopes], b.tensor(values.shape, scale=scale)))
    return [b.requant(x), *results]


def matmul(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    x, c = _features(b, (1, 1, 320, 7), dtype), _random(b, (1, 1, 7, 320), dtype)
    product = x.scales[0] * c.scales[0]
    scale = product * np.iinfo(dtype).max * 1.3
    results = []
    for chosen in (scale, _close(b, product, scale)):
        y = b.tensor((1, 1, 320, 320), dtype, chosen)
        results.append(b.op("BATCH_MATMUL", [x, c], y, adjX=False, adjY=False))
    return results


def mean(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    results = []
    x = _features(b, (1, 5, 200, 112), dtype)
    for axes, shape in (([1], (1, 1, 200, 112)), ([2], (1, 5, 1, 112)), ([3], (1, 5, 200, 1))):
        y = b.tensor(shape, dtype, x.scales[0] * float(b.rng.uniform(0.2, 0.9)))
        results.append(b.op("MEAN", [x, b.ints(axes)], y, keepDims=True))
    pairs = _random(b, (1, 2, 400, 224), dtype)
    y = b.tensor((1, 1, 400, 224), dtype, _close(b, pairs.scales[0], pairs.scales[0] * 0.7))
    return [*results, b.op("MEAN", [pairs, b.ints([1])], y, keepDims=True)]


def _close_channels(b: GraphBuilder) -> None:
    """Scales of every other channel of the last operator's weights, as :func:`_close` has them."""
    x, weights, _ = b.ops[-1].inputs
    (y,) = b.ops[-1].outputs
    assert x is not None
    assert weights is not None
    product = x.scales[0] / y.scales[0]
    weights.scales = tuple(
        float(np.float32(1 / _close(b, product, 1 / scale))) if channel % 2 else scale
        for channel, scale in enumerate(weights.scales)
    )


def convolution(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    y = b.conv(_features(b, (1, 66, 66, 5), dtype), 25, (3, 3))
    _close_channels(b)
    return [y]


def depthwise(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    y = b.conv(_features(b, (1, 66, 66, 25), dtype), 0, (3, 3), depthwise=True)
    _close_channels(b)
    return [y]


def fully_connected(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    results = []
    for count in (1, 110):
        x = b.features or _features(b, (500, 9), dtype)
        scales = 2.0 ** b.rng.uniform(-9, -6, count)
        weights = b.constant(b.rng.integers(-127, 128, (110, 9)).astype("int8"), scales)
        bias = b.constant(
            b.rng.integers(-3000, 3000, 110).astype("int32"), list(x.scales[0] * scales)
        )
        y = b.tensor((500, 110), scale=x.scales[0] * 1.7)
        options = {"fusedActivationFunction": 0, "keepNumDims": True}
        results.append(b.op("FULLY_CONNECTED", [x, weights, bias], y, **options))
        _close_channels(b)
    return results


def requantization(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    """All words to bytes and to words; all bytes with many scales."""
    x = _features(b, (1, 1, 1, 256), dtype)
    if dtype == "int16":
        words = b.constant(WORDS, [_scale(b, dtype)])
        scale = words.scales[0]
        finer, coarser = (scale * float(b.rng.uniform(*limits)) for limits in ((0.6, 1), (1, 3)))
        changed = [b.requant(words, "int16", finer, 0), b.requant(words, "int16", coarser, 0)]
        return [b.requant(x), *changed, b.requant(words, "int8", scale * 200)]
    values = [b.constant(BYTES, [_scale(b, dtype)], _point(b, dtype)) for _ in range(400)]
    kinds = ["int8", "int16"]
    return [b.requant(x), *(b.requant(v, kinds[i % 2]) for i, v in enumerate(values))]


# What the interpreter takes for a power of two, which it has a path of its own for, and others.
NEAR_POWERS = [1 + 3e-4, 1 - 3e-4, 1 + 6.9e-4, 1 - 6.9e-4]
OTHERS = [1 + 7.0e-4, 1 - 7.0e-4, 1.002, 1 / 3, 0.77, 5.3]


def logistic(b: GraphBuilder, dtype: str) -> list[TensorNode]:
    """All words with several scales."""
    x = _features(b, (1, 1, 1, 256), "int8")
    words = [b.constant(WORDS, [ratio * 2.0**-12]) for ratio in [1.0, *NEAR_POWERS, *OTHERS]]
    results = [b.op("LOGISTIC", [value], b.tensor(value.shape, dtype, 2.0**-15)) for value in words]
    return [b.requant(x), *results]


CASES = [
    *(
        (maker, dtype)
        for maker in (
            *(_binary(kind) for kind in ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE")),
            matmul,
            mean,
            convolution,
            depthwise,
            requantization,
        )
        for dtype in ("int8", "int16")
    ),
    (fully_connected, "int8"),
    (prelu, "int8"),
    (logistic, "int16"),
]


@pytest.mark.parametrize(
    ("maker", "dtype"), CASES, ids=[f"{maker.__name__}-{dtype}" for maker, dtype in CASES]
)
def test_many_results_equal_interpreter(maker: Maker, dtype: str) -> None:
    b = GraphBuilder(0)
    results = maker(b, dtype)
    assert b.features is not None
    model = b.model(results[0], b.requant(b.features))
    runner = TflmRunner(model, preserve_all=True)
    limits = np.iinfo(b.features.dtype)
    shape, n = b.features.shape, int(np.prod(b.features.shape))
    values = np.arange(n) if n <= 256 else b.rng.integers(0, limits.max - limits.min + 1, n)
    features = (values + limits.min).astype(b.features.dtype).reshape(shape)
    runner.invoke(features)

    tensors = model.graph.tensors
    program = lower(model.graph, model.metadata)
    computed = node_results(program, lambda i: runner.tensor(i) if i < len(tensors) else None)
    compared = 0
    for op in model.graph.ops:
        (index,) = op.outputs
        np.testing.assert_array_equal(computed[index], runner.tensor(index), err_msg=str(op))
        compared += tensors[index].elements
    assert compared >= LEAST_RESULTS
