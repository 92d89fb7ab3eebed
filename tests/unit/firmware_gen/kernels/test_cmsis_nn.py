"""Which of Arm's functions computes a layer: the interpreter's bytes, in fewer instructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aot_harness import GraphBuilder
from graph_cases import BUILDERS
from qemu_harness import M7, M55, NEEDS_EMULATOR, Board, find_arm_sources, run_networks

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.aot.cmsis_nn import find_cmsis_nn
from firmware_gen.backends.aot.emit import cmsis_nn_convolutions
from firmware_gen.backends.aot.emit.cmsis_nn import cmsis_nn_emitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.kernel_sets import EMITTERS
from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

_PER_CHANNEL = "arm_fully_connected_per_channel_s8"
"""Arm's functions have what a layer needs with Helium since the version that has this one."""


def dense(rows: int, depth: int, *, per_channel: bool = False) -> QuantizedModel:
    """A fully connected layer with 32 outputs."""
    b = GraphBuilder(rows + depth)
    y = BUILDERS["dense"](
        b,
        rows=rows,
        depth=depth,
        channels=32,
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
