"""Parts of linear attention on int16 values."""

from __future__ import annotations

import numpy as np
from aot_harness import GraphBuilder, TensorNode


def _angles(
    b: GraphBuilder, rows: int, columns: int, heads: int, pairs: int
) -> tuple[TensorNode, TensorNode, TensorNode, TensorNode]:
    """Cosines and sines by row and by column, half of the pairs each."""
    r = b.rng
    steps = 10000.0 ** -r.uniform(0, 1.2, pairs)
    steps[0] = 3.0
    by_row = np.arange(pairs) < pairs // 2
    constants = []
    for function, scale in ((np.cos, 1 / 32767), (np.sin, float(r.uniform(0.9, 1.2)) / 32767)):
        for turned, shape in ((by_row, (1, rows, 1, -1)), (~by_row, (1, 1, columns, -1))):
            indices = np.arange(max(shape[1], shape[2]))[:, None]
            values = function(indices * steps * turned) / scale
            values = np.repeat(np.clip(np.round(values), -32767, 32767), 2, axis=1)
            data = np.tile(values, (1, heads)).astype(np.int16).reshape(shape)
            constants.append(b.constant(data, [scale]))
    return constants[0], constants[1], constants[2], constants[3]


def turned_neighbours(b: GraphBuilder, x: TensorNode) -> TensorNode:
    """Neighbouring channels swapped, one of them with another sign."""
    y = b.conv(x, x.shape[3])
    weights, biases = b.ops[-1].inputs[1:]
    assert weights is not None
    assert biases is not None
    channels = np.arange(x.shape[3])
    data = np.zeros(weights.shape, np.int8)
    data[channels, 0, 0, channels ^ 1] = np.where(channels % 2, 127, -127)
    weights.data, weights.scales = data, (1 / 127,) * len(channels)
    bias = int(b.rng.integers(0, 20000))
    biases.data = np.where(channels % 2, bias, -bias).astype(np.int32)
    biases.scales = tuple(float(np.float32(x.scales[0] / 127)) for _ in channels)
    y.scales = (float(np.float32(x.scales[0] * b.rng.uniform(1.0, 2.5))),)
    return y


