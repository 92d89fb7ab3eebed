"""Layers that use the DSP kernels, and the packing of their weights.

A layer falls back to the portable kernel when its rounding parameters or its layout do not suit
the fast one: multipliers of one half or more, sums that could exceed 30 bits, fused activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

import numpy as np

from firmware_gen.backends.aot.emit import Emitter
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.nodes import Binary, Convolution, MatMul, Multiplier, Prelu, Value
from firmware_gen.backends.aot.source import advance, looped, struct
from firmware_gen.backends.fixedpoint import clamp, multiply

_FULL_RANGE = (-128, 127)
_SUM_LIMIT = 1 << 30
_WORD_LIMIT = 1 << 31
_MAX_SHIFT = 22
_QUAD_ORDER = (0, 2, 1, 3)
_EXACT_HALF = (1 << 30, 0)


class DspEmitter(Emitter):
    """Writes the layers with the DSP kernels where they apply.

    Attributes:
        scratch_bytes: Scratch behind the arena that the kernels need.
    """

    def convolution(self, node: Convolution) -> list[str]:
        if node.outputs[0] in self.windows or (node.low, node.high) != _FULL_RANGE:
            return super().convolution(node)
        x = self.value(node.inputs[0])
        if not node.depthwise and node.weights.shape[-1] != x.shape[3]:
            return super().convolution(node)
        scales = self._channel_scales(node)
        if scales is None:
            return super().convolution(node)
        return self._dense(node, scales) if not node.depthwise else self._strips(node, scales)

    def _channel_scales(self, node: Convolution) -> list[tuple[int, int, int, int]] | None:
        """Bias with the input's zero point, mantissa, addend and shift per channel."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        axes = (0, 1) if node.depthwise else (1, 2, 3)
        wide = node.weights.astype(np.int64)
        sums, sizes = wide.sum(axis=axes), np.abs(wide).sum(axis=axes)
        rows = []
        for channel, factor in enumerate(node.multipliers):
            bias = node.bias[channel] - x.zero_point * int(sums[channel])
            parameters = scale_parameters(factor, y.zero_point)
            bound = abs(node.bias[channel]) + 256 * int(sizes[channel])
            if parameters is None or bound >= _SUM_LIMIT:
                return None
            rows.append((2 * bias, *parameters))
        return rows

    def _scratch(self, words: int) -> str:
        self.scratch_bytes = max(self.scratch_bytes, 4 * words)
        return f"IMSE_S32(imse_arena + {self.plan.arena_bytes})"

    def _dense(self, node: Convolution, scales: list[tuple[int, int, int, int]]) -> list[str]:
        x = self.place(node.inputs[0])
        channels, _, columns, depth = node.weights.shape
        merge = node.dilations[1] == 1 and x.strides[2] == depth and columns > 1
        taps, columns_per_run = self.taps(node, merge=merge)
        loops, pixels, step, pitch = self._pixels(node)
        run = columns_per_run * depth
        packed = pack_dense(node.weights.reshape(channels, len(taps), run))
        scales = scales + [(0, 0, 0, 1)] * (channels % 2)
        lines = struct(
            "imse_conv_dsp_t",
            {
                "weights": self.source.constant(f"weights_{self.index:03d}", packed),
                "channels": self.source.records(
                    f"channels_{self.index:03d}", "imse_scale_t", scales
                ),
                "scratch": self._scratch(4 * len(taps) * -(-run // 4)),
                "taps": len(taps),
                "run": run,
                "pixels": pixels,
                "step": step,
                "out_channels": channels,
                "out_pitch": pitch,
            },
        )
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        return lines + looped(loops, self._tapped("imse_conv_s8_dsp", taps, advance(loops, 1), out))

    def _tapped(self, kernel: str, taps: Sequence[str], moved: str, out: str) -> list[str]:
        return [
            f"const int8_t *const tap[{len(taps)}] = {{",
            *(f"    {tap}{moved}," for tap in taps),
            "};",
            f"{self.source.kernel(kernel)}(&p, tap, {out});",
        ]

    def _strips(self, node: Convolution, scales: list[tuple[int, int, int, int]]) -> list[str]:
        """A depthwise convolution; few channels are taken as more channels of fewer pixels."""
        channels = node.weights.shape[-1]
        taps, _ = self.taps(node, merge=False)
        loops, pixels, step, pitch = self._pixels(node)
        if channels != self.value(node.inputs[0]).shape[3]:
            return super().convolution(node)
        wide = lcm(channels, 4)
        repeat = wide // channels
        if repeat > 1 and (step != channels or pixels % repeat):
            return super().convolution(node)
        own_pitch = pitch if repeat == 1 else wide
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        copy: list[str] = []
        if repeat > 1 and pitch != channels:
            place = f"IMSE_S8({self._scratch(-(-pixels * channels // 4))})"
            copy = [
                f"{self.source.kernel('imse_copy_rows')}({out}, {pitch}, {place}, {channels}, "
                f"{channels}, {pixels});"
            ]
            out = place
        weights = np.tile(node.weights.reshape(len(taps), channels), (1, repeat))
        lines = struct(
            "imse_dwconv_dsp_t",
            {
                "weights": self.source.constant(
                    f"weights_{self.index:03d}", pack_depthwise(weights)
                ),
                "params": self.source.records(
                    f"channels_{self.index:03d}", "imse_scale_t", scales * repeat
                ),
                "taps": len(taps),
                "pixels": pixels // repeat,
                "step": step * repeat,
                "channels": wide,
                "out_pitch": own_pitch,
            },
        )
        call = self._tapped("imse_dwconv_s8_dsp", taps, advance(loops, 1), out)
        return lines + looped(loops, call + copy)

    def binary(self, node: Binary) -> list[str]:
        y = self.value(node.outputs[0])
        parameters = scale_parameters(node.out, y.zero_point)
        full = (node.low, node.high) == _FULL_RANGE
        if y.dtype != "int8" or parameters is None or not full or node.kind == "div":
            return super().binary(node)
        if node.kind == "mul":
            return self._product(node, parameters)
        return self._sum(node, parameters) or super().binary(node)

    def _product(self, node: Binary, parameters: tuple[int, int, int]) -> list[str]:
        a, b = (self.value(index) for index in node.inputs)
        mantissa, add, shift = parameters
        members = {
            "a_offset_twice": -2 * a.zero_point,
            "b_offset": -b.zero_point,
            "mantissa": mantissa,
            "add": add,
            "shift": shift,
        }
        lines = struct("imse_mul_dsp_t", members)
        return lines + self._pairwise(
            "imse_mul_s8_dsp", "imse_mul_stepped_s8_dsp", node, node.inputs
        )

    def _pairwise(
        self, kernel: str, stepped: str, node: Binary, inputs: tuple[int, ...]
    ) -> list[str]:
        loops = self._nest(node.outputs[0], inputs, (False, False))
        out = f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}"
        first, second = (
            f"{self.at(index)}{advance(loops.loops, i + 1)}" for i, index in enumerate(inputs)
        )
        if kernel and loops.steps[1:] == (1, 1):
            call = f"{self.source.kernel(kernel)}(&p, {first}, {second}, {out}, {loops.count});"
        else:
            call = (
                f"{self.source.kernel(stepped)}(&p, {first}, {loops.steps[1]}, "
                f"{second}, {loops.steps[2]}, {out}, {loops.count});"
            )
        return looped(loops.loops, [call])

    def _sum(self, node: Binary, parameters: tuple[int, int, int]) -> list[str] | None:
        first, second = node.inputs
        swapped = node.a != _EXACT_HALF
        big, small = (second, first) if swapped else (first, second)
        big_factor, small_factor = (node.b, node.a) if swapped else (node.a, node.b)
        if big_factor != _EXACT_HALF:
            return None
        big_value, small_value = self.value(big), self.value(small)
        subtract = node.kind == "sub"
        big_sign = -1 if subtract and swapped else 1
        small_sign = -1 if subtract and not swapped else 1
        offset = -big_value.zero_point * big_sign * (1 << 20)
        shares = [
            2 * small_sign * multiply((q - small_value.zero_point) << 20, small_factor) + offset
            for q in range(-128, 128)
        ]
        mantissa, add, shift = parameters
        members = {
            "small": self.source.constant(f"shares_{self.index:03d}", np.array(shares, np.int32)),
            "big_factor": big_sign * (1 << 20),
            "mantissa": mantissa,
            "add": add,
            "shift": shift,
        }
        kernel = "imse_add_s8_dsp" if big_sign > 0 else ""
        return struct("imse_add_dsp_t", members) + self._pairwise(
            kernel, "imse_add_stepped_s8_dsp", node, (big, small)
        )

    def prelu(self, node: Prelu) -> list[str]:
        x, alpha = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        parameters = scale_parameters(node.negative, y.zero_point)
        loops = self._nest(node.outputs[0], node.inputs, (True, False))
        rows = loops.loops[-1] if loops.loops else Loop(1, (0, 0, 0))
        outer = loops.loops[:-1]
        same_slopes = all(loop.steps[2] == 0 for loop in loops.loops)
        if parameters is None or alpha.data is None or loops.steps[2] != 1 or not same_slopes:
            return super().prelu(node)
        positive = [
            clamp(multiply(q, node.positive) + y.zero_point, -128, 127)
            for q in range(128 - x.zero_point)
        ]
        slopes = 2 * (alpha.data.astype(np.int32).ravel() - alpha.zero_point)
        mantissa, add, shift = parameters
        lines = struct(
            "imse_prelu_dsp_t",
            {
                "positive": self.source.constant(
                    f"positive_{self.index:03d}", np.array(positive, np.int8)
                ),
                "slopes": self.source.constant(f"slopes_{self.index:03d}", slopes),
                "n": loops.count,
                "in_pitch": rows.steps[1],
                "out_pitch": rows.steps[0],
                "zero_point": x.zero_point,
                "mantissa": mantissa,
                "add": add,
                "shift": shift,
            },
        )
        call = (
            f"{self.source.kernel('imse_prelu_s8_dsp')}(&p, {self.at(x.index)}"
            f"{advance(outer, 1)}, {self.at(y.index)}{advance(outer, 0)}, {rows.extent});"
        )
        return lines + looped(outer, [call])

    def matmul(self, node: MatMul) -> list[str]:
        y = self.value(node.outputs[0])
        parameters = scale_parameters(node.out, y.zero_point)
        depth, cols = self._matmul_size(node, y)
        if y.dtype != "int8" or parameters is None or depth * 255 * 255 >= _SUM_LIMIT:
            return super().matmul(node)
        a, b = (self.value(index) for index in node.inputs)
        loops, strides = self._matmul_strides(node)
        mantissa, add, shift = parameters
        quads = -(-depth // 4)
        lines = struct(
            "imse_matmul_dsp_t",
            {
                "out": f"{{0, {mantissa}, {add}, {shift}}}",
                "scratch": self._scratch(4 * quads * (1 + -(-cols // 2))),
                "a_offset": -a.zero_point,
                "b_offset": -b.zero_point,
                "rows": y.shape[-2],
                "depth": depth,
                "cols": cols,
                **strides,
            },
        )
        call = (
            f"{self.source.kernel('imse_matmul_s8_dsp')}(&p, "
            f"{self.at(a.index)}{advance(loops, 1)}, {self.at(b.index)}{advance(loops, 2)}, "
            f"{self.at(y.index)}{advance(loops, 0)});"
        )
        return lines + looped(loops, [call])

    def _matmul_size(self, node: MatMul, y: Value) -> tuple[int, int]:
        a = self.value(node.inputs[0])
        return a.shape[-2 if node.transpose_a else -1], y.shape[-1]


def scale_parameters(factor: Multiplier, zero_point: int) -> tuple[int, int, int] | None:
    """Mantissa, addend and shift of the fast rounding.

    Args:
        factor: Fixed-point multiplier.
        zero_point: Zero point of the output.

    Returns:
        The parameters, or None when the multiplier is not between 2**-23 and one half.
    """
    mantissa, shift = factor
    right = -shift
    if mantissa == 0 or not 1 <= right <= _MAX_SHIFT:
        return None
    return mantissa, (1 << (right - 1)) + (zero_point << right), right


def pack_dense(weights: np.ndarray) -> np.ndarray:
    """Weights of a convolution as the DSP kernel reads them.

    Args:
        weights: int8 ``[channels][taps][run]``.

    Returns:
        int32 words of two int16: doubled, per pair of channels, tap and quad 4 of
        each channel.
    """
    channels, taps, run = weights.shape
    padded = np.zeros((channels + channels % 2, taps, -(-run // 4) * 4), np.int16)
    padded[:channels, :, :run] = 2 * weights.astype(np.int16)
    quads = padded.reshape(-1, 2, taps, padded.shape[2] // 4, 4)[..., _QUAD_ORDER]
    return _words(quads.transpose(0, 2, 3, 1, 4))


def pack_depthwise(weights: np.ndarray) -> np.ndarray:
    """Weights of a depthwise convolution as the DSP kernel reads them.

    Args:
        weights: int8 ``[taps][channels]``, channels a multiple of 4.

    Returns:
        int32 words of two int16: doubled, per four channels and tap 4.
    """
    taps, channels = weights.shape
    quads = (2 * weights.astype(np.int16)).reshape(taps, channels // 4, 4)[..., _QUAD_ORDER]
    return _words(quads.transpose(1, 0, 2))


def _words(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).astype("<i2").ravel().view("<i4").astype(np.int32)
