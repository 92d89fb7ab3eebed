"""Every operator with random shapes and parameters: C equals the TFLM interpreter, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aot_harness
import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode
from op_all_values import (
    Networks,
    all_extrema,
    all_quotients,
    all_roots,
    all_squares,
    all_sums_of_windows,
)
from op_convolutions import (
    conv,
    depthwise,
    fully_connected,
    grouped,
    pointwise,
    three_rows,
    wide_conv,
    wide_depthwise,
)
from op_elementwise import (
    binary,
    constant_operand,
    equal_sums,
    extremum,
    quotient,
    square_of_constant_distance,
    squared_difference,
    wide_binary,
    wide_broadcast,
    wide_extremum,
    wide_squared_difference,
)
from op_fused import (
    attended,
    behind_table,
    fused_gate,
    fused_prelu,
    fused_table,
    heads,
    moments,
    rotated,
    row_norm,
    shared_table,
    wide_chain,
)
from op_moves import depth_to_space, moves, wide_moves
from op_sums import average_pool, matmul, mean, mean_of_part, mean_of_table, wide_matmul, wide_mean
from op_unary import prelu, root, tables, wide_logistic, wide_requantize, wide_root
from op_wide_attention import wide_attended, wide_rotated

from firmware_gen.backends.aot.backend import compile_network
from quantize.tflm_host import TflmRunner

CASES = 6
Maker = Callable[[GraphBuilder], TensorNode]

MAKERS: list[Maker] = [
    conv,
    pointwise,
    grouped,
    depthwise,
    fully_connected,
    binary,
    constant_operand,
    quotient,
    wide_binary,
    wide_broadcast,
    wide_matmul,
    wide_conv,
    wide_depthwise,
    wide_logistic,
    wide_extremum,
    extremum,
    wide_mean,
    wide_squared_difference,
    wide_root,
    wide_requantize,
    wide_moves,
    matmul,
    mean,
    mean_of_part,
    squared_difference,
    square_of_constant_distance,
    depth_to_space,
    average_pool,
    prelu,
    tables,
    root,
    moves,
]


FUSED = [
    fused_prelu,
    fused_table,
    fused_gate,
    shared_table,
    equal_sums,
    three_rows,
    wide_chain,
    behind_table,
    heads,
    row_norm,
    rotated,
    wide_rotated,
    attended,
    wide_attended,
    moments,
    mean_of_table,
]


WITH_DSP_KERNELS = [
    conv,
    wide_conv,
    wide_binary,
    wide_broadcast,
    wide_matmul,
    wide_root,
    wide_requantize,
    pointwise,
    grouped,
    depthwise,
    binary,
    constant_operand,
    matmul,
    mean,
    mean_of_part,
    prelu,
    squared_difference,
    wide_squared_difference,
    *FUSED,
]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_operator_equals_interpreter(maker: Maker, tmp_path: Path) -> None:
    _compare(maker, range(CASES), "portable", tmp_path)


@pytest.mark.parametrize("maker", WITH_DSP_KERNELS, ids=lambda maker: maker.__name__)
def test_dsp_kernels_in_plain_c_equal_interpreter(maker: Maker, tmp_path: Path) -> None:
    _compare(maker, range(100, 100 + CASES), "dsp", tmp_path)


@pytest.mark.parametrize(
    ("maker", "expected", "gone"),
    [
        (fused_prelu, "imse_conv_s8_dsp", "imse_prelu_s8_dsp"),
        (fused_table, "imse_conv_s8_dsp", "imse_table_s8"),
        (fused_gate, "imse_mul_table_s8_dsp", "imse_mul_s8_dsp"),
        (shared_table, "imse_mul_table_s8_dsp", "imse_mul_s8_dsp"),
        (three_rows, "imse_dwconv3_s8_dsp", "imse_dwconv_s8_dsp"),
    ],
)
def test_dsp_kernels_take_fused_operators(maker: Maker, expected: str, gone: str) -> None:
    b = GraphBuilder(3)
    y = maker(b)
    model = b.model(y, y)
    kernels = compile_network(model.graph, model.metadata, "dsp").source.kernels
    assert expected in kernels
    assert gone not in kernels


@pytest.mark.parametrize("activation", [0, 1])
def test_rotation_is_joined_without_an_activation(activation: int, tmp_path: Path) -> None:
    def maker(b: GraphBuilder) -> TensorNode:
        return wide_rotated(b, rows=2, columns=3, heads=2, pairs=4, activation=activation)

    b = GraphBuilder(7)
    y = maker(b)
    model = b.model(y, b.strided_slice(y, [0] * 4, [1] * 4))
    for kernels in ("dsp", "mve"):
        used = compile_network(model.graph, model.metadata, kernels).source.kernels
        assert (f"imse_rotate_s16_{kernels}" in used) == (not activation), kernels
    _compare(maker, range(3), "dsp", tmp_path)


@pytest.mark.parametrize("flaw", ["", "columns", "difference", "another reader", "activation"])
def test_attention_is_joined_where_nothing_is_lost(flaw: str, tmp_path: Path) -> None:
    def maker(b: GraphBuilder) -> TensorNode:
        return wide_attended(b, rows=5, heads=2, flaw=flaw)

    b = GraphBuilder(3)
    y = maker(b)
    model = b.model(y, b.strided_slice(y, [0] * 3, [1] * 3))
    for kernels in ("dsp", "mve"):
        used = compile_network(model.graph, model.metadata, kernels).source.kernels
        assert (f"imse_attend_s16_{kernels}" in used) == (not flaw), kernels
    _compare(maker, range(3), "dsp", tmp_path)


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
@pytest.mark.parametrize(
    "networks", [all_roots, all_quotients, all_squares, all_extrema, all_sums_of_windows]
)
def test_all_values_equal_interpreter(
    networks: Callable[[], Networks], kernels: str, tmp_path: Path
) -> None:
    models, inputs = zip(*networks(), strict=True)
    cases = aot_harness.compile_cases(models, tmp_path, kernels)
    for model, case, values in zip(models, cases, inputs, strict=True):
        expected = TflmRunner(model).invoke(values)["mask"]
        np.testing.assert_array_equal(case.invoke(values)["mask"], expected)


def _compare(maker: Maker, seeds: range, kernels: str, folder: Path) -> None:
    models = []
    for seed in seeds:
        b = GraphBuilder(seed)
        y = maker(b)
        assert b.features is not None
        models.append(b.model(y, b.requant(b.features)))
    aot_harness.assert_equal(models, folder, kernels=kernels)


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_scales_of_a_matrix_product_meet_in_double_precision(tmp_path: Path, kernels: str) -> None:
    """With these scales one of all products of two bytes tells float from double."""
    b = GraphBuilder(0)
    x = b.input((1, 1, 16, 16), 0.02460440620779991, -128)
    rows, columns = b.reshape(x, (1, 1, 256, 1)), b.reshape(x, (1, 1, 1, 256))
    y = b.tensor((1, 1, 256, 256), scale=0.14381960034370422, point=-128)
    product = b.op("BATCH_MATMUL", [rows, columns], y, adjX=False, adjY=False)
    model = b.model(product, b.reshape(product, (1, 256, 1, 256)))
    features = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 16, 16)
    (case,) = aot_harness.compile_cases([model], tmp_path, kernels)
    case.reset()
    expected, actual = TflmRunner(model).invoke(features), case.invoke(features)
    np.testing.assert_array_equal(actual["mask"], expected["mask"])