def rotate(
    b: GraphBuilder, x: TensorNode, plain: TensorNode, pairs: int, activation: int = 0
) -> TensorNode:
    """A rotation by row and column of ``plain``, an int16 form of ``x``."""
    r = b.rng
    _, rows, columns, channels = x.shape
    cosines = _angles(b, rows, columns, channels // (2 * pairs), pairs)
    turned = b.requant(turned_neighbours(b, x), "int16", None, 0)
    turned.scales = (float(np.float32(plain.scales[0] * r.uniform(0.5, 1.3))),)
    order = 1 if r.integers(2) else -1

    def scale_of(source: TensorNode, *changes: float) -> float:
        return source.scales[0] * float(r.choice(changes))

    straight = plain
    for factor in cosines[:2][::order]:
        scale = scale_of(straight, 1, 1, 0.99, 1.0002)
        straight = b.binary("MUL", straight, factor, scale, activation=activation)
    crossed = [
        b.binary("MUL", turned, factor, scale_of(turned, 0.6, 0.8, 1.1)) for factor in cosines[2:]
    ]
    scale = max(part.scales[0] for part in crossed) * float(r.choice([1, 1, 1.2]))
    joined = b.binary("ADD", *crossed[:: int(r.choice([1, -1]))], scale=scale)
    parts = (straight, joined)[:: int(r.choice([1, -1]))]
    return b.binary("ADD", *parts, scale=max(straight.scales[0], scale) * float(r.uniform(0.8, 2)))


def wide_rotated(
    b: GraphBuilder,
    rows: int = 0,
    columns: int = 0,
    heads: int = 0,
    pairs: int = 0,
    activation: int = 0,
) -> TensorNode:
    """A rotation of int16 values that come from int8 ones, one of its tables read twice."""
    r = b.rng
    rows, columns = rows or int(r.integers(2, 6)), columns or int(r.integers(2, 9))
    heads, pairs = heads or int(r.integers(1, 4)), pairs or 2 * int(r.integers(1, 4))
    x = b.input((1, rows, columns, 2 * pairs * heads))
    x = b.requant(x, scale=0.03 * float(r.uniform(0.5, 1.0)))
    plain = b.requant(x, "int16", x.scales[0] / 128 * float(r.uniform(0.7, 1.4)), 0)
    if r.integers(2):
        one = b.constant(r.integers(100, 3000, ()).astype("int16"), plain.scales)
        plain = b.binary("ADD", plain, one, scale=plain.scales[0] * 1.3)
    y = rotate(b, x, plain, pairs, activation)
    return b.binary("ADD", y, plain, scale=y.scales[0]) if r.integers(2) else y


def wide_attended(b: GraphBuilder, rows: int = 0, heads: int = 0, flaw: str = "") -> TensorNode:
    """Linear attention over masked heads of 8 channels, from the queries on.

    Args:
        b: Where it is built.
        rows: Tokens.
        heads: Heads.
        flaw: What keeps it from being one operator: ``"columns"`` of the normaliser that differ,
            ``"difference"`` the other way round, ``"another reader"`` of the quotient,
            ``"activation"`` behind a product.

    Returns:
        The result.
    """
    r = b.rng
    rows, heads = rows or int(r.integers(1, 12)), heads or int(r.integers(2, 5))
    channels = 8 * heads
    shapes = [(1, rows, channels)] * 2 + [(1, channels, n) for n in (channels, 1)] + [(1, channels)]
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = b.split(b.input((1, 1, 1, sum(sizes))), sizes, 3)
    parts = [b.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    query, matrix, mean = (b.requant(parts[i], "int16", 0.0002, 0) for i in (0, 2, 4))
    plain, sums = (  # positive, as the interpreter has roots of such values only
        b.requant(
            b.op("LOGISTIC", [parts[i]], b.tensor(parts[i].shape, scale=1 / 256, point=-128)),
            "int16",
            float(r.uniform(0.5, 1)) / 16000,
            0,
        )
        for i in (1, 3)
    )
    blocks = np.kron(np.eye(heads), np.ones((8, 8)))

    def masked(x: TensorNode, scale: float, different: float = 0) -> TensorNode:
        levels = blocks * int(r.integers(5000, 32767)) - different * np.arange(channels)
        mask = b.constant((levels * blocks).astype("int16"), [1 / 20000])
        return b.binary("MUL", *(x, mask)[:: int(r.choice([1, -1]))], scale=scale)

    def product(first: TensorNode, second: TensorNode, levels: float) -> TensorNode:
        scale = first.scales[0] * second.scales[0] * levels * float(r.uniform(0.3, 3))
        y = b.tensor((1, rows, channels), "int16", scale)
        return b.op("BATCH_MATMUL", [first, second], y, adjX=False, adjY=False)

    def times(first: TensorNode, second: TensorNode, levels: float) -> TensorNode:
        scale = first.scales[0] * second.scales[0] * levels * float(r.uniform(0.3, 3))
        parts = (first, second)[:: int(r.choice([1, -1]))]
        return b.binary("MUL", *parts, scale=scale, activation=int(flaw == "activation"))

    z = product(plain, masked(sums, sums.scales[0] * 1.2, flaw == "columns"), 30000)
    numerator = product(query, masked(matrix, 0.0003), 20000)
    root = b.unary("RSQRT", z, (z.scales[0] ** -0.5) / 30000 * float(r.uniform(0.02, 1)), 0)
    attended = times(times(numerator, root, 5000), root, 5000)
    scale = attended.scales[0] * float(2.0 ** r.uniform(-2, 1))
    mean = b.requant(mean, "int16", scale, 0)
    both = max(attended.scales[0], scale)
    parts = (attended, mean)[:: -1 if flaw == "difference" else 1]
    away = b.binary("SUB", *parts, scale=both * float(r.uniform(0.5, 2)))
    weighted = times(z, away, 15000)
    weighted.scales = (float(np.float32(attended.scales[0] * r.choice([0.9, 1.5, 3]))),)
    terms = (attended, weighted)[:: int(r.choice([1, -1]))]
    largest = max(part.scales[0] for part in terms)
    y = b.binary("ADD", *terms, scale=largest * float(r.uniform(0.6, 2)))
    return b.binary("ADD", y, attended, scale=y.scales[0]) if flaw == "another reader" else y
