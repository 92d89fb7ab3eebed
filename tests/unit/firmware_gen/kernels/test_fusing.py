"""What joining operators saves on emulated cores; the interpreter's bytes either way."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import test_m7
import test_ops
from aot_harness import GraphBuilder, TensorNode
from qemu_harness import M55, run_networks

from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
    ),
]


def _wide(b: GraphBuilder) -> TensorNode:
    return b.requant(b.input((1, 16, 64, 16)), "int16", 0.0002, 0)


def _moments(b: GraphBuilder) -> TensorNode:
    x, one = _wide(b), (1, 1, 1, 16)
    mean = b.op("MEAN", [x, b.ints([1, 2])], b.tensor(one, "int16", 0.0001), keepDims=True)
    square = b.binary("SQUARED_DIFFERENCE", x, mean, scale=0.0006)
    variance = b.tensor(one, "int16", 0.0004)
    b.op("MEAN", [square, b.ints([1, 2])], variance, keepDims=True)
    return b.binary("ADD", mean, variance, scale=0.0006)


def _rotation(b: GraphBuilder) -> TensorNode:
    x = _wide(b)
    phases = b.rng.uniform(0, 6.3, (1, 1, 64, 16))
    factors = [np.round(32767 * f(phases)).astype(np.int16) for f in (np.cos, np.sin)]
    terms = [b.binary("MUL", x, b.constant(f, [1 / 32767]), scale=0.0002) for f in factors]
    return b.requant(b.binary("ADD", *terms, scale=0.0003), "int8", 0.06)


_ELEMENTS = 16 * 64 * 16
CASES: dict[str, tuple[test_ops.Maker, int]] = {
    "conv 1x1, prelu": (test_m7.COSTS["conv 1x1 with prelu"][0], 2 * _ELEMENTS),
    "rotation by constant angles": (test_m7.COSTS["rotation"][0], _ELEMENTS),
    "linear attention": (test_m7.COSTS["linear attention"][0], 4 * 64 * 8),
    "rotation by row and column, int16": (test_m7.COSTS["rotation, int16"][0], _ELEMENTS),
    "linear attention, int16": (test_m7.COSTS["linear attention, int16"][0], _ELEMENTS),
    "layer norm, int16": (test_m7.COSTS["layer norm, int16, 16 channels"][0], _ELEMENTS),
    "mean and variance over pixels, int16": (_moments, _ELEMENTS),
    "two products, sum, change to int8, int16": (_rotation, _ELEMENTS),
}
"""Operators that are joined, and elements of their result; the last but one: of their operand."""


WITH_HELIUM = (
    "conv 1x1, prelu",
    "rotation by constant angles",
    "linear attention",
    "rotation by row and column, int16",
    "linear attention, int16",
    "layer norm, int16",
    "mean and variance over pixels, int16",
)
"""Cases that the Helium kernels join."""


def _model(name: str) -> QuantizedModel:
    b = GraphBuilder(1)
    y = CASES[name][0](b)
    assert b.features is not None
    return b.model(y, b.strided_slice(b.features, [0] * 4, [1] * 4))


@pytest.mark.parametrize("name", CASES)
def test_joined_operators_take_fewer_instructions(name: str, tmp_path: Path) -> None:
    model, elements = _model(name), CASES[name][1]
    single, joined = (
        test_m7.Board(model, tmp_path / str(fuse), fuse=fuse).frame(np.random.default_rng(0))
        for fuse in (False, True)
    )
    print(f"{name}: {single / elements:.1f} as single operators, {joined / elements:.1f} joined")
    assert joined < 0.9 * single


@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is missing")
def test_joined_operators_take_fewer_instructions_with_helium(tmp_path: Path) -> None:
    models = [_model(name) for name in WITH_HELIUM]
    rng = np.random.default_rng(0)
    inputs = []
    for model in models:
        shape = model.graph.tensors[model.metadata.inputs["features"]].shape
        inputs.append(rng.integers(-128, 128, shape).astype(np.int8))
    single, joined = (
        run_networks(M55, models, [[x] for x in inputs], tmp_path / str(fuse), "mve", fuse=fuse)
        for fuse in (False, True)
    )
    for name, model, x, *both in zip(WITH_HELIUM, models, inputs, single, joined, strict=True):
        expected = TflmRunner(model).invoke(x)["mask"]
        for ((outputs, _),) in both:
            np.testing.assert_array_equal(outputs["mask"], expected, err_msg=name)
        before, after = (frames[0][1] / CASES[name][1] for frames in both)
        print(f"{name}: {before:.1f} as single operators, {after:.1f} joined")
        assert after < 0.9 * before
