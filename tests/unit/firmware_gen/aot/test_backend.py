"""Files, errors, memory plan and text of the ahead-of-time runtime."""

from __future__ import annotations

import itertools
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode
from test_streaming import _network

from firmware_gen.backends.aot.backend import AotBackend, compile_network
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.kernel_sets import choose_kernels
from firmware_gen.backends.aot.nodes import Table
from firmware_gen.backends.config_header import config_header
from firmware_gen.backends.errors import BackendError, UnsupportedOpError
from firmware_gen.errors import OptionError
from firmware_gen.options import FirmwareOptions
from quantize.artifact import QuantizedModel
from targets.loader import load_target

TARGET = load_target("stm32h7")


def _simple(kind: str = "HARD_SWISH", dtype: str = "int8") -> QuantizedModel:
    b = GraphBuilder(1)
    x = b.input((1, 1, 8, 4))
    first = x if dtype == "int8" else b.requant(x, dtype, 0.001, 0)
    y = b.unary(kind, first)
    return b.model(y if dtype == "int8" else b.requant(y, "int8"), b.requant(x))


def test_same_input_same_bytes_and_only_used_kernels() -> None:
    first = AotBackend().generate(_simple(), TARGET, FirmwareOptions())
    second = AotBackend().generate(_simple(), TARGET, FirmwareOptions())
    assert first == second
    kernels = {path for path in first.files if path.startswith("kernels/")}
    assert kernels == {"kernels/imse_table_s8.c", "kernels/imse_table.h"}
    assert {"model/network_aot.c", "model/network_aot.h", "network/imse_network.h"} <= set(
        first.files
    )


def test_operators_are_joined_unless_asked_not_to() -> None:
    b = GraphBuilder(1)
    x = b.input((1, 1, 8, 4))
    model = b.model(b.unary("ELU", b.conv(x, 4)), b.requant(x))
    joined, single = (
        AotBackend().generate(model, TARGET, FirmwareOptions(fuse=fuse)) for fuse in (True, False)
    )
    assert len(single.report["layers"]) == len(joined.report["layers"]) + 1
    assert "kernels/imse_table_s8.c" in single.files
    assert FirmwareOptions(fuse=False).to_json()["fuse"] is False


def test_unknown_operator_is_one_line_with_operator_and_tensor() -> None:
    with pytest.raises(UnsupportedOpError, match=r"FLOOR #0 't_1' has no kernel") as error:
        AotBackend().generate(_simple("FLOOR"), TARGET, FirmwareOptions())
    assert "\n" not in error.value.message


def test_type_without_kernel_is_named() -> None:
    with pytest.raises(UnsupportedOpError, match=r"ELU #1 .* has int16 input 't_1', expected int8"):
        AotBackend().generate(_simple("ELU", "int16"), TARGET, FirmwareOptions())


def test_unequal_scales_of_a_concatenation_are_named() -> None:
    b = GraphBuilder(2)
    x = b.input((1, 1, 8, 4))
    y = b.concat([x, b.requant(x, scale=0.01)], 3)
    with pytest.raises(UnsupportedOpError, match="CONCATENATION #1 .* expected equal quantization"):
        AotBackend().generate(b.model(y, b.requant(x)), TARGET, FirmwareOptions())


def test_weights_with_a_zero_point_are_refused() -> None:
    b = GraphBuilder(3)
    x = b.input((1, 1, 8, 4))
    y = b.conv(x, 4)
    weights = b.ops[0].inputs[1]
    assert weights is not None
    weights.zero_points = (3,) * len(weights.scales)
    with pytest.raises(UnsupportedOpError, match="with a zero point, expected 0"):
        AotBackend().generate(b.model(y, b.requant(x)), TARGET, FirmwareOptions())


def test_int16_convolutions_need_the_wide_bias() -> None:
    b = GraphBuilder(3)
    x = b.input((1, 1, 8, 4))
    y = b.conv(b.requant(x, "int16"), 4)
    bias = b.ops[1].inputs[2]
    assert bias is not None
    assert bias.data is not None
    bias.data, bias.dtype = bias.data.astype(np.int32), "int32"
    with pytest.raises(UnsupportedOpError, match=r"CONV_2D #1 .* of type int32, expected int64"):
        AotBackend().generate(b.model(y, b.requant(x)), TARGET, FirmwareOptions())


def _convolution(kind: str) -> tuple[GraphBuilder, list[TensorNode]]:
    """A network of one convolution, and the constants of it."""
    b = GraphBuilder(3)
    x = b.input((1, 1, 8, 4))
    if kind == "FULLY_CONNECTED":
        rows = b.reshape(x, (8, 4))
        weights = b.constant(b.rng.integers(-9, 9, (6, 4)).astype("int8"), [0.01] * 6)
        bias = b.constant(np.zeros(6, np.int32), [0.0004] * 6)
        y = b.tensor((8, 6))
        options = {"fusedActivationFunction": 0, "keepNumDims": True}
        b.op(kind, [rows, weights, bias], y, **options)
    else:
        b.conv(x, 6, depthwise=kind == "DEPTHWISE_CONV_2D")
    return b, [node for node in b.ops[-1].inputs[1:] if node is not None]


_WEIGHTED = ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]


@pytest.mark.parametrize("kind", _WEIGHTED)
def test_scales_that_are_not_one_per_channel_are_named(kind: str) -> None:
    b, (weights, _) = _convolution(kind)
    assert b.features is not None
    channels = len(weights.scales)
    weights.scales, weights.zero_points = (0.01,) * 3, (0,) * 3
    model = b.model(b.ops[-1].outputs[0], b.requant(b.features))
    expected = rf"{kind} .* weights '{weights.name}' with 3 scales, expected 1 or {channels}"
    with pytest.raises(UnsupportedOpError, match=expected):
        AotBackend().generate(model, TARGET, FirmwareOptions())


