"""DSP kernels on an emulated Cortex-M7: the interpreter's bytes, and exact instruction counts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import op_wide_attention
import pytest
import test_ops
from aot_harness import GraphBuilder, TensorNode
from m7_harness import M7, build

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.kernel_files import network_header
from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
    ),
]

MAKERS = [
    test_ops.conv,
    test_ops.pointwise,
    test_ops.depthwise,
    test_ops.binary,
    test_ops.matmul,
    test_ops.wide_binary,
    test_ops.wide_matmul,
    test_ops.wide_squared_difference,
    test_ops.prelu,
    test_ops.moves,
    *test_ops.FUSED,
]


class Board:
    """A network on the emulated core, next to the interpreter."""

    def __init__(
        self, model: QuantizedModel, folder: Path, kernels: str = "dsp", *, fuse: bool = True
    ) -> None:
        network = compile_network(model.graph, model.metadata, kernels, fuse=fuse)
        files = {**network.files, "network/imse_network.h": network_header()}
        self.kernels = network.source.kernels
        self.m7 = M7(build(files, folder, ["imse_network_invoke", "imse_network_reset"]))
        self.runner = TflmRunner(model)
        tensors, metadata = model.graph.tensors, model.metadata
        self._features = np.zeros(tensors[metadata.inputs["features"]].shape, np.int8)
        self._outputs = {
            name: np.zeros(tensors[index].shape, tensors[index].dtype)
            for name, index in metadata.outputs.items()
        }
        self._addresses = [
            self.m7.alloc(array)
            for array in (self._features, self._outputs["mask"], self._outputs["phase"])
        ]
        self.m7.call("imse_network_reset")

    def frame(self, rng: np.random.Generator) -> int:
        """Compare one frame; returns its instructions."""
        return self.compare(rng.integers(-128, 128, self._features.shape).astype(np.int8))

    def compare(self, features: np.ndarray) -> int:
        """Compare the outputs for one input; returns the instructions."""
        self.m7.uc.mem_write(self._addresses[0], features.tobytes())
        count = self.m7.call("imse_network_invoke", *self._addresses)
        assert self.m7.result() == 0
        expected = self.runner.invoke(features)
        for name, address in zip(("mask", "phase"), self._addresses[1:], strict=True):
            actual = self.m7.read(address, self._outputs[name])
            np.testing.assert_array_equal(actual, expected[name])
        return count


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_operator_on_the_core_equals_interpreter(maker: test_ops.Maker, tmp_path: Path) -> None:
    for seed in (11, 12):
        b = GraphBuilder(seed)
        y = maker(b)
        assert b.features is not None
        board = Board(b.model(y, b.requant(b.features)), tmp_path / str(seed))
        rng = np.random.default_rng(seed)
        for _ in range(2):
            board.frame(rng)


@pytest.mark.parametrize(
    "networks",
    [
        test_ops.all_quotients,
        test_ops.all_squares,
        test_ops.all_extrema,
        test_ops.all_sums_of_windows,
    ],
)
def test_all_values_on_the_core_equal_interpreter(
    networks: Callable[[], test_ops.Networks], tmp_path: Path
) -> None:
    for number, (model, values) in enumerate(networks()):
        Board(model, tmp_path / str(number)).compare(values)


def _conv(channels: int, kernel: tuple[int, int], **options: Any) -> test_ops.Maker:
    def make(b: GraphBuilder) -> TensorNode:
        x = b.input((1, 16, 64, 16))
        return b.conv(x, channels, kernel, same=True, **options)

    return make


def _binary(kind: str) -> test_ops.Maker:
    def make(b: GraphBuilder) -> TensorNode:
        x = b.input((1, 32, 64, 16))
        first = b.strided_slice(x, [0, 0, 0, 0], [1, 16, 64, 16])
        second = b.strided_slice(x, [0, 16, 0, 0], [1, 32, 64, 16])
        return b.binary(kind, b.requant(first, scale=0.05), b.requant(second, scale=0.03), 0.06)

    return make


def _wide(kind: str) -> test_ops.Maker:
    """Layer `_chain`: the change of both operands to int16, and the operator."""

    def make(b: GraphBuilder) -> TensorNode:
        x = b.input((1, 32, 64, 16))
        first = b.strided_slice(x, [0, 0, 0, 0], [1, 16, 64, 16])
        second = b.strided_slice(x, [0, 16, 0, 0], [1, 32, 64, 16])
        a, c = (
            b.requant(part, "int16", scale, 0)
            for part, scale in ((first, 0.05 / 200), (second, 0.03 / 200))
        )
        return b.binary(kind, a, c, 0.06 / 150)

    return make


def _matmul(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 1, 2 * 64, 64))
    first = b.strided_slice(x, [0, 0, 0, 0], [1, 1, 64, 64])
    second = b.strided_slice(x, [0, 0, 64, 0], [1, 1, 128, 64])
    y = b.tensor((1, 1, 64, 64), scale=0.7)
    return b.op("BATCH_MATMUL", [first, second], y, adjX=False, adjY=False)


def _norm(channels: int) -> test_ops.Maker:
    def make(b: GraphBuilder) -> TensorNode:
        x = b.requant(b.input((1, 16, 64, channels)), "int16", 0.0002, 0)
        one = (1, 16, 64, 1)
        mean = b.tensor(one, "int16", 0.0001)
        b.op("MEAN", [x, b.ints([3])], mean, keepDims=True)
        square = b.binary("SQUARED_DIFFERENCE", x, mean, scale=0.0006)
        variance = b.tensor(one, "int16", 0.0004)
        b.op("MEAN", [square, b.ints([3])], variance, keepDims=True)
        epsilon = b.constant(np.array(300, np.int16), [0.0000001])
        raised = b.binary("ADD", variance, epsilon, scale=0.0005)
        product = b.binary("MUL", x, b.unary("RSQRT", raised, 0.003, 0), scale=0.0005)
        return b.requant(product, "int8", 0.06)

    return make


def _unary(kind: str) -> test_ops.Maker:
    def make(b: GraphBuilder) -> TensorNode:
        return b.unary(kind, b.input((1, 16, 64, 16)), 1 / 256, -128)

    return make


def _prelu(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 16, 64, 16))
    alpha = b.constant(b.rng.integers(-127, 128, (1, 1, 16)).astype(np.int8), [0.004])
    return b.op("PRELU", [x, alpha], b.tensor(x.shape))


def _fused_prelu(b: GraphBuilder) -> TensorNode:
    y = b.conv(b.input((1, 16, 64, 16)), 32)
    alpha = b.constant(b.rng.integers(-127, 128, (1, 1, 32)).astype(np.int8), [0.004])
    return b.op("PRELU", [y, alpha], b.tensor(y.shape))


def _wide_conv(channels: int, kernel: tuple[int, int], **options: Any) -> test_ops.Maker:
    def make(b: GraphBuilder) -> TensorNode:
        x = b.requant(b.input((1, 16, 64, 16)), "int16", 0.05 / 200, 0)
        # A range that the products fill: multipliers are far below a quarter.
        scale = x.scales[0] * 0.6 * 16
        return b.conv(x, channels, kernel, same=True, scale=scale, **options)

    return make


def _wide_matmul(b: GraphBuilder) -> TensorNode:
    x = b.requant(b.input((1, 1, 2 * 64, 64)), "int16", 0.05 / 200, 0)
    first = b.strided_slice(x, [0, 0, 0, 0], [1, 1, 64, 64])
    second = b.strided_slice(x, [0, 0, 64, 0], [1, 1, 128, 64])
    y = b.tensor((1, 1, 64, 64), "int16", x.scales[0] ** 2 * 200000)
    return b.op("BATCH_MATMUL", [first, second], y, adjX=False, adjY=False)


def _wide_function(kind: str) -> test_ops.Maker:
    """An operator with one operand, whose values come from bytes."""

    def make(b: GraphBuilder) -> TensorNode:
        x = b.requant(b.input((1, 16, 64, 16)), "int16", 0.05 / 200, 0)
        if kind == "MEAN":
            y = b.tensor((1, 1, 1, 16), "int16", x.scales[0] / 2)
            return b.op("MEAN", [x, b.ints([1, 2])], y, keepDims=True)
        if kind == "RSQRT":
            ones = b.constant(np.ones((1, 1, 1, 1), np.int16), x.scales)
            x = b.op("MAXIMUM", [x, ones], b.like(x, x.shape))
        return b.unary(kind, x, 2.0**-15 if kind == "LOGISTIC" else 0.01)

    return make


def _quotient(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 32, 64, 16), point=-128)
    first = b.strided_slice(x, [0, 0, 0, 0], [1, 16, 64, 16])
    second = b.strided_slice(x, [0, 16, 0, 0], [1, 32, 64, 16])
    least = b.constant(np.full((1, 1, 1, 1), -127, np.int8), x.scales, -128)
    divisor = b.op("MAXIMUM", [second, least], b.like(second, second.shape))
    return b.binary("DIV", first, divisor, 0.05)


def _maximum(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 32, 64, 16))
    first = b.strided_slice(x, [0, 0, 0, 0], [1, 16, 64, 16])
    second = b.strided_slice(x, [0, 16, 0, 0], [1, 32, 64, 16])
    return b.op("MAXIMUM", [first, second], b.like(first, first.shape))


def _average_pool(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 16, 64, 16))
    size = {"strideH": 1, "strideW": 1, "filterHeight": 3, "filterWidth": 3}
    return b.op("AVERAGE_POOL_2D", [x], b.like(x, x.shape), padding=0, **size)


def _rotation(b: GraphBuilder) -> TensorNode:
    x = b.input((1, 16, 64, 16), 0.02)
    phases = b.rng.uniform(0, 6.3, (1, 16, 64, 8))
    cosines, sines = (np.round(127 * f(phases)).astype(np.int8) for f in (np.cos, np.sin))
    low, high = b.split(x, [8, 8], 3)
    straight = b.constant(np.concatenate([cosines, cosines], 3), [1 / 127])
    crossed = b.constant(np.concatenate([-sines, sines], 3), [1 / 127])
    first = b.binary("MUL", x, straight, 0.021, 0)
    second = b.binary("MUL", b.concat([high, low], 3), crossed, 0.022, 0)
    return b.binary("ADD", first, second, 0.031, 0)


def _wide_rotation(b: GraphBuilder) -> TensorNode:
    return op_wide_attention.wide_rotated(b, rows=16, columns=64, heads=2, pairs=4)


def _wide_attention(b: GraphBuilder) -> TensorNode:
    return op_wide_attention.wide_attended(b, rows=_PIXELS, heads=2)


def _attention(b: GraphBuilder) -> TensorNode:
    """Four heads of 64 rows and 8 channels."""
    heads, rows, depth = 4, 64, 8
    shapes = [(1, heads, n, m) for n, m in ((rows, depth), (depth, depth), (depth, 1), (1, depth))]
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = b.split(b.input((1, 1, 1, sum(sizes)), 0.01), sizes, 3)
    query, matrix, sums, mean = (
        b.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)
    )
    numerator, z = (
        b.tensor((1, heads, rows, n), scale=s, point=p)
        for n, s, p in ((8, 0.02, 5), (1, 0.005, -128))
    )
    b.op("BATCH_MATMUL", [query, matrix], numerator, adjX=False, adjY=False)
    b.op("BATCH_MATMUL", [query, sums], z, adjX=False, adjY=False)
    ratio = b.binary("MUL", numerator, b.unary("QUANTIZE", z, 0.008, -120), 0.023, 1)
    away = b.binary("SUB", ratio, mean, 0.041, 2)
    return b.binary("ADD", ratio, b.binary("MUL", away, z, 0.019, 3), 0.037, 4)


_PIXELS = 16 * 64
_ELEMENTS = _PIXELS * 16
COSTS = {
    "conv 3x3": (_conv(16, (3, 3)), "_conv", _ELEMENTS * 144, 0.82),
    "conv 3x3 stride 2": (_conv(16, (3, 3), stride=(2, 2)), "_conv", _ELEMENTS * 36, 0.82),
    "conv 3x3 dilation 2": (_conv(16, (3, 3), dilation=(2, 2)), "_conv", _ELEMENTS * 144, 0.83),
    "conv 3x3, 4 groups": (_conv(16, (3, 3), groups=4), "_conv", _ELEMENTS * 36, 1.5),
    "conv 1x1": (_conv(32, (1, 1)), "_conv", _PIXELS * 16 * 32, 1.2),
    "depthwise 3x3": (_conv(0, (3, 3), depthwise=True), "_depthwise", _ELEMENTS * 9, 2.5),
    "depthwise 1x11": (_conv(0, (1, 11), depthwise=True), "_depthwise", _ELEMENTS * 11, 3.0),
    "depthwise 11x1": (_conv(0, (11, 1), depthwise=True), "_depthwise", _ELEMENTS * 11, 3.0),
    "depthwise 3x3 dilation 2": (
        _conv(0, (3, 3), depthwise=True, dilation=(2, 2)),
        "_depthwise",
        _ELEMENTS * 9,
        3.3,
    ),
    "conv 1x1 with prelu": (_fused_prelu, "_conv", _PIXELS * 16 * 32, 1.35),
    "matmul": (_matmul, "_matmul", 64**3, 1.0),
    "add": (_binary("ADD"), "_add", _ELEMENTS, 7.0),
    "mul": (_binary("MUL"), "_mul", _ELEMENTS, 9.3),
    "add, int16": (_wide("ADD"), "_chain", _ELEMENTS, 18.5),
    "mul, int16": (_wide("MUL"), "_chain", _ELEMENTS, 14.5),
    "layer norm, int16, 16 channels": (_norm(16), "_rownorm", _ELEMENTS, 40.0),
    "layer norm, int16, 48 channels": (_norm(48), "_rownorm", 3 * _ELEMENTS, 33.0),
    "logistic": (_unary("LOGISTIC"), "_table", _ELEMENTS, 5.0),
    "prelu": (_prelu, "_prelu", _ELEMENTS, 14.1),
    "conv 3x3, int16": (_wide_conv(16, (3, 3)), "_conv", _ELEMENTS * 144, 1.05),
    "conv 1x1, int16": (_wide_conv(32, (1, 1)), "_conv", _PIXELS * 16 * 32, 1.7),
    "depthwise 3x3, int16": (
        _wide_conv(0, (3, 3), depthwise=True),
        "_depthwise",
        _ELEMENTS * 9,
        4.3,
    ),
    "matmul, int16": (_wide_matmul, "_matmul", 64**3, 3.4),
    "squared difference": (_binary("SQUARED_DIFFERENCE"), "_squared_difference", _ELEMENTS, 11.5),
    "squared difference, int16": (
        _wide("SQUARED_DIFFERENCE"),
        "_squared_difference",
        _ELEMENTS,
        22.0,
    ),
    "mean, int16": (_wide_function("MEAN"), "_mean", _ELEMENTS, 6.2),
    "logistic, int16": (_wide_function("LOGISTIC"), "_widelogistic", _ELEMENTS, 26.0),
    "rsqrt, int16": (_wide_function("RSQRT"), "_reciprocalroot", _ELEMENTS, 69.0),
    "rotation": (_rotation, "_rotate", _ELEMENTS, 20.5),
    "rotation, int16": (_wide_rotation, "_widerotate", _ELEMENTS, 52.5),
    "linear attention": (_attention, "_attend", 4 * 64 * 8, 50.0),
    "linear attention, int16": (_wide_attention, "_wideattend", _ELEMENTS, 75.0),
    "div": (_quotient, "_div", _ELEMENTS, 23.0),
    "maximum": (_maximum, "_maximum", _ELEMENTS, 1.9),
    "average pool 3x3": (_average_pool, "_averagepool", _ELEMENTS, 25.5),
}


def instructions(name: str, folder: Path) -> float:
    """Instructions per multiply-accumulate or element of one operator."""
    maker, suffix, units, _ = COSTS[name]
    b = GraphBuilder(1)
    y = maker(b)
    assert b.features is not None
    tail = b.strided_slice(b.features, [0, 0, 0, 0], [1, 1, 1, 1])
    board = Board(b.model(y, tail), folder)
    board.frame(np.random.default_rng(0))
    return sum(n for layer, n in board.m7.layers.items() if layer.endswith(suffix)) / units


@pytest.mark.parametrize("name", COSTS)
def test_instructions_per_unit(name: str, tmp_path: Path) -> None:
    cost = instructions(name, tmp_path)
    print(f"{name}: {cost:.2f} instructions per MAC or element")
    assert 0.5 < cost <= COSTS[name][3]
