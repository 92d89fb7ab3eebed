"""What computes int8 on this machine: the firmware's C must do what the interpreter does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from firmware_gen.errors import ToolchainError
from firmware_gen.host_network import HostNetwork
from imse_mcu.cli import check, enhance
from imse_mcu.core.process import ToolNotFoundError
from imse_mcu.core.registry import UnknownNameError
from imse_mcu.engines import (
    ENGINES,
    PROVEN_FRAMES,
    AotRunner,
    EngineMismatchError,
    integer_runner,
)
from keras_imse.config import FrontendConfig
from quantize.artifact import METADATA_NAME, ModelMetadata, QuantizedModel
from quantize.errors import QuantizeError
from quantize.flatmodel import FlatModel
from quantize.tflm_host import TflmRunner
from tests.unit.firmware_gen.aot.aot_harness import GraphBuilder

FRAMES = 8


def _stream() -> QuantizedModel:
    """A network frame by frame with a state of two rows."""
    b = GraphBuilder(3)
    x = b.extend(b.input((1, 1, 16, 3)), 2, initial=True)
    x = b.conv(x, 8, (3, 3))
    return b.model(b.unary("LOGISTIC", b.conv(x, 1), 1 / 256, -128), b.conv(x, 2))


def _segments() -> QuantizedModel:
    """A network over segments with int16 features."""
    b = GraphBuilder(4)
    features = b.tensor((1, FRAMES, 16, 2), "int16", 0.001)
    x = b.conv(b.requant(features, "int8", 0.04, 3), 8, (3, 3), same=True)
    mask, phase = b.unary("LOGISTIC", b.conv(x, 1), 1 / 256, -128), b.conv(x, 2)
    flat = FlatModel(b.ops, {"features": features}, {"mask": mask, "phase": phase})
    index = flat.indices()
    ends = {"features": features, "mask": mask, "phase": phase}
    numbers = {name: index[id(tensor)] for name, tensor in ends.items()}
    metadata = ModelMetadata(
        "segments",
        "imse",
        "int8",
        1000,
        FrontendConfig(),
        {"features": numbers.pop("features")},
        numbers,
    )
    flat.metadata[METADATA_NAME] = metadata.to_bytes()
    return QuantizedModel.from_bytes(flat.to_bytes())


def _noise(model: QuantizedModel, count: int) -> np.ndarray:
    tensor = model.graph.tensors[model.metadata.inputs["features"]]
    limits = np.iinfo(tensor.dtype)
    rng = np.random.default_rng(8)
    return rng.integers(limits.min, limits.max + 1, (count, *tensor.shape)).astype(tensor.dtype)


def _same(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> None:
    for name in ("mask", "phase"):
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("make", [_stream, _segments])
def test_compiled_network_equals_the_interpreter(make) -> None:
    model = make()
    # Two libraries of one network: each has a state of its own.
    runner, other, reference = AotRunner(model), HostNetwork(model), TflmRunner(model)
    frames = _noise(model, PROVEN_FRAMES + 5)
    expected = [reference.invoke(frame) for frame in frames]
    for frame, outputs in zip(frames, expected, strict=True):
        _same(runner.invoke(frame), outputs)
    other.invoke(frames[3])
    runner.reset()
    for frame, outputs in zip(frames[:3], expected, strict=False):
        _same(runner.invoke(frame), outputs)


def test_another_result_than_the_interpreter_is_an_error(monkeypatch) -> None:
    invoke = HostNetwork.invoke

    def wrong(self: HostNetwork, features: np.ndarray) -> dict[str, np.ndarray]:
        outputs = invoke(self, features)
        outputs["phase"].flat[0] ^= 1
        return outputs

    monkeypatch.setattr(HostNetwork, "invoke", wrong)
    model = _segments()
    with pytest.raises(EngineMismatchError, match="interpreter in phase of segment 0"):
        AotRunner(model).invoke(_noise(model, 1)[0])


def test_features_of_another_type_are_refused() -> None:
    model = _segments()
    with pytest.raises(QuantizeError, match="got int8"):
        integer_runner(model, "aot").invoke(np.zeros((1, FRAMES, 16, 2), np.int8))


def test_missing_compiler_is_one_line(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMSE_MCU_GCC", str(tmp_path / "gcc"))
    with pytest.raises(ToolNotFoundError, match="gcc is not installed, needed to compile"):
        integer_runner(_segments(), "aot")


def test_failing_compiler_is_one_line(monkeypatch) -> None:
    monkeypatch.setenv("IMSE_MCU_GCC", "/bin/false")
    with pytest.raises(ToolchainError, match="could not compile the network") as caught:
        integer_runner(_segments(), "aot")
    assert "\n" not in caught.value.message


def test_commands_offer_every_engine() -> None:
    for command in (check.command, enhance.command):
        (option,) = [parameter for parameter in command.params if parameter.name == "engine"]
        assert tuple(option.type.choices) == tuple(ENGINES)


def test_unknown_engine_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown engine 'gpu'"):
        integer_runner(_segments(), "gpu")
