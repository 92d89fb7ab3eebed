"""Which of Arm's functions computes a layer: the interpreter's bytes, and instruction counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import test_m7
import test_ops
from aot_harness import GraphBuilder, TensorNode
from graph_cases import BUILDERS
from qemu_harness import M7, M55, NEEDS_EMULATOR, Board, find_arm_sources, run_networks

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.aot.cmsis_nn import VARIABLE, CmsisNn, find_cmsis_nn
from firmware_gen.backends.aot.emit import cmsis_nn_convolutions
from firmware_gen.backends.aot.emit.cmsis_nn import cmsis_nn_emitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.kernel_sets import EMITTERS
from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

_PER_CHANNEL = "arm_fully_connected_per_channel_s8"
"""Arm's functions have what a layer needs with Helium since the version that has this one."""


@dataclass(frozen=True)
class Layer:
    """A network of one operator that Arm has a function for.

    Attributes:
        kernel: What calls the function.
        make: The operator.
        units: Multiply-accumulates, or elements.
        wide: Elements that are changed to int16 in front of it.
        whole: Whether all of the result leaves the network.
    """

    kernel: str
    make: test_ops.Maker
    units: int
    wide: int = 0
    whole: bool = False

    def model(self) -> QuantizedModel:
        """The network; one byte of the result leaves it, the rest stays in the arena."""
        b = GraphBuilder(1)
        y = self.make(b)
        assert b.features is not None
        first = [[0] * 4, [1] * 4]
        tail = b.strided_slice(b.features, *first)
        return b.model(y if self.whole else b.strided_slice(y, *first), tail)


def _image(b: GraphBuilder, rows: int = 16) -> TensorNode:
    return b.input((1, rows, 64, 16))


def _pair(kind: str, *, wide: bool = False) -> test_ops.Maker:
    """An operator on halves of images, of two scales with int16."""

    def make(b: GraphBuilder) -> TensorNode:
        x = y = _image(b, 32)
        if wide:
            x, y = (b.requant(x, "int16", scale, 0) for scale in (0.00025, 0.00015))
        first = b.strided_slice(x, [0] * 4, [1, 16, 64, 16])
        second = b.strided_slice(y, [0, 16, 0, 0], [1, 32, 64, 16])
        if kind in ("MAXIMUM", "MINIMUM"):
            return b.op(kind, [first, second], b.like(first, first.shape))
        scale = x.scales[0] * (y.scales[0] * (20000 if wide else 60) if kind == "MUL" else 2.5)
        return b.binary(kind, first, second, scale, 0)

    return make


def _on_image(make: Callable[[GraphBuilder, TensorNode], TensorNode]) -> test_ops.Maker:
    return lambda b: make(b, _image(b))


def _sigmoid(b: GraphBuilder) -> TensorNode:
    return b.unary("LOGISTIC", b.requant(_image(b), "int16", 2.0**-12, 0), 2.0**-15)


def _change(b: GraphBuilder) -> TensorNode:
    return b.requant(_image(b), "int16", 0.0002, 0)


_ELEMENTS = 16 * 64 * 16
_BORDER = [(0, 0), (1, 1), (1, 1), (0, 0)]


def _costed(name: str, kernel: str, wide: int = 0) -> Layer:
    make, _, units, _ = test_m7.COSTS[name]
    return Layer(kernel, make, units, wide)


