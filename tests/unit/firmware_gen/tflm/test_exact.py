"""Factors of reciprocal roots and differences that take the place of what the library prepares."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from firmware_gen.backends.aot import multipliers
from firmware_gen.backends.fixedpoint import quantize_multiplier
from firmware_gen.backends.kernel_files import csrc

_STUBS = {
    "tensorflow/lite/micro/micro_common.h": """
#pragma once
struct TfLiteContext;
struct TfLiteNode { void *user_data; };
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteQuantizationParams { float scale; int zero_point; };
struct TfLiteTensor { TfLiteQuantizationParams params; };
struct TFLMRegistration { TfLiteStatus (*prepare)(TfLiteContext *, TfLiteNode *); };
""",
    "tensorflow/lite/kernels/internal/quantization_util.h": """
#pragma once
#include <cmath>
#include <stdint.h>
namespace tflite {
inline void QuantizeMultiplier(double value, int32_t *multiplier, int *shift) {
  const double fraction = std::frexp(value, shift);
  *multiplier = static_cast<int32_t>(std::round(fraction * 2147483648.0));
}
inline void QuantizeMultiplierSmallerThanOneExp(double value, int32_t *multiplier, int *shift) {
  QuantizeMultiplier(value, multiplier, shift);
}
}
""",
    "tensorflow/lite/micro/kernels/kernel_util.h": """
#pragma once
#include "tensorflow/lite/micro/micro_common.h"
namespace tflite {
struct MicroContext {
  TfLiteTensor tensors[3];
  int held;
  TfLiteTensor *AllocateTempInputTensor(const TfLiteNode *, int i) { ++held; return &tensors[i]; }
  TfLiteTensor *AllocateTempOutputTensor(const TfLiteNode *, int) { ++held; return &tensors[2]; }
  void DeallocateTempTfLiteTensor(TfLiteTensor *) { --held; }
};
inline MicroContext *GetMicroContext(TfLiteContext *context) {
  return reinterpret_cast<MicroContext *>(context);
}
}
""",
    "tensorflow/lite/micro/kernels/sub.h": """
#pragma once
#include <stdint.h>
namespace tflite {
struct OpDataSub {
  int input1_shift, input2_shift;
  int32_t input1_multiplier, input2_multiplier, output_multiplier;
  int output_shift, left_shift;
};
}
""",
    "call.cc": """
#include "imse_tflm_exact.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
static TfLiteStatus answer;
static TfLiteStatus prepare(TfLiteContext *, TfLiteNode *) { return answer; }
extern "C" int prepared(int sub, float a, float b, float y, int status, void *record) {
  answer = static_cast<TfLiteStatus>(status);
  tflite::MicroContext micro{{{{a, 0}}, {{b, 0}}, {{y, 0}}}, 0};
  TfLiteNode node{record};
  const TFLMRegistration registration =
      sub ? imse_tflm_exact_sub({prepare}) : imse_tflm_exact_rsqrt({prepare});
  const int result = registration.prepare(reinterpret_cast<TfLiteContext *>(&micro), &node);
  return result + 100 * micro.held;
}
""",
}


class Record(ctypes.Structure):
    _fields_ = (("multiplier", ctypes.c_int32), ("shift", ctypes.c_int), ("more", ctypes.c_int))


class SubRecord(ctypes.Structure):
    _fields_ = (
        ("shifts", ctypes.c_int * 2),
        ("multipliers", ctypes.c_int32 * 2),
        ("multiplier", ctypes.c_int32),
        ("shift", ctypes.c_int),
        ("left_shift", ctypes.c_int),
    )


@dataclass
class Scaled:
    scale: float
    dtype: str = "int16"


FROM, TO = float(np.float32(3.1e-7)), float(np.float32(0.0173))
SINGLE = quantize_multiplier(1.0 / float(np.sqrt(np.float32(FROM)) * np.float32(TO)))
DOUBLE = multipliers.reciprocal_root(Scaled(FROM), Scaled(TO))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("exact")
    files = {path: text.encode() for path, text in _STUBS.items()}
    for name in ("imse_tflm_exact.cc", "imse_tflm_exact.h"):
        files[name] = csrc("network", "tflm", name).read_bytes()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-I.", "-shared", "-fPIC"]
    sources = ["call.cc", "imse_tflm_exact.cc"]
    subprocess.run(["g++", *flags, *sources, "-o", "lib.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "lib.so"))


def prepare(library: ctypes.CDLL, record: Record | None, status: int = 0) -> int:
    place = ctypes.byref(record) if record is not None else None
    scales = (ctypes.c_float(value) for value in (FROM, 0.0, TO))
    return int(library.prepared(0, *scales, status, place))


def test_the_factor_of_single_precision_becomes_that_of_double(library: ctypes.CDLL) -> None:
    assert SINGLE != DOUBLE
    record = Record(*SINGLE, 77)
    assert prepare(library, record) == 0
    assert ((record.multiplier, record.shift), record.more) == (DOUBLE, 77)


@pytest.mark.parametrize("factor", [DOUBLE, (5, 6), (SINGLE[0], SINGLE[1] + 1)])
def test_what_is_not_that_factor_stays(library: ctypes.CDLL, factor: tuple[int, int]) -> None:
    record = Record(*factor, 77)
    assert prepare(library, record) == 0
    assert (record.multiplier, record.shift, record.more) == (*factor, 77)


def test_a_preparation_that_fails_and_one_without_a_record(library: ctypes.CDLL) -> None:
    record = Record(*SINGLE, 77)
    assert prepare(library, record, status=1) == 1
    assert (record.multiplier, record.shift) == SINGLE
    assert prepare(library, None) == 0


def test_factors_of_a_difference_are_those_of_double_precision(library: ctypes.CDLL) -> None:
    """As the compiler ahead of time has them, which is held to the interpreter."""
    a, b, y = (float(np.float32(v)) for v in (1.956153573e-05, 2.557170591e-05, 1.402570069e-05))
    twice = 2 * max(a, b)
    single = float(np.float32(a) / np.float32(twice)), 0.5
    single = *single, float(np.float32(twice) / (np.float32(1 << 15) * np.float32(y)))
    exact = a / twice, 0.5, twice / ((1 << 15) * y)
    found = [quantize_multiplier(value) for value in exact]
    assert found[::2] != [quantize_multiplier(value) for value in single][::2]
    record = SubRecord(left_shift=15)
    scales = [ctypes.c_float(value) for value in (a, b, y)]
    assert library.prepared(1, *scales, 1, ctypes.byref(record)) == 1
    assert record.multiplier == 0
    assert library.prepared(1, *scales, 0, ctypes.byref(record)) == 0
    both = zip(record.multipliers, record.shifts, strict=True)
    assert [*both, (record.multiplier, record.shift)] == found
