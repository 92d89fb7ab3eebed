"""Helium kernels on an emulated Cortex-M55: the interpreter's bytes, and instruction counts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import test_m7
import test_ops
from aot_harness import GraphBuilder
from qemu_harness import M55, run_networks
from test_streaming import _network

from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
        reason="arm-none-eabi-gcc or qemu-system-arm is not installed",
    ),
]

BARS = {
    "conv 3x3": 0.2,
    "conv 3x3 stride 2": 0.2,
    "conv 3x3 dilation 2": 0.22,
    "conv 3x3, 4 groups": 1.4,
    "conv 1x1": 0.35,
    "depthwise 3x3": 0.9,
    "depthwise 1x11": 1.5,
    "depthwise 11x1": 1.5,
    "depthwise 3x3 dilation 2": 0.9,
    "conv 1x1 with prelu": 0.4,
    "matmul": 0.75,
    "add": 4.5,
    "mul": 5.0,
    "logistic": 0.6,
    "prelu": 9.0,
    "conv 3x3, int16": 0.35,
    "conv 1x1, int16": 0.55,
    "depthwise 3x3, int16": 2.2,
    "matmul, int16": 0.6,
    "add, int16": 5.0,
    "mul, int16": 3.5,
    "squared difference, int16": 5.7,
    "mean, int16": 1.6,
    "logistic, int16": 12.0,
    "rsqrt, int16": 20.0,
    "squared difference": 16.5,
    "div": 31.0,
    "maximum": 1.3,
    "average pool 3x3": 29.0,
    "layer norm, int16, 16 channels": 12.6,
    "layer norm, int16, 48 channels": 9.3,
    "rotation": 7.5,
    "linear attention": 23.5,
    "rotation, int16": 15.0,
    "linear attention, int16": 28.0,
}
"""Instructions per multiply-accumulate or element, the whole network of one operator."""


def run(
    models: Sequence[QuantizedModel], frames: int, folder: Path, names: Sequence[str]
) -> list[float]:
    """Compare networks with the interpreter; returns the instructions of their last frames."""
    rng = np.random.default_rng(5)
    features = []
    for model in models:
        shape = model.graph.tensors[model.metadata.inputs["features"]].shape
        features.append([rng.integers(-128, 128, shape).astype(np.int8) for _ in range(frames)])
    counts = []
    results = run_networks(M55, models, features, folder, "mve")
    for name, model, inputs, outputs in zip(names, models, features, results, strict=True):
        runner = TflmRunner(model)
        for frame, (values, (actual, _)) in enumerate(zip(inputs, outputs, strict=True)):
            expected = runner.invoke(values)
            for output in ("mask", "phase"):
                message = f"{name}, frame {frame}, {output}"
                np.testing.assert_array_equal(actual[output], expected[output], err_msg=message)
        counts.append(outputs[-1][1])
    return counts


def test_operators_on_the_core_equal_interpreter(tmp_path: Path) -> None:
    models, names = [], []
    for maker in [*test_ops.MAKERS, *test_ops.FUSED]:
        for seed in (21, 22):
            b = GraphBuilder(seed)
            y = maker(b)
            assert b.features is not None
            models.append(b.model(y, b.requant(b.features)))
            names.append(f"{maker.__name__} {seed}")
    run(models, 2, tmp_path, names)


def test_roots_and_quotients_of_all_values_equal_interpreter(tmp_path: Path) -> None:
    for networks in (test_ops.all_roots, test_ops.all_quotients):
        models, inputs = zip(*networks(), strict=True)
        results = run_networks(M55, models, [[values] for values in inputs], tmp_path, "mve")
        for model, values, outputs in zip(models, inputs, results, strict=True):
            expected = TflmRunner(model).invoke(values)["mask"]
            np.testing.assert_array_equal(outputs[0][0]["mask"], expected)


def _far_apart(kind: str) -> QuantizedModel:
    """Eight neighbours of a vector that span more than 16 bits."""
    b = GraphBuilder(7)
    x = b.input((1, 3, 9400))
    if kind == "transposition":
        y = b.transpose(x, (0, 2, 1))
    elif kind == "product":
        first, second = (b.strided_slice(x, [0, 0, i], [1, 3, i + 1]) for i in (0, 5))
        y = b.binary("MUL", first, second, 0.1)
    else:
        wide = b.requant(x, "int16", 0.04 / 200, 0) if kind == "wide matrix product" else x
        columns = b.strided_slice(wide, [0, 0, 0], [1, 3, 4])
        scale = wide.scales[0] ** 2 * 200
        y = b.tensor((1, 9400, 4), wide.dtype, scale * (200 if wide is not x else 1))
        y = b.op("BATCH_MATMUL", [wide, columns], y, adjX=True, adjY=False)
    return b.model(y, b.requant(x))


def test_far_neighbours_equal_interpreter(tmp_path: Path) -> None:
    kinds = ["transposition", "product", "matrix product", "wide matrix product"]
    run([_far_apart(kind) for kind in kinds], 1, tmp_path, kinds)


def test_whole_network_over_many_frames(tmp_path: Path) -> None:
    run([_network(seed) for seed in range(2)], 24, tmp_path, ["network 0", "network 1"])


def test_instructions_per_unit(tmp_path: Path) -> None:
    models = []
    for name in BARS:
        b = GraphBuilder(1)
        y = test_m7.COSTS[name][0](b)
        assert b.features is not None
        # The result stays in the arena, as inside a network.
        first, last = (
            b.strided_slice(x, [0] * len(x.shape), [1] * len(x.shape)) for x in (y, b.features)
        )
        models.append(b.model(first, last))
    counts = run(models, 1, tmp_path, list(BARS))
    costs = {name: count / test_m7.COSTS[name][2] for name, count in zip(BARS, counts, strict=True)}
    print(
        "\n".join(
            f"{name}: {cost:.2f} instructions per MAC or element" for name, cost in costs.items()
        )
    )
    for name, cost in costs.items():
        assert 0.03 < cost <= BARS[name], costs
