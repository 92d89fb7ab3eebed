"""The generated TFLM sources, compiled against a stand-in interpreter that adds 1 to states."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from aot_harness import GraphBuilder

from firmware_gen.backends.errors import UnsupportedOpError
from firmware_gen.backends.tflm.arena import arena_bytes
from firmware_gen.backends.tflm.backend import TflmBackend
from firmware_gen.options import FirmwareOptions
from quantize.artifact import QuantizedModel
from targets.loader import load_target
from targets.protocol import NetworkState

_STUBS = {
    "tensorflow/lite/micro/micro_mutable_op_resolver.h": """
#pragma once
#include <stdint.h>
#include <stddef.h>
#include <string.h>
typedef enum { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;
namespace tflite {
struct TFLMRegistration { const char *name; };
extern "C" int ops_registered[2];
template <unsigned N> struct MicroMutableOpResolver {
  unsigned count = 0;
  TfLiteStatus add(int kind) {
    ops_registered[kind]++;
    return ++count <= N ? kTfLiteOk : kTfLiteError;
  }
  TfLiteStatus AddConv2D(TFLMRegistration r = {nullptr}) { return add(r.name != nullptr); }
  TfLiteStatus AddConcatenation() { return add(0); }
  TfLiteStatus AddStridedSlice() { return add(0); }
  TfLiteStatus AddQuantize() { return add(0); }
};
}
""",
    "tensorflow/lite/micro/kernels/conv.h": """
#pragma once
namespace tflite { inline TFLMRegistration Register_CONV_2D_INT8() { return {"int8"}; } }
""",
    "tensorflow/lite/schema/schema_generated.h": """
#pragma once
namespace tflite {
extern "C" int schema_version;
struct Model { int version() const { return schema_version; } };
inline const Model *GetModel(const void *p) { return static_cast<const Model *>(p); }
}
""",
    "tensorflow/lite/micro/micro_interpreter.h": """
#pragma once
#include <stdarg.h>
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#define TFLITE_SCHEMA_VERSION (3)
struct TfLiteTensor { size_t bytes; union { char *raw; } data; };
namespace tflite {
struct Model;
extern "C" size_t input_bytes[2], output_bytes[3];
extern "C" int arena_is_enough, invoke_works;
extern "C" void DebugLog(const char *format, va_list args);
inline void complain(const char *format, ...) {
  va_list args;
  va_start(args, format);
  DebugLog(format, args);
  va_end(args);
}
struct MicroInterpreter {
  TfLiteTensor in[2], out[3];
  template <class R>
  MicroInterpreter(const Model *, const R &, uint8_t *arena, size_t) {
    char *p = reinterpret_cast<char *>(arena);
    for (int i = 0; i < 2; ++i) { in[i] = {input_bytes[i], {p}}; p += input_bytes[i]; }
    for (int i = 0; i < 3; ++i) { out[i] = {output_bytes[i], {p}}; p += output_bytes[i]; }
  }
  TfLiteStatus AllocateTensors() {
    if (!arena_is_enough) { complain("Failed to resize buffer. Requested: %u"); }
    return arena_is_enough ? kTfLiteOk : kTfLiteError;
  }
  size_t arena_used_bytes() const { return 1234; }
  TfLiteTensor *input(size_t i) { return &in[i]; }
  TfLiteTensor *output(size_t i) { return &out[i]; }
  TfLiteStatus Invoke() {
    if (!invoke_works) { return kTfLiteError; }
    memset(out[0].data.raw, in[1].data.raw[0], out[0].bytes);
    memset(out[1].data.raw, in[0].data.raw[0], out[1].bytes);
    for (size_t i = 0; i < out[2].bytes; ++i) {
      out[2].data.raw[i] = (char)(in[1].data.raw[i] + 1);
    }
    for (int i = 0; i < 2; ++i) { memset(in[i].data.raw, 99, in[i].bytes); }
    return kTfLiteOk;
  }
};
}
""",
}


def _model() -> QuantizedModel:
    b = GraphBuilder(1)
    x = b.input((1, 1, 9, 4))
    y = b.conv(b.extend(b.requant(x), 2, initial=True), 3, (3, 1))
    return b.model(y, b.requant(x))


def _generate(model: QuantizedModel) -> dict[str, bytes]:
    output = TflmBackend().generate(model, load_target("stm32h7"), FirmwareOptions())
    assert output.memory.arena_bytes == arena_bytes(model.graph)
    return dict(output.files)


@pytest.fixture(scope="module")
def library_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflm")
    files = _generate(_model())
    for path, content in {**files, **{k: v.encode() for k, v in _STUBS.items()}}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "stub.cc").write_text(
        '#include <stddef.h>\nextern "C" { int ops_registered[2];'
        " size_t input_bytes[2] = {36, 72}, output_bytes[3] = {27, 36, 72};"
        " int schema_version = 3, arena_is_enough = 1, invoke_works = 1; }\n"
    )
    # The stand-in for the library needs no help of imse_tflm_scales.cc, see test_scales.py.
    sources = [path for path in files if path.endswith(".cc") and "scales" not in path]
    subprocess.run(
        [
            "g++",
            "-std=c++17",
            "-shared",
            "-fPIC",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fno-rtti",
            "-fno-exceptions",
            "-fno-threadsafe-statics",
            "-I.",
            "-Imodel",
            "-Inetwork",
            "-Iruntime/tflm",
            "stub.cc",
            *sources,
            "-o",
            "lib.so",
        ],
        check=True,
        cwd=folder,
    )
    return folder / "lib.so"


@pytest.fixture(scope="module")
def library(library_path: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(library_path))


@pytest.fixture
def fresh_library(library_path: Path, tmp_path: Path) -> ctypes.CDLL:
    """The library before its first call: the loader knows another file as another library."""
    return ctypes.CDLL(str(shutil.copy(library_path, tmp_path / "fresh.so")))


class Status(ctypes.Structure):
    _fields_ = (
        ("state", ctypes.c_uint32),
        ("arena_bytes", ctypes.c_uint32),
        ("arena_used_bytes", ctypes.c_uint32),
        ("message", ctypes.c_char_p),
    )


def status_of(library: ctypes.CDLL) -> Status:
    status = Status()
    library.imse_network_status(ctypes.byref(status))
    return status


def invoke(library: ctypes.CDLL) -> int:
    buffers = [ctypes.create_string_buffer(size) for size in (36, 27, 36)]
    return int(library.imse_network_invoke(*buffers))


def test_state_is_carried_and_reset(library: ctypes.CDLL) -> None:
    model = _model()
    initial = model.metadata.states[0].initial
    assert initial is not None
    features = np.full(36, 5, np.int8)
    for _ in range(2):
        library.imse_network_reset()
        for frame in range(4):
            mask, phase = np.zeros(27, np.int8), np.zeros(36, np.int8)
            arguments = [a.ctypes.data_as(ctypes.c_void_p) for a in (features, mask, phase)]
            assert library.imse_network_invoke(*arguments) == 0
            assert mask[0] == np.int8(initial[0]) + np.int8(frame)
            assert phase[-1] == 5


def test_resolver_has_exactly_the_used_ops(library: ctypes.CDLL) -> None:
    test_state_is_carried_and_reset(library)
    registered = (ctypes.c_int * 2).in_dll(library, "ops_registered")
    assert list(registered) == [3, 1]  # conv alone has an int8 registration
    header = _generate(_model())["runtime/tflm/imse_op_resolver.h"].decode()
    assert "MicroMutableOpResolver<4>" in header


def test_arena_use_is_left_for_the_tool(library: ctypes.CDLL) -> None:
    test_state_is_carried_and_reset(library)
    status = status_of(library)
    assert (status.state, status.arena_used_bytes) == (NetworkState.READY, 1234)
    assert status.arena_bytes == arena_bytes(_model().graph)
    assert status.message is None


@pytest.mark.parametrize(
    ("cause", "value", "state", "message"),
    [
        (None, 0, NetworkState.READY, None),
        ("schema_version", 4, NetworkState.WRONG_SCHEMA, None),
        (
            "arena_is_enough",
            0,
            NetworkState.ALLOCATION_FAILED,
            b"Failed to resize buffer. Requested: %u",
        ),
        ("input_bytes", 35, NetworkState.WRONG_SHAPES, None),
        ("invoke_works", 0, NetworkState.INVOKE_FAILED, None),
    ],
)
def test_why_the_network_does_not_work(
    fresh_library: ctypes.CDLL,
    cause: str | None,
    value: int,
    state: NetworkState,
    message: bytes | None,
) -> None:
    library = fresh_library
    assert status_of(library).state == NetworkState.NOT_PREPARED
    if cause is not None:
        kind = ctypes.c_size_t if cause == "input_bytes" else ctypes.c_int
        kind.in_dll(library, cause).value = value
    assert invoke(library) != 0
    assert status_of(library).state == NetworkState.NOT_PREPARED
    for _ in range(2):
        library.imse_network_reset()
        assert (invoke(library) == 0) == (state == NetworkState.READY)
        assert (status_of(library).state, status_of(library).message) == (state, message)


def test_a_kernel_that_failed_may_work_after_a_reset(fresh_library: ctypes.CDLL) -> None:
    works = ctypes.c_int.in_dll(fresh_library, "invoke_works")
    works.value = 0
    fresh_library.imse_network_reset()
    assert invoke(fresh_library) != 0
    works.value = 1
    assert invoke(fresh_library) != 0
    fresh_library.imse_network_reset()
    assert invoke(fresh_library) == 0


def test_measured_arena_has_a_margin_and_is_aligned() -> None:
    options = FirmwareOptions(tflm_arena_used_bytes=1234)
    output = TflmBackend().generate(_model(), load_target("stm32h7"), options)
    assert output.memory.arena_bytes == 1504  # 1234 and 256, up to a multiple of 16
    assert b"IMSE_TFLM_ARENA_BYTES 1504" in output.files["model/imse_tflm_model.h"]
    assert output.report["arena_used_bytes"] == 1234
    assert output.report["arena_method"].startswith("what the interpreter took on the emulator")


def test_array_is_the_model() -> None:
    model = _model()
    source = _generate(model)["model/model_data.cc"].decode()
    assert "alignas(16) const" in source
    values = bytes(int(text, 16) for text in re.findall(r"0x([0-9a-f]{2}),", source))
    assert values == model.tflite


def test_int16_operator_takes_the_full_registration() -> None:
    b = GraphBuilder(2)
    x = b.input((1, 1, 4, 4))
    wide = b.requant(x, "int16", 0.001, 0)
    y = b.requant(b.binary("ADD", wide, wide, 0.002), "int8")
    source = _generate(b.model(y, b.requant(x)))["runtime/tflm/imse_op_resolver.cc"].decode()
    assert "AddAdd()" in source
    assert "INT8" not in source


def test_unknown_operator_is_named() -> None:
    b = GraphBuilder(3)
    x = b.input((1, 1, 4, 4))
    y = b.op("FLOOR", [x], b.like(x, x.shape))
    with pytest.raises(UnsupportedOpError, match="FLOOR #0"):
        _generate(b.model(y, b.requant(x)))


def test_transpose_that_cmsis_nn_cannot_do_is_named() -> None:
    b = GraphBuilder(4)
    x = b.input((1, 1, 4, 4))
    five = b.op("RESHAPE", [x, b.ints([1, 1, 2, 2, 4])], b.like(x, (1, 1, 2, 2, 4)))
    turned = b.op("TRANSPOSE", [five, b.ints([0, 1, 3, 2, 4])], b.like(x, (1, 1, 2, 2, 4)))
    y = b.op("RESHAPE", [turned, b.ints([1, 1, 4, 4])], b.like(x, (1, 1, 4, 4)))
    with pytest.raises(UnsupportedOpError, match=r"TRANSPOSE #1 .*has 5 dimensions"):
        _generate(b.model(y, b.requant(x)))
