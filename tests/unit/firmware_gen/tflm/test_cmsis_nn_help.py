"""Which convolutions the functions around CMSIS-NN's send to the general one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_gen.backends.kernel_files import csrc

# Stand-ins: fast answers 1, general answers 2; their buffers are 100 and 200 bytes.
_HEADER = """
#include <stdint.h>
typedef int arm_cmsis_nn_status;
typedef struct { int32_t n, h, w, c; } cmsis_nn_dims;
typedef struct { int32_t w, h; } cmsis_nn_tile;
typedef struct { void *buf; } cmsis_nn_context;
typedef struct { cmsis_nn_tile stride, padding; } cmsis_nn_conv_params;
typedef struct { int32_t *multiplier, *shift; } cmsis_nn_per_channel_quant_params;
arm_cmsis_nn_status arm_convolve_s8(const cmsis_nn_context *, const cmsis_nn_conv_params *,
    const cmsis_nn_per_channel_quant_params *, const cmsis_nn_dims *, const int8_t *,
    const cmsis_nn_dims *, const int8_t *, const cmsis_nn_dims *, const int32_t *,
    const cmsis_nn_dims *, const cmsis_nn_dims *, int8_t *);
int32_t arm_convolve_s8_get_buffer_size(const cmsis_nn_dims *, const cmsis_nn_dims *);
"""
_ARM = """
#include "imse_cmsis_nn.c"
arm_cmsis_nn_status __real_arm_convolve_wrapper_s8(const cmsis_nn_context *a,
    const cmsis_nn_conv_params *b, const cmsis_nn_per_channel_quant_params *c,
    const cmsis_nn_dims *d, const int8_t *e, const cmsis_nn_dims *f, const int8_t *g,
    const cmsis_nn_dims *h, const int32_t *i, const cmsis_nn_dims *j, int8_t *k) { return 1; }
arm_cmsis_nn_status arm_convolve_s8(const cmsis_nn_context *a, const cmsis_nn_conv_params *b,
    const cmsis_nn_per_channel_quant_params *c, const cmsis_nn_dims *d, const int8_t *e,
    const cmsis_nn_dims *f, const int8_t *g, const cmsis_nn_dims *h, const int32_t *i,
    const cmsis_nn_dims *upscale, const cmsis_nn_dims *j, int8_t *k) { return upscale ? 3 : 2; }
int32_t __real_arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *a,
    const cmsis_nn_dims *b, const cmsis_nn_dims *c, const cmsis_nn_dims *d) { return 100; }
int32_t arm_convolve_s8_get_buffer_size(const cmsis_nn_dims *a, const cmsis_nn_dims *b) {
    return 200;
}
int chosen(int height, int taps_h, int taps_w, int stride, int pad, int width, int out) {
    const cmsis_nn_dims x = {1, height, width, 24}, w = {32, taps_h, taps_w, 24};
    const cmsis_nn_dims y = {1, height, out, 32};
    const cmsis_nn_conv_params p = {{stride, 1}, {pad, 0}};
    const int buffer = __wrap_arm_convolve_wrapper_s8_get_buffer_size(&p, &x, &w, &y);
    const int which = __wrap_arm_convolve_wrapper_s8(0, &p, 0, &x, 0, &w, 0, 0, 0, &y, 0);
    return buffer == 100 * which ? which : -1;
}
"""
FAST, GENERAL = 1, 2


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("cmsis_nn")
    source = csrc("network", "tflm", "imse_cmsis_nn.c").read_bytes()
    (folder / "imse_cmsis_nn.c").write_bytes(source)
    (folder / "arm_nnfunctions.h").write_text(_HEADER)
    (folder / "arm.c").write_text(_ARM)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
    flags += ["-DCMSIS_NN", "-D__ARM_FEATURE_MVE=1", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "arm.c", "-o", "lib.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "lib.so"))


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        # height, rows and columns of the filter, stride, left padding, width, output width
        ((1, 1, 5, 2, 1, 64, 32), GENERAL),  # hangs over by 2: the one of imse-stream
        ((1, 1, 3, 2, 0, 128, 64), FAST),  # hangs over by 1
        ((1, 1, 5, 1, 2, 64, 64), FAST),  # moves by 1
        ((1, 1, 5, 2, 0, 65, 31), FAST),  # no padding
        ((3, 1, 5, 2, 1, 64, 32), FAST),  # not the function that is wrong
        ((1, 3, 5, 2, 1, 64, 32), FAST),
        ((1, 1, 7, 3, 2, 64, 22), GENERAL),
    ],
)
def test_choice(library: ctypes.CDLL, geometry: tuple[int, ...], expected: int) -> None:
    assert library.chosen(*geometry) == expected


def test_nothing_is_compiled_without_helium(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    source = csrc("network", "tflm", "imse_cmsis_nn.c")
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-DCMSIS_NN"]
    out = tmp_path / "a.o"
    subprocess.run(["gcc", *flags, "-c", str(source), "-o", str(out)], check=True)
    symbols = subprocess.run(["nm", str(out)], check=True, capture_output=True, text=True)
    assert symbols.stdout == ""
