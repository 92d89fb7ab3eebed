"""The tflm side of a build where no TensorFlow Lite Micro is at hand: what can be told without it.

``test_tflm.py`` links and runs it, where ``TFLM_DIR`` names one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_gen.backends.tflm.arena import arena_bytes
from firmware_gen.backends.tflm.ops import REGISTRATIONS
from imse_mcu.pipeline import BuildOutcome

pytestmark = pytest.mark.slow

_STAND_IN = """
#pragma once
#include "tensorflow/lite/micro/micro_common.h"
namespace tflite {
TFLMRegistration Register_RSQRT();
TFLMRegistration Register_SUB();
template <unsigned N> struct MicroMutableOpResolver {
  static constexpr unsigned size = N;
METHODS
};
}
"""


def calls(project: Path) -> list[tuple[str, str]]:
    """Method and argument of each registration."""
    source = (project / "runtime/tflm/imse_op_resolver.cc").read_text()
    return re.findall(r"resolver\.(Add\w+)\((.*)\) != kTfLiteOk", source)


def test_resolver_lists_exactly_the_operators_of_the_model(built: BuildOutcome) -> None:
    project = built.folder.path
    graph = built.folder.host_model().quantized.graph
    kinds = sorted({op.kind for op in graph.ops})
    wide = {
        op.kind
        for op in graph.ops
        for index in (*op.inputs, *op.outputs)
        if index >= 0 and graph.tensors[index].dtype == "int16"
    }
    expected = []
    for kind in kinds:
        entry = REGISTRATIONS[kind]
        int8 = entry.int8 and kind not in wide
        argument = f"tflite::{entry.int8}()" if int8 else ""
        if kind in ("RSQRT", "SUB"):
            argument = f"imse_tflm_exact_{kind.lower()}(tflite::Register_{kind}())"
        expected.append((entry.method, argument))
    assert calls(project) == expected
    header = (project / "runtime/tflm/imse_op_resolver.h").read_text()
    assert f"MicroMutableOpResolver<{len(kinds)}>" in header
    listed = (project / "runtime/tflm/imse_tflm_operators.cmake").read_text()
    assert re.findall(r"^  (Add\w+):", listed, re.M) == [method for method, _ in expected]


def test_estimate_of_the_arena_is_above_what_was_measured_and_close(built: BuildOutcome) -> None:
    """What tflite-micro 90b983c2 takes for this model on Cortex-M7 and M55."""
    estimate = arena_bytes(built.folder.host_model().quantized.graph)
    assert 216_056 < estimate < 1.05 * 215_976


def test_array_is_the_model(built: BuildOutcome) -> None:
    model = built.folder.path / "model"
    source = (model / "model_data.cc").read_text()
    assert "alignas(16) const unsigned char imse_model_data[]" in source
    values = bytes(int(text, 16) for text in re.findall(r"0x([0-9a-f]{2}),", source))
    tflite = (model / "model.tflite").read_bytes()
    assert values == tflite
    assert f"imse_model_data_bytes = {len(tflite)};" in source


def test_sources_are_accepted_by_the_compiler(built: BuildOutcome, tmp_path: Path) -> None:
    compiler = shutil.which("arm-none-eabi-g++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed")
    project = built.folder.path
    methods = [
        f"  TfLiteStatus {name}({'TFLMRegistration' if argument else ''}) {{ return kTfLiteOk; }}"
        for name, argument in calls(project)
    ]
    micro = tmp_path / "tensorflow/lite/micro"
    (micro / "kernels").mkdir(parents=True)
    (micro / "micro_common.h").write_text(
        "#pragma once\n"
        "typedef enum { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;\n"
        "struct TFLMRegistration {};\n"
    )
    (micro / "micro_mutable_op_resolver.h").write_text(
        _STAND_IN.replace("METHODS", "\n".join(methods))
    )
    for entry in REGISTRATIONS.values():
        if entry.header:
            (micro / "kernels" / entry.header).write_text(
                f"namespace tflite {{ TFLMRegistration {entry.int8}(); }}\n"
            )
    for name in ("model/model_data.cc", "model/imse_tflm_model.cc"):
        _accept(compiler, project / name, project / "model")
    _accept(compiler, project / "runtime/tflm/imse_op_resolver.cc", tmp_path)


def _accept(compiler: str, source: Path, include: Path) -> None:
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fno-rtti", "-fno-exceptions"]
    subprocess.run([compiler, *flags, f"-I{include}", "-fsyntax-only", str(source)], check=True)
