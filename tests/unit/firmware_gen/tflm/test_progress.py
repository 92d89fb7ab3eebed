"""A network over segments says how far it is: sources compiled against a stand-in interpreter."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace

import pytest
from aot_harness import GraphBuilder

from firmware_gen.backends.kernel_files import csrc
from firmware_gen.backends.tflm.backend import TflmBackend
from firmware_gen.options import FirmwareOptions
from quantize.artifact import QuantizedModel
from targets.loader import load_target

_MICRO = "tensorflow/lite/micro"
_STUBS = {
    f"{_MICRO}/micro_common.h": """
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
typedef enum { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;
struct TfLiteContext;
struct TfLiteNode { int kind; };
struct TFLMRegistration { TfLiteStatus (*invoke)(TfLiteContext *, TfLiteNode *); };
extern "C" int called[3];
template <int kKind> TfLiteStatus kernel(TfLiteContext *, TfLiteNode *node) {
  called[kKind]++;
  return node->kind == kKind ? kTfLiteOk : kTfLiteError;
}
""",
    f"{_MICRO}/micro_mutable_op_resolver.h": """
#pragma once
#include "tensorflow/lite/micro/micro_common.h"
namespace tflite {
inline TFLMRegistration Register_CONV_2D() { return {kernel<0>}; }
inline TFLMRegistration Register_LOGISTIC() { return {kernel<1>}; }
inline TFLMRegistration Register_QUANTIZE() { return {kernel<2>}; }
template <unsigned N> struct MicroMutableOpResolver {
  TFLMRegistration kinds[3];
  TfLiteStatus AddConv2D(const TFLMRegistration &r) { kinds[0] = r; return kTfLiteOk; }
  TfLiteStatus AddLogistic(const TFLMRegistration &r) { kinds[1] = r; return kTfLiteOk; }
  TfLiteStatus AddQuantize(const TFLMRegistration &r) { kinds[2] = r; return kTfLiteOk; }
};
}
""",
    f"{_MICRO}/kernels/conv.h": """
#pragma once
namespace tflite { inline TFLMRegistration Register_CONV_2D_INT8() { return {kernel<0>}; } }
""",
    "tensorflow/lite/schema/schema_generated.h": """
#pragma once
namespace tflite {
struct Model { int version() const { return 3; } };
inline const Model *GetModel(const void *p) { return static_cast<const Model *>(p); }
}
""",
    f"{_MICRO}/micro_interpreter.h": """
#pragma once
#include <stdarg.h>
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#define TFLITE_SCHEMA_VERSION (3)
struct TfLiteTensor { size_t bytes; union { char *raw; } data; };
namespace tflite {
struct Model;
extern "C" { extern const int order[], steps; extern const unsigned ends[3]; extern int spoiled; }
struct MicroInterpreter {
  TFLMRegistration kinds[3];
  TfLiteTensor tensors[3];
  template <class R>
  MicroInterpreter(const Model *, const R &resolver, uint8_t *arena, size_t) {
    memcpy(kinds, resolver.kinds, sizeof kinds);
    for (int i = 0; i < 3; ++i) { tensors[i] = {ends[i], {reinterpret_cast<char *>(arena)}}; }
  }
  TfLiteStatus AllocateTensors() { return kTfLiteOk; }
  size_t arena_used_bytes() const { return 1234; }
  TfLiteTensor *input(size_t) { return &tensors[0]; }
  TfLiteTensor *output(size_t i) { return &tensors[1 + i]; }
  TfLiteStatus Invoke() {
    for (int i = 0; i < steps; ++i) {
      TfLiteNode node{i == spoiled ? -1 : order[i]};
      if (kinds[order[i]].invoke(nullptr, &node) != kTfLiteOk) { return kTfLiteError; }
    }
    return kTfLiteOk;
  }
};
}
""",
}
_KINDS = ["CONV_2D", "LOGISTIC", "QUANTIZE"]
_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32)


def _model(family: str) -> QuantizedModel:
    b = GraphBuilder(1)
    x = b.input((1, 4, 8, 2))
    y = b.conv(b.requant(x), 3, (3, 3), same=True)
    logit = b.conv(y, 1)
    mask = b.op("LOGISTIC", [logit], b.tensor(logit.shape, scale=1 / 256, point=-128))
    model = b.model(mask, b.conv(y, 2))
    return replace(model, metadata=replace(model.metadata, family=family))


def _files(family: str) -> dict[str, bytes]:
    options = FirmwareOptions()
    return dict(TflmBackend().generate(_model(family), load_target("mps2_an500"), options).files)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("progress")
    graph, metadata = _model("imse").graph, _model("imse").metadata
    files = {**_files("imse"), **{path: text.encode() for path, text in _STUBS.items()}}
    progress = "network/imse_network_progress.h"
    files[progress] = csrc("network", "imse_network_progress.h").read_bytes()
    order = [_KINDS.index(op.kind) for op in graph.ops]
    indices = (metadata.inputs["features"], *(metadata.outputs[n] for n in ("mask", "phase")))
    sizes = [graph.tensors[index].nbytes for index in indices]
    files["stub.cc"] = (
        "#include <stdint.h>\n"
        'extern "C" { extern const int order[], steps; extern const unsigned ends[3];\n'
        f"const int order[] = {{{str(order)[1:-1]}}}, steps = {len(order)};\n"
        f"const unsigned ends[3] = {{{str(sizes)[1:-1]}}};\n"
        "int called[3], spoiled = -1; void (*report)(uint32_t, uint32_t);\n"
        "void imse_network_progress(uint32_t done, uint32_t all) { report(done, all); } }\n"
    ).encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    sources = [path for path in files if path.endswith(".cc") and "scales" not in path]
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fno-rtti", "-fno-exceptions"]
    includes = [f"-I{path}" for path in (".", "model", "network", "runtime/tflm")]
    command = ["g++", *flags, "-shared", "-fPIC", *includes, *sources, "-o", "lib.so"]
    subprocess.run(command, check=True, cwd=folder)
    return ctypes.CDLL(str(folder / "lib.so"))


def _invoke(library: ctypes.CDLL) -> tuple[int, list[tuple[int, int]], list[int]]:
    """Status, what was reported, and how often the kernel of each kind was called."""
    reports: list[tuple[int, int]] = []
    callback = _REPORT(lambda done, all_: reports.append((done, all_)))
    place = ctypes.c_void_p.in_dll(library, "report")
    place.value = ctypes.cast(callback, ctypes.c_void_p).value
    called = (ctypes.c_int * 3).in_dll(library, "called")
    called[:] = [0, 0, 0]
    buffers = [ctypes.create_string_buffer(64) for _ in range(3)]
    return int(library.imse_network_invoke(*buffers)), reports, list(called)


def test_every_operator_is_told_once_and_each_segment_counts_anew(library: ctypes.CDLL) -> None:
    library.imse_network_reset()
    for _ in range(2):
        assert _invoke(library) == (0, [(n, 5) for n in range(1, 6)], [3, 1, 1])


def test_a_kernel_that_fails_still_fails(library: ctypes.CDLL) -> None:
    library.imse_network_reset()
    spoiled = ctypes.c_int.in_dll(library, "spoiled")
    spoiled.value = 2
    status, reports, _ = _invoke(library)
    assert status != 0
    assert len(reports) == 3
    spoiled.value = -1


def test_networks_for_single_frames_have_plain_registrations() -> None:
    files = _files("imse-stream")
    assert "runtime/tflm/imse_tflm_progress.h" not in files
    assert b"reporting" not in files["runtime/tflm/imse_op_resolver.cc"]
    listed = "runtime/tflm/imse_tflm_operators.cmake"
    assert b":registration" not in files[listed]
    assert _files("imse")[listed].count(b":registration\n") == 3