LAYERS = {
    "conv 3x3": _costed("conv 3x3", "imse_conv_s8_cmsis"),
    "conv 3x3, 4 groups": _costed("conv 3x3, 4 groups", "imse_conv_s8_cmsis"),
    "conv 1x1": _costed("conv 1x1", "imse_conv_s8_cmsis"),
    "depthwise 3x3": _costed("depthwise 3x3", "imse_dwconv_s8_cmsis"),
    "matmul": _costed("matmul", "imse_matmul_s8_cmsis"),
    "add": Layer("imse_add_s8_cmsis", _pair("ADD"), _ELEMENTS),
    "mul": Layer("imse_mul_s8_cmsis", _pair("MUL"), _ELEMENTS),
    "maximum": Layer("imse_maximum_s8_cmsis", _pair("MAXIMUM"), _ELEMENTS),
    "minimum": Layer("imse_minimum_s8_cmsis", _pair("MINIMUM"), _ELEMENTS),
    "average pool 3x3": _costed("average pool 3x3", "imse_average_pool_s8_cmsis"),
    "transpose": Layer(
        "imse_transpose_s8_cmsis", _on_image(lambda b, x: b.transpose(x, (0, 2, 1, 3))), _ELEMENTS
    ),
    "border": Layer("imse_pad_s8_cmsis", _on_image(lambda b, x: b.pad(x, _BORDER)), 18 * 66 * 16),
    "concatenation": Layer(
        "imse_concatenation_s8_cmsis", _on_image(lambda b, x: b.concat([x, x], 3)), 2 * _ELEMENTS
    ),
    "reshape": Layer(
        "imse_reshape_s8_cmsis",
        _on_image(lambda b, x: b.reshape(x, (1, 64, 16, 16))),
        _ELEMENTS,
        whole=True,
    ),
    "conv 3x3, int16": _costed("conv 3x3, int16", "imse_conv_s16_cmsis", _ELEMENTS),
    "conv 1x1, int16": _costed("conv 1x1, int16", "imse_conv_s16_cmsis", _ELEMENTS),
    "depthwise 3x3, int16": _costed("depthwise 3x3, int16", "imse_dwconv_s16_cmsis", _ELEMENTS),
    "matmul, int16": _costed("matmul, int16", "imse_matmul_s16_cmsis", 2 * 64 * 64),
    "add, int16": Layer("imse_add_s16_cmsis", _pair("ADD", wide=True), _ELEMENTS, 4 * _ELEMENTS),
    "mul, int16": Layer("imse_mul_s16_cmsis", _pair("MUL", wide=True), _ELEMENTS, 4 * _ELEMENTS),
    "logistic, int16": Layer("imse_logistic_s16_cmsis", _sigmoid, _ELEMENTS, _ELEMENTS),
}
"""Every function of Arm's that the kernel set calls but those of fully connected layers."""

NEWEST = {
    name: "const cmsis_nn_bias_data *, arm_cmsis_nn_status"
    for function in (
        *("arm_convolve_wrapper_s16", "arm_depthwise_conv_wrapper_s16", "arm_batch_matmul_s16"),
        *("arm_elementwise_add_s16", "arm_elementwise_mul_s16", "arm_nn_activation_s16"),
    )
    for name in (function, f"{function}_get_buffer_size")
}
"""What the sources of CMSIS-NN 7 say of functions for int16 values, in short."""


def dense(
    rows: int, depth: int, channels: int = 32, *, per_channel: bool = False
) -> QuantizedModel:
    """A fully connected layer."""
    b = GraphBuilder(rows + depth)
    y = BUILDERS["dense"](
        b,
        rows=rows,
        depth=depth,
        channels=channels,
        points=(-7, 11),
        per_channel=per_channel,
        weights="random",
        ratio=0.0,
    )
    assert b.features is not None
    tail = b.requant(b.strided_slice(b.features, [0] * 4, [1] * 4), scale=0.1, point=0)
    return b.model(y, tail)


def instructions(
    board: Board, models: list[QuantizedModel], folder: Path, kernels: type[Emitter]
) -> list[float]:
    """Compare one frame of every network with the interpreter; its instructions."""
    rng = np.random.default_rng(3)
    shapes = [m.graph.tensors[m.metadata.inputs["features"]].shape for m in models]
    frames = [[rng.integers(-128, 128, shape).astype(np.int8)] for shape in shapes]
    results = run_networks(board, models, frames, folder, kernels, find_arm_sources())
    for model, frame, ((outputs, _),) in zip(models, frames, results, strict=True):
        expected = TflmRunner(model).invoke(frame[0])
        for name in ("mask", "phase"):
            np.testing.assert_array_equal(outputs[name], expected[name])
    return [count for ((_, count),) in results]


def takes_dense(model: QuantizedModel, kernels: type[Emitter]) -> bool:
    """Whether a function for fully connected layers computes the network."""
    used = compile_network(model.graph, model.metadata, kernels).source.kernels
    dense_kernels = {"imse_fully_connected_s8_cmsis", "imse_fully_connected_channels_s8_cmsis"}
    assert len(used & {*dense_kernels, "imse_conv_s8_cmsis"}) == 1
    return bool(used & dense_kernels)


