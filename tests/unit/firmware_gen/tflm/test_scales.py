"""The factor of a matrix product that takes the place of the library's."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from firmware_gen.backends.kernel_files import csrc

_HEADER = """
struct TfLiteContext;
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteQuantizationParams { float scale; int zero_point; };
struct TfLiteTensor { void *data; TfLiteQuantizationParams params; };
"""
_NAME = "_ZN6tflite32GetQuantizedConvolutionMultiplerEP13TfLiteContextPK12TfLiteTensorS4_PS2_Pd"
_CALL = """
#include "imse_tflm_scales.cc"
namespace tflite {
TfLiteStatus GetQuantizedConvolutionMultipler(TfLiteContext *, const TfLiteTensor *,
                                              const TfLiteTensor *, TfLiteTensor *, double *);
}
extern "C" int factor(float a, float b, float y, double *out) {
  const TfLiteTensor first{nullptr, {a, 0}}, second{nullptr, {b, 0}};
  TfLiteTensor result{nullptr, {y, 0}};
  return tflite::GetQuantizedConvolutionMultipler(nullptr, &first, &second, &result, out);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Our function, linked as the firmware links it: by the name of the library's."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("scales")
    (folder / "tensorflow/lite/c").mkdir(parents=True)
    (folder / "tensorflow/lite/c/common.h").write_text(_HEADER)
    source = csrc("network", "tflm", "imse_tflm_scales.cc").read_bytes()
    (folder / "imse_tflm_scales.cc").write_bytes(source)
    (folder / "call.cc").write_text(_CALL)
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-I.", f"-Wl,--wrap={_NAME}"]
    subprocess.run(
        ["g++", *flags, "-shared", "-fPIC", "call.cc", "-o", "lib.so"], cwd=folder, check=True
    )
    return ctypes.CDLL(str(folder / "lib.so"))


def factor(library: ctypes.CDLL, a: float, b: float, y: float) -> tuple[int, float]:
    out = ctypes.c_double(0.0)
    scales = (ctypes.c_float(value) for value in (a, b, y))
    return library.factor(*scales, ctypes.byref(out)), out.value


def test_scales_meet_in_double_precision(library: ctypes.CDLL) -> None:
    a, b, y = (float(np.float32(v)) for v in (0.0608954914, 0.00317109190, 0.0999677405))
    assert factor(library, a, b, y) == (0, a * b / y)
    assert float(np.float32(a) * np.float32(b)) / y != a * b / y


@pytest.mark.parametrize("scale", [-0.5, float("nan")])
def test_scale_that_is_none_is_an_error(library: ctypes.CDLL, scale: float) -> None:
    assert factor(library, scale, 0.25, 0.5)[0] == 1
