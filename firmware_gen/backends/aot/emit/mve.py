"""Layers that use the Helium (MVE) kernels of Armv8.1-M cores.

A layer falls back to the portable kernel where a rounding needs a left shift, and in int16 where
sums or steps do not suit the Helium form, see docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from firmware_gen.backends.aot.emit.mve_attention import MveAttentionLayers
from firmware_gen.backends.aot.emit.mve_convolutions import MveConvolutionLayers
from firmware_gen.backends.aot.emit.mve_elementwise import MveElementwiseLayers
from firmware_gen.backends.aot.emit.mve_norms import MveNormLayers
from firmware_gen.backends.aot.emit.mve_packing import LONGEST_STEP, mve_scales, rounds_right
from firmware_gen.backends.aot.emit.mve_wide_attention import MveWideAttentionLayers
from firmware_gen.backends.aot.multipliers import reduced_mantissa
from firmware_gen.backends.aot.nodes import AveragePool, Binary, Convolution, MatMul, Program
from firmware_gen.backends.aot.source import multiplier

_LARGEST_WINDOW = 4000


class MveEmitter(
    MveConvolutionLayers,
    MveElementwiseLayers,
    MveAttentionLayers,
    MveWideAttentionLayers,
    MveNormLayers,
):
    """Writes the layers with the Helium kernels where they apply."""

    replacements: ClassVar[Mapping[str, str]] = {
        name: f"{name}_mve"
        for name in (
            "imse_copy_rows",
            "imse_gather_s16",
            "imse_gather_s8",
            "imse_logistic_s16",
            "imse_mean_s16",
            "imse_mean_s8",
            "imse_rsqrt_s16",
            "imse_window_drop_s8",
            "imse_window_mean_s8",
        )
    }

    @staticmethod
    def looks_up(program: Program, node: Convolution) -> bool:
        return not node.depthwise and mve_scales(program, node) is not None

    @staticmethod
    def multiplies(program: Program, node: Binary) -> bool:
        return program.values[node.outputs[0]].dtype == "int8" and rounds_right(node.out)

    def matmul(self, node: MatMul) -> list[str]:
        y = self.value(node.outputs[0])
        wide = y.dtype == "int16"
        if not wide and not rounds_right(node.out):
            return super().matmul(node)
        a, b = (self.value(index) for index in node.inputs)
        loops, strides = self.matmul_strides(node)
        depth = a.shape[-2 if node.transpose_a else -1]
        sides = [
            (-a.zero_point, y.shape[-2], strides["a_row"], strides["a_col"], strides["out_row"]),
            (-b.zero_point, y.shape[-1], strides["b_col"], strides["b_row"], 1),
        ]
        # Four columns are computed at a time: the larger side becomes the columns.
        swapped = y.shape[-1] < 4 <= y.shape[-2]
        if swapped:
            sides.reverse()
        (a_offset, rows, a_row, a_col, out_row), (b_offset, cols, b_col, b_row, out_col) = sides
        factor = (reduced_mantissa(node.out[0]), 15 - node.out[1])
        if max(a_col, b_row) > LONGEST_STEP or (wide and factor[1] < 1):
            return super().matmul(node)
        padded = -(-depth // 8) * 8
        words = padded * (1 + -(-cols // 4) * 4) // 2
        rounding: dict[str, object] = {"factor": factor[0], "shift": factor[1]}
        if not wide:
            rounding = {
                "out": multiplier(node.out),
                "a_offset": a_offset,
                "b_offset": b_offset,
                "output_offset": y.zero_point,
            }
        members = {
            "scratch": f"IMSE_S16({self.scratch(words)})",
            **rounding,
            "rows": rows,
            "depth": depth,
            "cols": cols,
            "a_row": a_row,
            "a_col": a_col,
            "b_row": b_row,
            "b_col": b_col,
            "out_row": out_row,
            "out_col": out_col,
        }
        kernel, kind = "imse_matmul_s8_mve", "imse_matmul_mve_t"
        if wide:
            kernel, kind = "imse_matmul_s16_mve", "imse_matmul_s16_mve_t"
        return self.matmul_call(kernel, kind, members, node, loops, swapped=swapped)

    def average_pool_kernel(self, node: AveragePool) -> str:
        name = super().average_pool_kernel(node)
        return f"{name}_mve" if node.window[0] * node.window[1] <= _LARGEST_WINDOW else name