@pytest.mark.parametrize(
    ("board", "ours", "rows"),
    [
        pytest.param(M7, "dsp", (1, 2, 3), id="Cortex-M7", marks=NEEDS_EMULATOR),
        pytest.param(M55, "mve", (1,), id="Cortex-M55", marks=NEEDS_EMULATOR),
    ],
)
def test_fully_connected_layer_takes_the_function_with_less_work(
    board: Board,
    ours: str,
    rows: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = find_cmsis_nn(str(find_arm_sources()))
    kernels = cmsis_nn_emitter(EMITTERS[ours], library)
    models = [
        dense(count, depth, per_channel=per_channel)
        for per_channel in ([False, True] if library.has(_PER_CHANNEL) else [False])
        for depth in (16, 61)
        for count in rows
    ]
    more = [dense(rows[-1] + 1, 16)] + [dense(1, 65)] * (ours == "mve")
    assert not any(takes_dense(model, kernels) for model in more)
    if ours == "mve" and not library.has(_PER_CHANNEL):
        assert not any(takes_dense(model, kernels) for model in models)
        return
    assert all(takes_dense(model, kernels) for model in models)
    chosen = instructions(board, models, tmp_path / "chosen", kernels)
    for name in ("_ROWS", "_ROWS_WITH_HELIUM"):
        monkeypatch.setattr(cmsis_nn_convolutions, name, 0)
    assert not any(takes_dense(model, kernels) for model in models)
    convolution = instructions(board, models, tmp_path / "convolution", kernels)
    for fewer, number in zip(chosen, convolution, strict=True):
        assert fewer < number, (chosen, convolution)


@pytest.mark.skipif(
    not os.environ.get(VARIABLE), reason=f"{VARIABLE} is not set: the newest functions are compared"
)
@pytest.mark.parametrize(
    ("board", "ours"),
    [
        pytest.param(M7, "dsp", id="Cortex-M7", marks=NEEDS_EMULATOR),
        pytest.param(M55, "mve", id="Cortex-M55", marks=NEEDS_EMULATOR),
    ],
)
def test_fully_connected_layers_both_ways(
    board: Board, ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = cmsis_nn_emitter(EMITTERS[ours], find_cmsis_nn(str(find_arm_sources())))
    shapes = [(1, 16, 16), (1, 64, 64), (1, 256, 64), (2, 64, 64), (4, 16, 16), (4, 64, 64)]
    shapes.append((8, 64, 64))
    models = [dense(*shape) for shape in shapes]
    chosen = [takes_dense(model, kernels) for model in models]
    counts = []
    for most in (0, 1 << 16):
        for name in ("_ROWS", "_ROWS_WITH_HELIUM", "_DEPTH_WITH_HELIUM"):
            monkeypatch.setattr(cmsis_nn_convolutions, name, most)
        counts.append(instructions(board, models, tmp_path / str(most), kernels))
    for shape, dense_is_chosen, *both in zip(shapes, chosen, *counts, strict=True):
        convolution, connected = (count / np.prod(shape) for count in both)
        print(f"{shape}: convolution {convolution:.2f}, fully connected {connected:.2f} per MAC")
        assert connected < convolution or not dense_is_chosen


@pytest.mark.parametrize(
    ("board", "ours"),
    [
        pytest.param(M7, "dsp", id="Cortex-M7", marks=NEEDS_EMULATOR),
        pytest.param(M55, "mve", id="Cortex-M55", marks=NEEDS_EMULATOR),
    ],
)
def test_every_function_that_there_is_computes_its_layer(
    board: Board, ours: str, tmp_path: Path
) -> None:
    library = find_cmsis_nn(str(find_arm_sources()))
    arm = cmsis_nn_emitter(EMITTERS[ours], library)
    models = {name: layer.model() for name, layer in LAYERS.items()}
    called = {
        name: LAYERS[name].kernel
        in compile_network(model.graph, model.metadata, arm).source.kernels
        for name, model in models.items()
    }
    assert any(called.values())
    if library.has(_PER_CHANNEL):
        assert all(called.values()), called
    names = [name for name in LAYERS if called[name]]
    change = Layer("", _change, _ELEMENTS).model()
    both = [
        instructions(board, [change, *(models[name] for name in names)], tmp_path / kind, kernels)
        for kind, kernels in (("arm", arm), ("ours", EMITTERS[ours]))
    ]
    for name, *counts in zip(names, *(counts[1:] for counts in both), strict=True):
        layer = LAYERS[name]
        before = [counts[0] / _ELEMENTS * layer.wide for counts in both]
        of_arm, of_ours = (
            (count - less) / layer.units for count, less in zip(counts, before, strict=True)
        )
        print(f"{name}: Arm's {of_arm:.2f}, ours {of_ours:.2f} instructions per MAC or element")
        assert of_arm > 0.05


def calls(model: QuantizedModel, library: dict[str, str]) -> set[str]:
    """Kernels around Arm's functions that a network calls on a Cortex-M7."""
    kernels = cmsis_nn_emitter(EMITTERS["dsp"], CmsisNn(library))
    used = compile_network(model.graph, model.metadata, kernels).source.kernels
    return {name for name in used if name.endswith("_cmsis")}


def wide_layer(depth: int, channels: int, weight: int) -> QuantizedModel:
    """A convolution of int16 values with equal weights."""
    b = GraphBuilder(4)
    y = b.conv(b.requant(b.input((1, 1, 4, depth)), "int16", 0.0002, 0), channels, scale=0.01)
    weights = b.ops[-1].inputs[1]
    assert weights is not None
    weights.data = np.full(weights.shape, weight, np.int8)
    return b.model(b.requant(y), b.strided_slice(b.features, [0] * 4, [1] * 4))


def test_versions_of_a_function_are_told_apart_by_its_source() -> None:
    older = dict.fromkeys(NEWEST, "void, const int64_t *bias_data")
    for name, kernel in (
        ("conv 3x3, int16", "imse_conv_s16_cmsis"),
        ("logistic, int16", "imse_logistic_s16_cmsis"),
    ):
        model = LAYERS[name].model()
        assert calls(model, NEWEST) == {kernel}
        assert calls(model, older) == calls(model, {}) == set()
    same = LAYERS["depthwise 3x3, int16"].model()
    assert calls(same, older) == calls(same, NEWEST) == {"imse_dwconv_s16_cmsis"}


@pytest.mark.parametrize(
    ("depth", "channels", "weight", "arm"),
    [
        pytest.param(516, 4, 127, True, id="largest sum"),
        pytest.param(517, 4, 127, False, id="sum of more than 32 bits"),
        pytest.param(600, 4, 60, True, id="long sum"),
        pytest.param(600, 3, 60, True, id="odd number of channels"),
        pytest.param(602, 3, 60, False, id="reads on behind the weights"),
    ],
)
def test_sums_that_arm_gets_wrong_are_left_to_our_kernels(
    depth: int, channels: int, weight: int, arm: bool
) -> None:
    assert calls(wide_layer(depth, channels, weight), NEWEST) == (
        {"imse_conv_s16_cmsis"} if arm else set()
    )


def test_sigmoid_of_any_other_scale_is_left_to_our_kernel() -> None:
    model = Layer("", test_m7.COSTS["logistic, int16"][0], 1).model()
    assert calls(model, NEWEST) == set()


def test_functions_and_their_types_are_read_from_the_sources(tmp_path: Path) -> None:
    (tmp_path / "Include").mkdir()
    (tmp_path / "Include" / "arm_nnfunctions.h").touch()
    (tmp_path / "Source" / "Some").mkdir(parents=True)
    (tmp_path / "Source" / "Some" / "some.c").write_text(
        "arm_cmsis_nn_status arm_convolve_wrapper_s8(const int8_t *in,\n    int8_t *out)\n{\n}\n"
        "void arm_declared_only(int32_t n);\nstatic void arm_hidden(void)\n{\n}\n"
    )
    library = find_cmsis_nn(str(tmp_path))
    assert set(library.functions) == {"arm_convolve_wrapper_s8"}
    assert library.mentions("arm_convolve_wrapper_s8", "arm_cmsis_nn_status")
    assert not library.mentions("arm_convolve_wrapper_s8", "int32_t")
    assert not library.mentions("arm_hidden", "void")
