"""Layouts that need little memory, and plans close to what the values need."""

from __future__ import annotations

from pathlib import Path

import aot_harness
import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode

from firmware_gen.backends.aot.arrange import arrange
from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.aot.layout import Buffer, Layout
from firmware_gen.backends.aot.liveness import live_bytes, taken_bytes
from firmware_gen.backends.aot.lower import lower
from firmware_gen.backends.aot.memory import aligned, place_buffers
from quantize.artifact import QuantizedModel


def _layout(model: QuantizedModel) -> Layout:
    return arrange(lower(model.graph, model.metadata))


def _copied_bytes(model: QuantizedModel) -> int:
    """Bytes that layers without arithmetic write."""
    table = compile_network(model.graph, model.metadata, "portable").source.layer_table
    kinds = ("slice", "concat", "reshape", "pad")
    return sum(row["written_bytes"] for row in table if row["function"].endswith(kinds))


def _is_near(layout: Layout) -> bool:
    return bool(taken_bytes(layout).max() <= 1.05 * live_bytes(layout).max())


def _cut(rng: np.random.Generator, steps: int, size: int, depth: int) -> list[tuple[int, ...]]:
    """Random rectangles (first, last, bytes) that fill steps x size without gaps."""
    if depth == 0 or steps < 2 or size < 16:
        return [(0, steps - 1, size)]
    if rng.random() < 0.5:
        cut = int(rng.integers(1, steps))
        late = _cut(rng, steps - cut, size, depth - 1)
        return [
            *_cut(rng, cut, size, depth - 1),
            *((first + cut, last + cut, n) for first, last, n in late),
        ]
    cut = 8 * int(rng.integers(1, size // 8))
    return _cut(rng, steps, cut, depth - 1) + _cut(rng, steps, size - cut, depth - 1)


@pytest.mark.parametrize("seed", range(8))
def test_plan_is_within_five_percent_of_the_best(seed: int) -> None:
    """Buffers cut out of a full rectangle can be put back into it."""
    rng = np.random.default_rng(seed)
    rectangles = _cut(rng, 64, 8192, 5)
    buffers = [Buffer("arena", i, n, -1, a, b) for i, (a, b, n) in enumerate(rectangles)]
    rng.shuffle(buffers)  # type: ignore[arg-type]
    total = place_buffers(buffers)
    assert 8192 <= total <= 1.05 * 8192
    for i, a in enumerate(buffers):
        assert a.offset % 8 == 0
        assert a.offset + a.size_bytes <= total
        for b in buffers[:i]:
            apart = a.offset + a.size_bytes <= b.offset or b.offset + b.size_bytes <= a.offset
            assert apart or a.last < b.first or b.last < a.first


def test_many_buffers_are_no_reason_for_a_worse_plan() -> None:
    """A network over segments has thousands of buffers, of which few live at the same time."""
    rectangles = _cut(np.random.default_rng(3), 64, 8192, 5)
    short = [(64 + i, 64 + i, 8) for i in range(1500)]
    buffers = [Buffer("arena", i, n, -1, a, b) for i, (a, b, n) in enumerate([*rectangles, *short])]
    assert place_buffers(buffers) <= 1.05 * 8192


def test_nothing_needs_no_memory() -> None:
    assert place_buffers([]) == 0
    assert aligned(1) == 8


def _chain() -> QuantizedModel:
    b = GraphBuilder(0)
    x = b.requant(b.input((1, 4, 8, 6)))
    y = b.binary("ADD", x, b.requant(x))
    y = b.binary("MUL", y, b.unary("LOGISTIC", y, 1 / 256, -128))
    y = b.binary("SUB", y, x)
    return b.model(b.requant(y), b.requant(y))


def _rotated() -> QuantizedModel:
    """A sum of a value with its own halves swapped must not write over them."""
    b = GraphBuilder(1)
    x = b.requant(b.input((1, 4, 8, 6)))
    first, second = b.split(x, [3, 3], 3)
    y = b.binary("ADD", b.concat([second, first], 3), x)
    z = b.binary("MUL", x, y)
    return b.model(b.requant(z), b.requant(y))


def _branches(*, late: bool = False) -> QuantizedModel:
    """Split, three convolutions, concatenation: the identity part stays where it is."""
    b = GraphBuilder(2)
    x = b.requant(b.input((1, 1, 20, 16)))
    whole = b.conv(x, 16)
    kept, first, second = b.split(whole, [8, 4, 4], 3)
    scale, point = whole.scales[0], whole.zero_points[0]

    def branch(part: TensorNode) -> TensorNode:
        y = b.conv(part, 4, (1, 3), same=True, depthwise=True)
        return b.requant(y, scale=scale, point=point)

    one, two = branch(first), branch(second)
    out = b.concat([kept, one, two], 3)
    mask = b.binary("ADD", out, whole) if late else b.conv(out, 4)
    return b.model(b.requant(mask), b.requant(x))


def _skip() -> QuantizedModel:
    """A skip connection waits for the end of a long chain with larger values."""
    b = GraphBuilder(3)
    x = b.requant(b.input((1, 1, 64, 16)))
    skip = b.conv(x, 16)
    y = b.conv(skip, 48, (1, 3), same=True)
    y = b.conv(b.conv(y, 80), 80)
    y = b.requant(b.conv(y, 16), scale=skip.scales[0], point=skip.zero_points[0])
    out = b.conv(b.concat([y, skip], 3), 8)
    return b.model(b.requant(out), b.requant(x))


def _dense() -> QuantizedModel:
    """A dense block: every convolution reads all results so far, with a wider border each time."""
    b = GraphBuilder(4)
    x = b.requant(b.input((1, 12, 20, 4)))
    scale, point = x.scales[0], x.zero_points[0]
    skip = x
    for dilation in (1, 2, 4):
        padded = b.pad(skip, [(0, 0), (dilation, dilation), (1, 1), (0, 0)])
        y = b.conv(padded, 4, (3, 3), dilation=(dilation, 1))
        mean = b.op("MEAN", [y, b.ints([1, 2])], b.tensor((1, 1, 1, 4)), keepDims=True)
        square = b.binary("SQUARED_DIFFERENCE", y, mean)
        spread = b.op("MEAN", [square, b.ints([1, 2])], b.tensor((1, 1, 1, 4)), keepDims=True)
        y = b.binary("MUL", b.binary("SUB", y, mean), spread)
        out = b.requant(y, scale=scale, point=point)
        if dilation < 4:
            skip = b.concat([out, skip], 3)
    return b.model(b.requant(out), b.requant(out))


MODELS = {
    "chain": _chain,
    "rotated": _rotated,
    "branches": _branches,
    "late reader": lambda: _branches(late=True),
    "skip": _skip,
    "dense": _dense,
}


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_layouts_compute_what_the_interpreter_does(kernels: str, tmp_path: Path) -> None:
    aot_harness.assert_equal([make() for make in MODELS.values()], tmp_path, 4, kernels)


@pytest.mark.parametrize("name", ["chain", "rotated", "branches", "skip", "dense"])
def test_plan_is_near_what_the_values_need(name: str) -> None:
    model = MODELS[name]()
    layout = _layout(model)
    assert _is_near(layout)
    plan = compile_network(model.graph, model.metadata, "dsp").plan
    assert plan.lower_bound_bytes <= plan.arena_bytes <= 1.05 * plan.lower_bound_bytes + 16


def test_elementwise_results_take_the_place_of_operands() -> None:
    size = 4 * 8 * 6
    assert int(live_bytes(_layout(_chain())).max()) == 3 * size
    assert int(live_bytes(_layout(_rotated())).max()) == 2 * size


def test_split_and_concatenation_copy_only_what_has_a_border() -> None:
    layout = _layout(_branches())
    slices = [n for n in layout.program.nodes if type(n).__name__ == "Slice"]
    concat = next(n for n in layout.program.nodes if type(n).__name__ == "Concat")
    source = layout.placements[slices[0].inputs[0]]
    assert source.buffer is layout.placements[concat.outputs[0]].buffer
    later = _layout(_branches(late=True))
    slices = [n for n in later.program.nodes if type(n).__name__ == "Slice"]
    concat = next(n for n in later.program.nodes if type(n).__name__ == "Concat")
    source = later.placements[slices[0].inputs[0]]
    assert source.buffer is not later.placements[concat.outputs[0]].buffer


def test_waiting_skip_connection_is_copied_late() -> None:
    layout = _layout(_skip())
    assert int(taken_bytes(layout).max()) == 64 * 80 * 2 + 64 * 16 + 66 * 16


def test_borders_nest_and_gaps_are_used() -> None:
    """The widest padded concatenation holds everything, and what the norms need for a moment."""
    layout = _layout(_dense())
    widest = (12 + 8) * (20 + 2) * 12
    assert int(taken_bytes(layout).max()) <= 1.04 * (widest + 12 * 20 * 4 + 64)
    assert _copied_bytes(_dense()) < 3 * widest