@pytest.mark.parametrize("kind", _WEIGHTED)
def test_bias_that_is_not_one_per_channel_is_named(kind: str) -> None:
    b, (_, bias) = _convolution(kind)
    assert b.features is not None
    assert bias.data is not None
    bias.data, bias.shape = bias.data[:3], (3,)
    bias.scales, bias.zero_points = bias.scales[:1], bias.zero_points[:1]
    model = b.model(b.ops[-1].outputs[0], b.requant(b.features))
    with pytest.raises(UnsupportedOpError, match=rf"{kind} .* bias '{bias.name}' of 3 values"):
        AotBackend().generate(model, TARGET, FirmwareOptions())


def test_activation_with_a_scale_per_channel_is_named() -> None:
    b = GraphBuilder(3)
    x = b.input((1, 1, 8, 4))
    c = b.constant(np.ones((1, 1, 1, 4), np.int8), [0.01, 0.02, 0.03, 0.04], axis=3)
    y = b.binary("MUL", x, c)
    with pytest.raises(UnsupportedOpError, match=rf"MUL .* '{c.name}' with 4 scales, expected 1"):
        AotBackend().generate(b.model(y, b.requant(x)), TARGET, FirmwareOptions())


def test_scratch_memory_that_was_not_planned_is_an_error() -> None:
    class Greedy(Emitter):
        """Asks for more once the memory is planned."""

        def table(self, node: Table) -> list[str]:
            self.scratch(16 if self.source.keeps_text else 8)
            return super().table(node)

    model = _simple()
    with pytest.raises(BackendError, match="HARD_SWISH 't_1' needs 64 bytes .*, 32 are planned"):
        compile_network(model.graph, model.metadata, Greedy)


def test_kernel_choice() -> None:
    plain = replace(TARGET, mcu=replace(TARGET.mcu, has_dsp=False, core="cortex-m3"))
    helium = load_target("mps3_an547")
    assert choose_kernels(TARGET, "auto") == "dsp"
    assert choose_kernels(TARGET, "portable") == "portable"
    assert choose_kernels(plain, "auto") == "portable"
    assert choose_kernels(helium, "auto") == "mve"
    assert choose_kernels(helium, "dsp") == "dsp"
    with pytest.raises(OptionError, match="need the DSP instructions, cortex-m3"):
        choose_kernels(plain, "dsp")
    with pytest.raises(OptionError, match=r"need Helium \(MVE\), cortex-m7") as error:
        choose_kernels(TARGET, "mve")
    assert error.value.hint == "use --kernels auto, portable, dsp, cmsis-nn"


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_buffers_that_live_together_do_not_overlap(kernels: str) -> None:
    model = _network(0)
    network = compile_network(model.graph, model.metadata, kernels)
    arena = [b for b in network.layout.buffers if b.kind == "arena"]
    for i, a in enumerate(arena):
        assert a.offset % 8 == 0
        assert a.offset + a.size_bytes <= network.plan.arena_bytes
        for b in arena[:i]:
            apart = a.offset + a.size_bytes <= b.offset or b.offset + b.size_bytes <= a.offset
            assert apart or a.last < b.first or b.last < a.first
    states = sorted((b.offset, b.size_bytes) for b in network.layout.buffers if b.kind == "state")
    for (offset, size), (following, _) in itertools.pairwise(states):
        assert offset + size <= following
    assert network.plan.state_bytes >= sum(size for _, size in states)


def test_arena_is_close_to_the_lower_bound() -> None:
    model = _network(0)
    plan = compile_network(model.graph, model.metadata, "portable").plan
    assert plan.lower_bound_bytes <= plan.arena_bytes <= 1.05 * plan.lower_bound_bytes


def test_every_layer_says_where_it_comes_from() -> None:
    model = _network(0)
    text = compile_network(model.graph, model.metadata, "dsp").files["model/network_aot.c"].decode()
    layer = r"/\* (.+) \*/\n/\* (.+ -> .+) \*/\nIMSE_(?:LOOP_)?LAYER (layer_\w+)\(void\)"
    layers = re.findall(layer, text)
    called = re.findall(r"^  (layer_\w+)\(\);", text, re.MULTILINE)
    assert [name for _, _, name in layers] == called
    assert len(called) > 40
    assert "malloc" not in text


def test_config_header_reads_back(tmp_path: Path) -> None:
    model = _simple()
    (tmp_path / "imse_model_config.h").write_bytes(config_header(model))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "imse_model_config.h"\n'
        "static const unsigned char digest[32] = IMSE_MODEL_DIGEST;\n"
        'int main(void) { printf("%a %d %d %d ", (double)IMSE_FEATURE_SCALE,'
        " IMSE_FEATURE_ZERO_POINT, IMSE_FEATURE_BYTES, IMSE_PHASE_BYTES);"
        ' for (int i = 0; i < 32; ++i) printf("%02x", digest[i]);'
        " return 0; }\n"
    )
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"], cwd=tmp_path, check=True
    )
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    scale, point, features, phase, digest = printed.stdout.split()
    tensor = model.graph.tensors[model.metadata.inputs["features"]]
    assert np.float32(float.fromhex(scale)) == np.float32(tensor.scale)
    assert (int(point), int(features), int(phase)) == (tensor.zero_point, 32, 32)
    assert digest == model.digest
