"""Layers of int16 values that use the DSP kernels."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_gen.backends.aot.emit.dsp_packing import (
    pack_wide,
    pack_wide_depthwise,
    scale_parameters,
    wide_factor,
)
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES
from firmware_gen.backends.aot.nodes import Binary, Convolution, MatMul, Multiplier
from firmware_gen.backends.aot.source import advance, looped, struct
from firmware_gen.backends.fixedpoint import multiply

_ACROSS_SCRATCH = 384  # IMSE_ACROSS_SCRATCH_S16


class WideDspLayers(Emitter):
    """Convolutions, element-wise operators and matrix products of int16 values."""

    def wide_depthwise(self, node: Convolution, scales: list[tuple[int, int, int]]) -> list[str]:
        """A depthwise convolution of int16 values."""
        channels = node.weights.shape[-1]
        taps, _ = self.taps(node, merge=False)
        loops, pixels, step, pitch = self.pixels(node)
        packed = pack_wide_depthwise(node.weights.reshape(len(taps), channels), scales)
        lines = struct(
            "imse_dwconv_s16_dsp_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}", packed),
                "limits": self._limits(node),
                "taps": len(taps),
                "pixels": pixels,
                "step": step,
                "channels": channels,
                "out_pitch": pitch,
            },
        )
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        calls = self.tapped("imse_dwconv_s16_dsp", node, taps, advance(loops, 1), out)
        return lines + looped(loops, calls)

    def wide_convolution(self, node: Convolution, scales: list[tuple[int, int, int]]) -> list[str]:
        """A convolution of int16 values."""
        x = self.place(node.inputs[0])
        channels, _, columns, depth = node.weights.shape
        merge = node.dilations[1] == 1 and x.strides[2] == depth and columns > 1
        taps, columns_per_run = self.taps(node, merge=merge)
        loops, pixels, step, pitch = self.pixels(node)
        run = columns_per_run * depth
        packed = pack_wide(node.weights.reshape(channels, len(taps), run), scales)
        lines = struct(
            "imse_conv_s16_dsp_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}", packed),
                "scratch": self.scratch(4 * len(taps) * -(-run // 4)),
                "limits": self._limits(node),
                "taps": len(taps),
                "run": run,
                "pixels": pixels,
                "step": step,
                "out_channels": channels,
                "out_pitch": pitch,
            },
        )
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        calls = self.tapped("imse_conv_s16_dsp", node, taps, advance(loops, 1), out)
        return lines + looped(loops, calls)

    @staticmethod
    def _limits(node: Convolution) -> str:
        """Limits of the fused activation, each in both halves of a word; zeros for none."""
        if (node.low, node.high) == RANGES["int16"]:
            return "{0, 0}"
        low, high = (value << 16 | value & 0xFFFF for value in (node.low, node.high))
        return f"{{{low}, {high}}}"

    def tapped(
        self, kernel: str, node: Convolution, taps: Sequence[str], moved: str, out: str
    ) -> list[str]:
        """Call of a kernel that gets the first inputs of its runs, see :meth:`tap_array`."""
        call = f"{self.source.kernel(kernel)}(&p, tap, {out});"
        return [*self.tap_array(node, taps, moved), call]

    def binary_kernel(self, node: Binary) -> str:
        name = super().binary_kernel(node)
        right = all(shift <= 0 for _, shift in (node.a, node.b, node.out))
        return "imse_add_s16_dsp" if name == "imse_add_s16" and right else name

    def wide_pair(self, node: Binary) -> list[str] | None:
        """An element-wise operator on int16 values, or None."""
        parameters = scale_parameters(node.out, 0)
        if parameters is None or (node.low, node.high) != RANGES["int16"]:
            return None
        out = f"{{{', '.join(map(str, (0, *parameters)))}}}"
        if node.kind in ("mul", "squared_difference") and not doubles(parameters, node.out):
            return None
        if node.kind == "mul":
            lines = [f"static const imse_scale_t p = {out};"]
            return lines + self.stepped("imse_mul_s16_dsp", node, node.inputs)
        if node.kind not in ("add", "sub", "squared_difference"):
            return None
        swapped = node.a != EXACT_HALF
        big_factor, small_factor = (node.b, node.a) if swapped else (node.a, node.b)
        small = scale_parameters(small_factor, 0)
        if big_factor != EXACT_HALF or small is None:
            return None
        inputs = node.inputs[::-1] if swapped else node.inputs
        members: dict[str, object] = {
            "small": f"{{{', '.join(map(str, (0, *small)))}}}",
            "out": out,
        }
        if node.kind == "squared_difference":
            lines = struct("imse_square_s16_dsp_t", members)
            return lines + self.stepped("imse_squared_difference_s16_dsp", node, inputs)
        signs = (1, -1 if node.kind == "sub" else 1)
        big_sign, small_sign = signs[::-1] if swapped else signs
        members |= {"big_factor": big_sign * (1 << 15), "small_factor": 2 * small_sign}
        lines = struct("imse_sum_s16_dsp_t", members)
        return lines + self.stepped("imse_sum_s16_dsp", node, inputs)

    def stepped(self, kernel: str, node: Binary, inputs: tuple[int, ...]) -> list[str]:
        """A kernel on two vectors with any steps that takes the number of elements at last."""
        loops = self.nest(node.outputs[0], inputs, (False, False))
        first, second = (
            f"{self.at(index)}{advance(loops.loops, i + 1)}, {loops.steps[i + 1]}"
            for i, index in enumerate(inputs)
        )
        out = f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}"
        call = f"{self.source.kernel(kernel)}(&p, {first}, {second}, {out}, {loops.count});"
        return looped(loops.loops, [call])

    def wide_product(self, node: MatMul, depth: int, cols: int) -> list[str] | None:
        """A matrix product of int16 values, or None."""
        loops, places = self.matmul_strides(node)
        strides: dict[str, object] = {**places}
        rows = self.value(node.outputs[0]).shape[-2]
        if places["b_col"] != 1:
            return None
        if node.blocks > 1:
            depth, cols = depth // node.blocks, cols // node.blocks
            steps = (cols, depth * places["a_col"], depth * places["b_row"] + cols)
            loops = (*loops, Loop(node.blocks, steps))
        elif node.needed_blocks > 1:
            rows, cols = rows // node.needed_blocks, cols // node.needed_blocks
            steps = (rows * places["out_row"] + cols, rows * places["a_row"], cols)
            loops = (*loops, Loop(node.needed_blocks, steps))
        factor = wide_factor(node.out, depth)
        if factor is None or not depth % 2 == cols % 2 == rows % 2 == 0:
            return None
        del strides["b_col"]
        kernel = "imse_matmul_s16_dsp"
        if places["a_col"] != 1:
            kernel = "imse_matmul_across_s16_dsp"
            if places["a_row"] != 1:
                return None
            strides["scratch"] = self.scratch(_ACROSS_SCRATCH)
        members = {
            "factor": factor[0],
            "shift": factor[1],
            "rows": rows,
            "depth": depth,
            "cols": cols,
            **strides,
        }
        return self.matmul_call(kernel, "imse_matmul_s16_dsp_t", members, node, loops)


def doubles(parameters: tuple[int, int, int], factor: Multiplier) -> bool:
    """Whether 2**30, doubled within 32 bits, is still rounded as the interpreter rounds it."""
    mantissa, add, shift = parameters
    high = (((1 << 31) - 1) * mantissa + (1 << 31)) >> 32
    top = RANGES["int16"][1]
    return min((high + add) >> shift, top) == min(multiply(1 << 30, factor), top)
