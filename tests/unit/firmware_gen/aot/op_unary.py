"""Element-wise operators on one operand with random parameters."""

from __future__ import annotations

from aot_harness import GraphBuilder, TensorNode
from op_elementwise import wide_pair


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


def prelu(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 2, 7, 9))
    alpha = b.constant(
        b.rng.integers(-128, 128, (1, 1, 9)).astype("int8"), [0.004], int(b.rng.integers(-5, 5))
    )
    return b.op("PRELU", [x, alpha], b.tensor(x.shape))


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


def wide_root(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 2, 3, 8))
    square = b.binary("MUL", a, a, scale=a.scales[0] ** 2 * float(b.rng.choice([40000, 2e5])))
    scale = 1.0 / (square.scales[0] ** 0.5 * float(b.rng.choice([3e3, 1e4, 3e4])))
    del c
    return b.op("RSQRT", [square], b.tensor(square.shape, "int16", scale))


def wide_requantize(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 2, 3, 8))
    del c
    if b.rng.integers(2):
        return b.requant(a, "int16", a.scales[0] * float(2.0 ** b.rng.uniform(-2, 2)), 0)
    return b.requant(a, "int8", a.scales[0] * float(2.0 ** b.rng.uniform(5, 9)))
