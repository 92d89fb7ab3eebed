"""State carried over many frames: ring buffers, running sums, plain copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import aot_harness
import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.aot.lower import lower
from firmware_gen.backends.aot.rings import find_rings

FRAMES = 40


def _causal(
    b: GraphBuilder,
    x: TensorNode,
    rows: int,
    columns: int,
    *,
    initial: bool,
    depthwise: bool,
    every: int = 1,
) -> TensorNode:
    whole = b.extend(x, (rows - 1) * every, initial)
    if columns > 1:
        side = columns // 2
        whole = b.pad(whole, [(0, 0), (0, 0), (side, side), (0, 0)])
    return b.conv(whole, 6, (rows, columns), depthwise=depthwise, dilation=(every, 1))


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
@pytest.mark.parametrize("initial", [False, True])
def test_causal_convolutions(initial: bool, kernels: str, tmp_path: Path) -> None:
    models = []
    for seed, (rows, columns, depthwise, every) in enumerate(
        [
            (3, 3, True, 1),
            (11, 1, True, 1),
            (3, 5, True, 1),
            (3, 3, False, 1),
            (2, 1, False, 1),
            (4, 1, True, 1),
            (4, 1, True, 3),
            (3, 3, False, 2),
        ]
    ):
        b = GraphBuilder(seed)
        x = b.input((1, 1, 9, 4 if depthwise else 3))
        y = b.requant(x)
        out = _causal(b, y, rows, columns, initial=initial, depthwise=depthwise, every=every)
        models.append(b.model(out, b.requant(x)))
        assert len(find_rings(lower(models[-1].graph, models[-1].metadata))) == 1
    aot_harness.assert_equal(models, tmp_path, FRAMES, kernels)


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_running_sum_over_a_window(kernels: str, tmp_path: Path) -> None:
    models, used = [], []
    for seed in range(4):
        b = GraphBuilder(seed)
        x = b.input((1, 1, 1, 20))
        whole = b.extend(b.requant(x), 15, initial=seed != 1)
        y = b.conv(whole, 0, (16, 1), depthwise=True, equal_taps=True)
        if seed > 1:
            _channels_alike(b.ops[-1].inputs)
        models.append(b.model(y, b.requant(x)))
        graph, metadata = models[-1].graph, models[-1].metadata
        assert find_rings(lower(graph, metadata))[0].window is not None
        used.append(compile_network(graph, metadata, kernels).source.kernels)
    aot_harness.assert_equal(models, tmp_path, 3 * FRAMES, kernels)
    fast = ["imse_window_mean_s8_dsp" in names for names in used]
    assert fast == [kernels == "dsp" and seed > 1 for seed in range(4)]


def _channels_alike(inputs: Sequence[TensorNode | None]) -> None:
    """Give all channels of a depthwise convolution the weights of the first one."""
    for node in inputs[1:]:
        assert node is not None
        assert node.data is not None
        node.data = np.broadcast_to(node.data[..., :1], node.data.shape).copy()
        node.scales = node.scales[:1] * len(node.scales)


def test_state_that_is_no_ring_is_copied(tmp_path: Path) -> None:
    b = GraphBuilder(3)
    x = b.input((1, 1, 8, 4))
    whole = b.extend(b.requant(x), 3, initial=True)
    total = b.op("MEAN", [whole, b.ints([1])], b.tensor((1, 1, 8, 4)), keepDims=True)
    model = b.model(total, b.requant(x))
    assert not find_rings(lower(model.graph, model.metadata))
    aot_harness.assert_equal([model], tmp_path, FRAMES)


def test_recurrent_state(tmp_path: Path) -> None:
    b = GraphBuilder(4)
    x = b.input((1, 1, 8, 4))
    state = b.like(x, (1, 1, 8, 4))
    mixed = b.binary("ADD", b.requant(x), state, scale=0.05, point=4)
    after = b.op("QUANTIZE", [mixed], b.like(x, (1, 1, 8, 4)))
    b.states.append((state, after, None))
    aot_harness.assert_equal([b.model(mixed, b.requant(x))], tmp_path, FRAMES)


def _delay_line(b: GraphBuilder, *, through_views: bool) -> TensorNode:
    """A recurrent state, and its values one and two frames ago."""
    x = b.input((1, 1, 4, 8))
    first, second, third = (b.like(x, x.shape) for _ in range(3))

    def handed_on(state: TensorNode) -> TensorNode:
        if not through_views:
            return state
        return b.reshape(b.reshape(state, (1, 4, 1, 8)), x.shape)

    moved = [handed_on(state) for state in (first, second)]
    newest = b.op("ADD", [x, first], b.like(x, x.shape), fusedActivationFunction=0)
    b.states += [(first, newest, None), (second, moved[0], None), (third, moved[1], None)]
    return b.binary("ADD", second, third)


def _swapped(b: GraphBuilder, *, through_views: bool) -> TensorNode:
    """Two states that change places, and one that hears of the features."""
    x = b.input((1, 1, 4, 8))
    first, second = b.like(x, x.shape), b.like(x, x.shape)
    mixed = b.op("ADD", [x, second], b.like(x, x.shape), fusedActivationFunction=0)
    third = b.like(x, x.shape)
    moved = [b.reshape(s, x.shape) if through_views else s for s in (second, third)]
    b.states += [(first, mixed, None), (second, moved[1], None), (third, moved[0], None)]
    return b.binary("ADD", b.binary("ADD", first, second), third)


@pytest.mark.parametrize("network", [_delay_line, _swapped])
def test_states_that_are_handed_on(network: Callable[..., TensorNode], tmp_path: Path) -> None:
    models = []
    for through_views in (False, True):
        b = GraphBuilder(6)
        y = network(b, through_views=through_views)
        assert b.features is not None
        for i, (state, after, _) in enumerate(b.states):
            values = tuple(b.rng.integers(-128, 128, 32).tolist())
            b.states[i] = state, after, values
        models.append(b.model(y, b.requant(b.features)))
    aot_harness.assert_equal(models, tmp_path, FRAMES)


def test_inputs_that_are_outputs_too(tmp_path: Path) -> None:
    b = GraphBuilder(7)
    x = b.input((1, 1, 4, 8))
    state = b.like(x, x.shape)
    b.states.append((state, x, None))
    aot_harness.assert_equal([b.model(b.binary("ADD", x, state), state)], tmp_path, FRAMES)


def test_state_that_nothing_reads(tmp_path: Path) -> None:
    b = GraphBuilder(8)
    x = b.input((1, 1, 4, 8))
    y = b.requant(x)
    b.states.append((b.like(y, y.shape), y, None))
    model = b.model(b.requant(y), b.requant(x))
    aot_harness.assert_equal([model], tmp_path, FRAMES)
    assert compile_network(model.graph, model.metadata, "portable").plan.state_bytes == 0


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_int16_states_are_no_rings(kernels: str, tmp_path: Path) -> None:
    models = []
    for seed, equal_taps in enumerate([True, False]):
        b = GraphBuilder(seed)
        x = b.input((1, 1, 1, 8))
        whole = b.extend(b.requant(x, "int16", 0.001, 0), 7, initial=equal_taps)
        y = b.conv(whole, 0, (8, 1), depthwise=True, equal_taps=equal_taps)
        models.append(b.model(y, b.requant(x)))
        assert not find_rings(lower(models[-1].graph, models[-1].metadata))
    aot_harness.assert_equal(models, tmp_path, FRAMES, kernels)


def test_frames_that_are_read_from_outside_are_no_ring(tmp_path: Path) -> None:
    """What a ring holds is in order for its convolutions only."""
    models = []
    for outside in ("all frames", "next value"):
        b = GraphBuilder(9)
        x = b.input((1, 1, 9, 4))
        whole = b.extend(b.requant(x), 2)
        y = b.conv(whole, 0, (3, 1), depthwise=True)
        models.append(b.model(y, whole if outside == "all frames" else b.states[0][1]))
    b = GraphBuilder(10)
    x = b.input((1, 1, 9, 4))
    whole = b.extend(b.requant(x), 2)
    later = b.like(whole, whole.shape)
    b.states.append((later, whole, None))
    y = b.conv(whole, 0, (3, 1), depthwise=True)
    models.append(b.model(y, b.requant(later)))
    for model in models:
        assert not find_rings(lower(model.graph, model.metadata))
    aot_harness.assert_equal(models, tmp_path, FRAMES)


def test_features_straight_into_a_ring(tmp_path: Path) -> None:
    b = GraphBuilder(5)
    x = b.input((1, 1, 9, 4))
    y = _causal(b, x, 3, 3, initial=False, depthwise=True)
    aot_harness.assert_equal([b.model(y, b.requant(x))], tmp_path, FRAMES)


def _strips(b: GraphBuilder, x: TensorNode) -> TensorNode:
    """Pointwise convolution, split into identity and three depthwise branches, concatenation."""
    c = x.shape[3]
    y = b.conv(x, c)
    part = c // 8
    keep, square, wide, tall = b.split(y, [c - 3 * part, part, part, part], 3)
    branches = [keep]
    whole = b.pad(b.extend(square, 2), [(0, 0), (0, 0), (1, 1), (0, 0)])
    branches.append(b.conv(whole, 0, (3, 3), depthwise=True))
    branches.append(b.conv(wide, 0, (1, 11), same=True, depthwise=True))
    branches.append(b.conv(b.extend(tall, 10), 0, (11, 1), depthwise=True))
    same = [b.op("QUANTIZE", [branch], b.like(y, branch.shape)) for branch in branches[1:]]
    return b.concat([keep, *same], 3)


def _gated(b: GraphBuilder, x: TensorNode, hidden: int) -> TensorNode:
    """Pointwise, causal depthwise 3x3, split, hard swish of one half times the other, pointwise."""
    whole = b.pad(b.extend(b.conv(x, 2 * hidden), 2), [(0, 0), (0, 0), (1, 1), (0, 0)])
    gate, value = b.split(b.conv(whole, 0, (3, 3), depthwise=True), [hidden, hidden], 3)
    swish = b.unary("HARD_SWISH", gate, gate.scales[0] * 0.7)
    product = b.binary("MUL", swish, value, swish.scales[0] * value.scales[0] * 40)
    return b.binary("ADD", x, b.conv(product, x.shape[3]), x.scales[0] * 1.5, 0)


def _attention(b: GraphBuilder, x: TensorNode, heads: int, window: int) -> TensorNode:
    _, _, f, c = x.shape
    d = c // heads

    def split_heads(y: TensorNode) -> TensorNode:
        y = b.transpose(b.reshape(y, (1, f, 2, heads, d // 2)), (0, 3, 1, 2, 4))
        return b.reshape(y, (1, heads, f, d))

    def positive(y: TensorNode) -> TensorNode:
        one = b.constant(np.array([[[[127]]]], np.int8), [1 / 127])
        return b.binary("ADD", b.unary("ELU", y, 0.03, -90), one, 0.03, -128)

    def rotate(y: TensorNode) -> TensorNode:
        angle = b.rng.integers(-127, 128, (2, 1, 1, f, c)).astype(np.int8)
        first, second = b.split(y, [c // 2, c // 2], 3)
        swapped = b.concat([second, first], 3)
        a = b.binary("MUL", y, b.constant(angle[0], [1 / 127]), y.scales[0])
        s = b.binary("MUL", swapped, b.constant(angle[1], [1 / 127]), y.scales[0])
        return b.binary("ADD", a, s, y.scales[0] * 1.4)

    q, k = positive(b.conv(x, c)), positive(b.conv(x, c))
    v, gate = b.conv(x, c), b.conv(x, c)
    whole = b.pad(b.extend(v, 2), [(0, 0), (0, 0), (2, 2), (0, 0)])
    position = b.conv(whole, 0, (3, 5), depthwise=True)
    qr, kr = split_heads(rotate(q)), split_heads(rotate(k))
    qh, kh, vh = split_heads(q), split_heads(k), split_heads(v)
    kv = b.op(
        "BATCH_MATMUL",
        [kr, vh],
        b.tensor((1, heads, d, d), scale=kr.scales[0] * vh.scales[0] * 60),
        adjX=True,
        adjY=False,
    )
    ks = b.op("MEAN", [kh, b.ints([2])], b.tensor((1, heads, d), scale=0.03), keepDims=False)
    summaries = []
    for summary in (kv, ks):
        row = b.reshape(summary, (1, 1, 1, int(np.prod(summary.shape))))
        ext = b.extend(row, window - 1, initial=True)
        summaries.append(b.conv(ext, 0, (window, 1), depthwise=True, equal_taps=True))
    mean_kv = b.reshape(summaries[0], (1, heads, d, d))
    mean_k = b.reshape(summaries[1], (1, heads, d, 1))
    z = b.op(
        "BATCH_MATMUL", [qh, mean_k], b.tensor((1, heads, f, 1), scale=0.1), adjX=False, adjY=False
    )
    num = b.op(
        "BATCH_MATMUL", [qr, mean_kv], b.tensor((1, heads, f, d), scale=0.2), adjX=False, adjY=False
    )
    wide = b.requant(b.unary("LOGISTIC", z, 1 / 256, -128), "int16", 1 / 30000, 0)
    floor = b.constant(np.array([[[[3000]]]], np.int16), [1 / 30000])
    inverse = b.op(
        "RSQRT",
        [b.binary("ADD", wide, floor, 1 / 16000)],
        b.tensor(z.shape, "int16", 5.0 / 30000),
    )
    square = b.binary("MUL", inverse, inverse, 20.0 / 32000)
    attended = b.binary("MUL", b.requant(num, "int16", 0.2 / 200, 0), square, 0.002)
    merged = b.requant(attended, "int8", 0.4)
    back = b.transpose(b.reshape(merged, (1, heads, f, 2, d // 2)), (0, 2, 3, 1, 4))
    result = b.binary("ADD", b.reshape(back, (1, 1, f, c)), position, 0.5)
    return b.conv(b.binary("MUL", result, gate, 1.0), c)


def _network(seed: int) -> aot_harness.QuantizedModel:
    b = GraphBuilder(seed)
    x = b.input((1, 1, 32, 3))
    alpha = b.constant(b.rng.integers(-127, 128, (1, 1, 16)).astype(np.int8), [0.004])
    skip = b.op(
        "PRELU", [b.conv(x, 16, (1, 5), stride=(1, 2), same=True), alpha], b.tensor((1, 1, 16, 16))
    )
    y = b.conv(skip, 24, (1, 3), stride=(1, 2), same=True)
    y = _gated(b, _attention(b, _strips(b, y), 3, 9), 20)
    up = b.op("QUANTIZE", [b.reshape(b.conv(y, 32), (1, 1, 16, 16))], b.like(skip, (1, 1, 16, 16)))
    y = b.conv(b.concat([up, skip], 3), 16)
    mask = b.reshape(b.conv(y, 2, (1, 3), same=True), (1, 1, 32, 1))
    slope = b.constant(b.rng.integers(60, 128, (1, 1, 32, 1)).astype(np.int8), [0.01])
    mask = b.unary("LOGISTIC", b.binary("MUL", mask, slope, 0.05), 1 / 256, -128)
    phase = b.reshape(b.conv(y, 4, (1, 3), same=True), (1, 1, 32, 2))
    return b.model(mask, phase)


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_whole_networks(kernels: str, tmp_path: Path) -> None:
    models = [_network(seed) for seed in range(2)]
    rings = find_rings(lower(models[0].graph, models[0].metadata))
    assert len(rings) == len(models[0].metadata.states)
    assert sum(ring.window is not None for ring in rings) == 2
    aot_harness.assert_equal(models, tmp_path, 2 * FRAMES, kernels)
