"""What becomes one loop, and what attention over heads computes once."""

from __future__ import annotations

from pathlib import Path

import aot_harness
import pytest
import test_ops
from aot_harness import GraphBuilder, TensorNode

from firmware_gen.backends.aot.backend import CompiledNetwork, compile_network
from firmware_gen.backends.aot.nodes import (
    Attend,
    Binary,
    Chain,
    Concat,
    MatMul,
    Moments,
    ReciprocalRoot,
    Rotate,
    RowNorm,
    Transpose,
)

WITH_FUSED = ("dsp", "mve")
"""Kernel sets with kernels of norms, attention and rotations."""


def _network(maker: test_ops.Maker, seed: int, kernels: str) -> CompiledNetwork:
    b = GraphBuilder(seed)
    y = maker(b)
    assert b.features is not None
    model = b.model(y, b.strided_slice(b.features, [0, 0, 0, 0], [1, 1, 1, 1]))
    return compile_network(model.graph, model.metadata, kernels)


def test_values_inside_a_chain_take_no_memory() -> None:
    composed, fused = (
        _network(test_ops.wide_chain, 100, kernels) for kernels in ("portable", "dsp")
    )
    (chain,) = [node for node in fused.layout.program.nodes if isinstance(node, Chain)][-1:]
    inside = {step.outputs[0] for step in chain.steps[:-1]}
    assert len(chain.steps) >= 4
    assert inside.isdisjoint(fused.layout.placements)
    assert fused.plan.arena_bytes < composed.plan.arena_bytes
    assert len(fused.source.layers) < len(composed.source.layers)


def test_constant_behind_a_table_is_in_the_table() -> None:
    program = _network(test_ops.behind_table, 3, "dsp").layout.program
    (chain,) = [node for node in program.nodes if isinstance(node, Chain)]
    assert [type(step).__name__ for step in chain.steps].count("Table") == 2
    assert "MUL" in chain.label or "ADD" in chain.label or "SUB" in chain.label


def test_equal_columns_of_a_head_share_one_root() -> None:
    sizes = set()
    for seed in range(100, 116):
        program = _network(test_ops.heads, seed, "dsp").layout.program
        (root,) = [node for node in program.nodes if isinstance(node, ReciprocalRoot)]
        products = [node for node in program.nodes if isinstance(node, MatMul)]
        channels = program.values[products[-1].outputs[0]].shape[-1]
        columns = program.values[root.outputs[0]].shape[-1]
        assert columns in (2, channels)
        sizes.add(columns == channels)
        assert products[-1].blocks == 2
        assert {node.needed_blocks for node in products} == {1, 2}
    assert sizes == {True, False}


@pytest.mark.parametrize("kernels", WITH_FUSED)
def test_norm_that_suits_the_kernel_is_one_layer(kernels: str) -> None:
    whole = 0
    for seed in range(100, 106):
        network = _network(test_ops.row_norm, seed, kernels)
        norms = [node for node in network.layout.program.nodes if isinstance(node, RowNorm)]
        roots = [node for node in network.layout.program.nodes if isinstance(node, ReciprocalRoot)]
        assert len(norms) + len(roots) == 1
        assert (f"imse_norm_s16_s8_{kernels}" in network.source.kernels) == bool(norms)
        whole += len(norms)
    assert 1 <= whole <= 5


@pytest.mark.parametrize("kernels", WITH_FUSED)
def test_rotation_is_one_layer_where_its_sum_has_a_form(kernels: str) -> None:
    taken = 0
    for seed in range(100, 110):
        network = _network(test_ops.rotated, seed, kernels)
        program = network.layout.program
        found = [node for node in program.nodes if isinstance(node, Rotate)]
        assert (f"imse_rotate_s8_{kernels}" in network.source.kernels) == bool(found)
        assert not found or not any(isinstance(n, Binary | Concat) for n in program.nodes)
        taken += len(found)
    assert 1 <= taken <= 9


@pytest.mark.parametrize("kernels", WITH_FUSED)
def test_attention_is_one_layer_where_sums_have_a_form(kernels: str) -> None:
    taken = merged = 0
    for seed in range(100, 116):
        network = _network(test_ops.attended, seed, kernels)
        program = network.layout.program
        found = [node for node in program.nodes if isinstance(node, Attend)]
        assert (f"imse_attend_s8_{kernels}" in network.source.kernels) == bool(found)
        for node in found:
            parts = (node.numerator, node.normaliser, node.away, node.weighted)
            inside = {part.outputs[0] for part in parts}
            assert inside.isdisjoint(network.layout.placements)
            assert not any(isinstance(other, Transpose) for other in program.nodes)
            merged += len(node.merged)
        taken += len(found)
    assert 1 <= taken <= 15
    assert merged


@pytest.mark.parametrize("kernels", WITH_FUSED)
def test_mean_and_variance_over_pixels_are_one_layer(kernels: str) -> None:
    taken = 0
    for seed in range(100, 106):
        network = _network(test_ops.moments, seed, kernels)
        found = [node for node in network.layout.program.nodes if isinstance(node, Moments)]
        assert (f"imse_moments_s16_{kernels}" in network.source.kernels) == bool(found)
        means = {"imse_mean_s16", "imse_mean_s16_mve"} & network.source.kernels
        assert bool(means) != bool(found)
        taken += len(found)
    assert 1 <= taken <= 5


def test_two_variances_around_one_mean(tmp_path: Path) -> None:
    """The mean is computed once, with the first of them."""
    b = GraphBuilder(100)
    a, c = (
        b.requant(part, "int16", 0.0003, 0) for part in b.split(b.input((1, 3, 5, 8)), [4, 4], 3)
    )
    x = b.binary("ADD", a, c, scale=0.0007)
    scale = x.scales[0]

    def mean(y: TensorNode, ratio: float) -> TensorNode:
        out = b.tensor((1, 1, 1, 4), "int16", y.scales[0] * ratio)
        return b.op("MEAN", [y, b.ints([1, 2])], out, keepDims=True)

    middle = mean(x, 0.7)
    first, second = (
        mean(b.binary("SQUARED_DIFFERENCE", x, middle, scale=scale**2 * factor), 0.6)
        for factor in (16000, 9000)
    )
    model = b.model(b.binary("ADD", first, second), b.requant(middle, "int8", 0.05))
    program = compile_network(model.graph, model.metadata, "dsp").layout.program
    assert sum(isinstance(node, Moments) for node in program.nodes) == 1
    aot_harness.assert_equal([model], tmp_path, kernels="dsp")
