"""Element-wise operators on two operands with random shapes and parameters."""

from __future__ import annotations

from aot_harness import GraphBuilder, TensorNode


def wide(b: GraphBuilder, x: TensorNode, y: TensorNode) -> TensorNode:
    """An int16 tensor with all bits in use, made of two int8 ones."""
    high = b.requant(x, "int16", 0.004, 0)
    low = b.requant(y, "int16", 0.00003, 0)
    return b.binary("ADD", high, low, scale=0.00011)


def wide_pair(b: GraphBuilder, shape: tuple[int, ...]) -> tuple[TensorNode, TensorNode]:
    size = 1
    for extent in shape:
        size *= extent
    x = b.input((1, 1, 1, 4 * size))
    parts = [b.reshape(part, shape) for part in b.split(x, [size] * 4, 3)]
    return wide(b, *parts[:2]), wide(b, *parts[2:])


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


def equal_sums(b: GraphBuilder) -> TensorNode:
    """Sums and differences of operands with near and far scales."""
    r = b.rng
    x = b.input((1, 2, 9, int(r.integers(2, 12)) * 2))
    half = x.shape[3] // 2
    first, second = b.split(x, [half, half], 3)
    near = float(r.choice([1.0, 1.5, 2.0, 30.0]))
    a, c = b.requant(first, scale=0.02), b.requant(second, scale=0.02 * near)
    return b.binary(str(r.choice(["ADD", "SUB"])), a, c, scale=0.02 * (1 + near) * 0.7)


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
    a, c = wide_pair(b, (1, 3, 4, 8))
    kind = str(b.rng.choice(["ADD", "SUB", "MUL"]))
    scale = a.scales[0] * c.scales[0] * 30000 if kind == "MUL" else None
    return b.binary(kind, a, c, scale=scale)


def wide_broadcast(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 3, 4, 8))
    c = b.strided_slice(c, [0, 0, 0, 0], [1, 3, 4, 1])
    kind = str(b.rng.choice(["ADD", "SUB", "MUL"]))
    return b.binary(kind, a, c, scale=a.scales[0] * (c.scales[0] * 3e4 if kind == "MUL" else 2))


def extremum(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 2, 9, 8))
    first, second = b.split(x, [4, 4], 3)
    kind = str(b.rng.choice(["MINIMUM", "MAXIMUM"]))
    return b.op(kind, [first, second], b.like(first, first.shape))


def wide_extremum(b: GraphBuilder) -> TensorNode:
    a, c = wide_pair(b, (1, 3, 4, 8))
    del c
    zero = b.constant(b.rng.integers(-3, 4, (1, 1, 1, 1)).astype("int16"), a.scales)
    if b.rng.integers(2):
        zero = b.constant(b.rng.integers(0, 1, (1, 1, 1, 1)).astype("int16"), [1.0])
    kind = str(b.rng.choice(["MINIMUM", "MAXIMUM"]))
    return b.op(kind, [a, zero], b.like(a, a.shape))


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
    a, c = wide_pair(b, (1, 3, 4, 8))
    if b.rng.integers(2):
        c = b.strided_slice(c, [0, 0, 0, 0], [1, 3, 4, 1])
    scale = max(a.scales[0], c.scales[0]) ** 2 * 20000
    return b.binary("SQUARED_DIFFERENCE", a, c, scale=scale)


def square_of_constant_distance(b: GraphBuilder) -> TensorNode:
    """A squared difference to one constant is a table."""
    x = b.input((1, 2, 9, 8))
    c = b.constant(b.rng.integers(-128, 128, (1, 1, 1, 1)).astype("int8"), [0.03], 5)
    return b.binary("SQUARED_DIFFERENCE", x, c, scale=0.1)
