"""The C of one small network, per kernel set, against what was reviewed.

``kernels/<set>.c`` is the generated ``network_aot.c``; its last lines name the kernels it
calls. After a wanted change: ``IMSE_MCU_UPDATE_GOLDEN=1 pytest tests/golden``,
and review the difference.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit.cmsis_nn import cmsis_nn_emitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.kernel_sets import CMSIS_NN, EMITTERS
from quantize.artifact import QuantizedModel

GOLDEN = Path(__file__).parent / "kernels"
UPDATE = os.environ.get("IMSE_MCU_UPDATE_GOLDEN") == "1"
_HARNESS = Path(__file__).parents[1] / "unit" / "firmware_gen" / "aot" / "aot_harness.py"
# Some of what CMSIS-NN 7 has; no sources of Arm's are needed to write the calls.
_ARM = CmsisNn(
    dict.fromkeys(
        [
            *("arm_convolve_wrapper_s8", "arm_convolve_wrapper_s8_get_buffer_size"),
            *("arm_depthwise_conv_wrapper_s8", "arm_depthwise_conv_wrapper_s8_get_buffer_size"),
            *("arm_batch_matmul_s8", "arm_elementwise_add_s8", "arm_transpose_s8"),
        ],
        "",
    )
)
SETS: dict[str, type[Emitter]] = {
    **EMITTERS,
    CMSIS_NN: cmsis_nn_emitter(EMITTERS["dsp"], _ARM),
}


def network() -> QuantizedModel:
    """Strided convolution, parametric ReLU, causal depthwise with a state, gate, sum, product."""
    spec = importlib.util.spec_from_file_location("golden_harness", _HARNESS)
    assert spec is not None
    assert spec.loader is not None
    harness = importlib.util.module_from_spec(spec)
    sys.modules["golden_harness"] = harness
    spec.loader.exec_module(harness)
    b = harness.GraphBuilder(7)
    x = b.input((1, 1, 16, 3))
    y = b.conv(x, 8, (1, 5), stride=(1, 2), same=True)
    slopes = b.rng.integers(-127, 128, (1, 1, 8)).astype(np.int8)
    y = b.op("PRELU", [y, b.constant(slopes, [0.004])], b.tensor(y.shape))
    whole = b.pad(b.extend(y, 2), [(0, 0), (0, 0), (1, 1), (0, 0)])
    gate, value = b.split(b.conv(whole, 0, (3, 3), depthwise=True), [4, 4], 3)
    swish = b.unary("HARD_SWISH", gate, gate.scales[0] * 0.7)
    product = b.binary("MUL", swish, value, swish.scales[0] * value.scales[0] * 40)
    total = b.binary("ADD", y, b.conv(product, 8), y.scales[0] * 1.5, 0)
    mask = b.unary("LOGISTIC", b.conv(total, 2), 1 / 256, -128)
    rows = b.reshape(total, (1, 1, 8, 8))
    square = b.tensor((1, 1, 8, 8), scale=total.scales[0] ** 2 * 200, point=3)
    phase = b.op("BATCH_MATMUL", [rows, rows], square, adjX=False, adjY=True)
    return b.model(mask, phase)


@pytest.mark.parametrize("name", SETS)
def test_network_is_as_reviewed(name: str) -> None:
    model = network()
    files = compile_network(model.graph, model.metadata, SETS[name]).files
    kernels = [f"/* {path} */" for path in sorted(files) if path.startswith("kernels/")]
    text = files["model/network_aot.c"].decode() + "\n".join(["", *kernels, ""])
    golden = GOLDEN / f"{name}.c"
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"the {name} kernels write other C"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(SETS)
