"""Rewrites of float graphs leave the function as it is, and alone what they cannot change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from quantize.calibration import FloatRunner, calibrate
from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.passes.equalize import equalize
from quantize.passes.fold_affine import fold_affine

FREQ, CHANNELS = 4, 8
_RNG = np.random.default_rng(0)


def tensor(name: str, *shape: int, data: np.ndarray | None = None) -> TensorNode:
    return TensorNode(name, shape, "float32", data)


def constant(name: str, data: np.ndarray) -> TensorNode:
    return tensor(name, *data.shape, data=data.astype(np.float32))


def conv(x: TensorNode, name: str, *, bias: bool = True, groups: int = 1) -> OpNode:
    """A 1x1 convolution whose channels have levels two decades apart."""
    weights = _RNG.standard_normal((CHANNELS, 1, 1, x.shape[3] // groups))
    weights *= np.geomspace(0.01, 1.0, CHANNELS)[:, None, None, None]
    inputs: list[TensorNode | None] = [x, constant(f"{name}/w", weights)]
    if bias:
        inputs.append(constant(f"{name}/b", _RNG.standard_normal(CHANNELS)))
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    options.padding = schema.Padding.VALID
    result = tensor(name, *x.shape[:3], CHANNELS)
    return OpNode("CONV_2D", inputs, [result], options, schema.BuiltinOptions.Conv2DOptions)


def binary(kind: str, a: TensorNode, b: TensorNode, name: str, activation: int = 0) -> OpNode:
    options = {"MUL": schema.MulOptionsT, "ADD": schema.AddOptionsT}[kind]()
    options.fusedActivationFunction = activation
    number = {"MUL": schema.BuiltinOptions.MulOptions, "ADD": schema.BuiltinOptions.AddOptions}
    return OpNode(kind, [a, b], [tensor(name, *a.shape)], options, number[kind])


def network(build: Callable[[TensorNode], list[OpNode]]) -> bytes:
    """A network without states; its last operator is the output."""
    x = tensor("features", 1, 1, FREQ, CHANNELS)
    ops = build(x)
    return FlatModel(ops, {"features": x}, {"mask": ops[-1].outputs[0]}).to_bytes()


def gate(
    x: TensorNode, *, square: bool = False, activation: int = 0, **reader: int
) -> list[OpNode]:
    a, b = conv(x, "a"), conv(x, "b")
    other = a if square else b
    product = binary("MUL", a.outputs[0], other.outputs[0], "product", activation)
    ops = [a, product] if square else [a, b, product]
    return [*ops, conv(product.outputs[0], "mask", **reader)]


def check_equalize(content: bytes) -> int:
    """Number of places that were balanced; the function must not have changed."""
    sequences = [_RNG.standard_normal((10, FREQ, CHANNELS)).astype(np.float32)]
    model = FlatModel.from_bytes(content)
    places = equalize(model, calibrate(content, sequences))
    before, after = (FloatRunner(c).run(sequences[0])["mask"] for c in (content, model.to_bytes()))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())
    return places


@pytest.mark.parametrize("activation", [schema.ActivationFunctionType.NONE, 1])
def test_a_gate_is_balanced(activation: int) -> None:
    assert check_equalize(network(lambda x: gate(x, activation=activation))) == 1


def test_a_square_is_no_gate() -> None:
    assert check_equalize(network(lambda x: gate(x, square=True))) == 0


def test_a_clipped_product_is_no_gate() -> None:
    relu6 = schema.ActivationFunctionType.RELU6
    assert check_equalize(network(lambda x: gate(x, activation=relu6))) == 0


def test_a_gate_read_by_a_grouped_convolution_is_left_alone() -> None:
    assert check_equalize(network(lambda x: gate(x, groups=2))) == 0


@pytest.mark.parametrize("reader", [{"bias": False}, {"groups": 2}, {}])
def test_an_affine_is_folded_where_it_can_be(reader: dict[str, int]) -> None:
    def build(x: TensorNode) -> list[OpNode]:
        scaled = binary("MUL", x, constant("scale", np.arange(1.0, 9.0)), "scaled")
        return [scaled, conv(scaled.outputs[0], "mask", **reader)]

    content = network(build)
    model = FlatModel.from_bytes(content)
    assert fold_affine(model) == (not reader)
    if not reader:
        x = _RNG.standard_normal((3, FREQ, CHANNELS)).astype(np.float32)
        before, after = (FloatRunner(c).run(x)["mask"] for c in (content, model.to_bytes()))
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("read_twice", [False, True])
def test_a_state_is_balanced_unless_something_else_reads_it(read_twice: bool) -> None:
    x, state = (tensor(n, 1, 1, FREQ, CHANNELS) for n in ("features", "state_00"))
    fresh = conv(x, "next")
    rows = tensor("rows", 1, 2, FREQ, CHANNELS)
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    number = schema.BuiltinOptions
    concat = OpNode(
        "CONCATENATION", [state, fresh.outputs[0]], [rows], options, number.ConcatenationOptions
    )
    ends = [
        TensorNode(n, (4,), "int32", np.array(v, np.int32))
        for n, v in (("begin", [0, 1, 0, 0]), ("end", [1, 2, FREQ, CHANNELS]), ("strides", [1] * 4))
    ]
    held = tensor("held", 1, 1, FREQ, CHANNELS)
    cut = OpNode(
        "STRIDED_SLICE",
        [rows, *ends],
        [held],
        schema.StridedSliceOptionsT(),
        number.StridedSliceOptions,
    )
    taps = schema.DepthwiseConv2DOptionsT()
    taps.strideH = taps.strideW = taps.dilationHFactor = taps.dilationWFactor = 1
    taps.depthMultiplier, taps.padding = 1, schema.Padding.VALID
    weights = constant("taps", _RNG.standard_normal((1, 2, 1, CHANNELS)))
    bias = constant("bias", np.zeros(CHANNELS))
    summed = tensor("summed", 1, 1, FREQ, CHANNELS)
    depthwise = OpNode(
        "DEPTHWISE_CONV_2D", [rows, weights, bias], [summed], taps, number.DepthwiseConv2DOptions
    )
    ops = [fresh, concat, cut, depthwise]
    if read_twice:
        ops.append(binary("ADD", summed, state, "more"))
    ops.append(conv(ops[-1].outputs[0], "mask"))
    content = FlatModel(
        ops,
        {"features": x, "state_00": state},
        {"mask": ops[-1].outputs[0], "next_state_00": held},
    ).to_bytes()
    assert check_equalize(content) == (not read_twice)
