"""The C of two small networks, per kernel set, against what was reviewed.

``kernels/<set>.c`` and ``kernels/<set>-fused.c``, and for fused operators on int16 values that only
one set has ``kernels/<set>-<operator>.c``, are the generated ``network_aot.c``; their last
lines name the kernels that it calls. After a wanted change:
``IMSE_MCU_UPDATE_GOLDEN=1 pytest tests/golden``, and review the difference.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

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
_BUILDERS = Path(__file__).parents[1] / "unit" / "firmware_gen" / "aot"
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


def _module(name: str) -> Any:
    """A module beside the tests of the aot runtime."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _BUILDERS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _builder(seed: int) -> Any:
    return _module("aot_harness").GraphBuilder(seed)


def network() -> QuantizedModel:
    """Strided convolution, parametric ReLU, causal depthwise with a state, gate, sum, product."""
    b = _builder(7)
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


def fused() -> QuantizedModel:
    """What kernels take together: norms of rows and over pixels, a rotation, linear attention."""
    b = _builder(7)
    x = b.requant(b.input((1, 1, 12, 16)), "int16", 0.0002, 0)

    def moments(axis: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
        mean = b.op("MEAN", [x, b.ints([axis])], b.tensor(shape, "int16", 0.0001), keepDims=True)
        square = b.binary("SQUARED_DIFFERENCE", x, mean, scale=0.0006)
        y = b.tensor(shape, "int16", 0.0004)
        return mean, b.op("MEAN", [square, b.ints([axis])], y, keepDims=True)

    _, variance = moments(3, (1, 1, 12, 1))
    epsilon = b.constant(np.array(300, np.int16), [0.0000001])
    root = b.unary("RSQRT", b.binary("ADD", variance, epsilon, scale=0.0005), 0.003, 0)
    rows = b.requant(b.binary("MUL", x, root, scale=0.0005), "int8", 0.02)
    mask = b.requant(b.binary("SUB", *moments(2, (1, 1, 1, 16)), scale=0.0005), "int8", 0.06)

    phases = b.rng.uniform(0, 6.3, (1, 1, 12, 8))
    cosines, sines = (np.round(127 * f(phases)).astype(np.int8) for f in (np.cos, np.sin))
    low, high = b.split(rows, [8, 8], 3)
    straight = b.constant(np.concatenate([cosines, cosines], 3), [1 / 127])
    crossed = b.constant(np.concatenate([-sines, sines], 3), [1 / 127])
    first = b.binary("MUL", rows, straight, 0.021, 0)
    second = b.binary("MUL", b.concat([high, low], 3), crossed, 0.022, 0)
    query = b.reshape(b.binary("ADD", first, second, 0.031, 0), (1, 2, 12, 8))

    def product(other: Any, scale: float, point: int, *, across: bool = False) -> Any:
        shape = (1, 2, 8 if across else 12, other.shape[3])
        y = b.tensor(shape, scale=scale, point=point)
        return b.op("BATCH_MATMUL", [query, other], y, adjX=across, adjY=False)

    matrix = product(query, 0.1, 0, across=True)
    mean = b.tensor((1, 2, 1, 8), scale=0.01, point=0)
    b.op("MEAN", [query, b.ints([2])], mean, keepDims=True)
    z = product(b.reshape(mean, (1, 2, 8, 1)), 0.005, -128)
    numerator = product(matrix, 0.02, 5)
    ratio = b.binary("MUL", numerator, b.unary("QUANTIZE", z, 0.008, -120), 0.023, 1)
    away = b.binary("MUL", b.binary("SUB", ratio, mean, 0.041, 2), z, 0.019, 3)
    return b.model(mask, b.binary("ADD", ratio, away, 0.037, 4))


def _one(builder: str, **sizes: int) -> QuantizedModel:
    """One operator of op_wide_attention.py."""
    b = _builder(7)
    y = getattr(_module("op_wide_attention"), builder)(b, **sizes)
    return b.model(y, b.requant(b.strided_slice(b.features, [0] * 4, [1] * 4), scale=0.1, point=0))


def rotation() -> QuantizedModel:
    """A rotation of int16 values by row and column."""
    return _one("wide_rotated", rows=2, columns=3, heads=2, pairs=4)


def attention() -> QuantizedModel:
    """Linear attention on int16 values."""
    return _one("wide_attended", rows=3, heads=2)


NETWORKS = {
    "": network,
    "-fused": fused,
    "-rotation-int16": rotation,
    "-attention-int16": attention,
}
CASES = [
    *((name, kind) for kind in ("", "-fused") for name in SETS),
    ("dsp", "-rotation-int16"),
    ("dsp", "-attention-int16"),
    ("mve", "-rotation-int16"),
    ("mve", "-attention-int16"),
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_network_is_as_reviewed(name: str, kind: str) -> None:
    model = NETWORKS[kind]()
    files = compile_network(model.graph, model.metadata, SETS[name]).files
    kernels = [f"/* {path} */" for path in sorted(files) if path.startswith("kernels/")]
    text = files["model/network_aot.c"].decode() + "\n".join(["", *kernels, ""])
    golden = GOLDEN / f"{name}{kind}.c"
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text(), f"the {name} kernels write other C"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {f"{name}{kind}" for name, kind in CASES}
