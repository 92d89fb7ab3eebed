"""Layers of linear attention and rotations on int16 values that use the Helium (MVE) kernels."""

from __future__ import annotations

import numpy as np

from firmware_gen.backends.aot.emit.mve_packing import LONGEST_STEP, rounds_right
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.emit.wide_attention import (
    HEAD,
    shares,
    suits,
    sum_scale,
    turn_loops,
    turn_rounding,
)
from firmware_gen.backends.aot.nodes import Program, WideAttend, WideRotate
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.errors import UnsupportedOpError


class MveWideAttentionLayers(Emitter):
    """Linear attention and rotations of int16 values."""

    @staticmethod
    def rotates_wide(program: Program, node: WideRotate) -> bool:
        if program.values[node.inputs[0]].shape[-1] > LONGEST_STEP:
            return False
        found = [turn_rounding(node, turn) for turn in node.turns]
        return all(
            rounding is not None and all(map(rounds_right, rounding.factors.values()))
            for rounding in found
        )

    def wide_rotate(self, node: WideRotate) -> list[str]:
        """Two channels of all columns of a row per call."""
        (x,), (y,) = node.inputs, node.outputs
        columns = self.value(x).shape[2]
        into, out = self.place(x).strides, self.place(y).strides
        if into[3] != 1 or out[3] != 1 or max(into[2], out[2]) > LONGEST_STEP:
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        even, odd = (
            self.source.constant(f"{name}_{self.index:03d}", np.array(table, np.int16))
            for name, table in zip(("even", "odd"), node.turned, strict=True)
        )
        lines: list[str] = []
        for number, turn in enumerate(node.turns):
            rounding = turn_rounding(node, turn)
            assert rounding is not None  # noqa: S101 - accepted
            plain = np.array(turn.plain, np.int16)
            members = {
                "plain": self.source.constant(f"plain{number}_{self.index:03d}", plain),
                "even": even,
                "odd": odd,
                **{name: multiplier(factor) for name, factor in rounding.factors.items()},
                "factor": 0 if turn.again is None else turn.again[0],
                "steps": rounding.steps,
                "pixels": columns,
                "in_step": into[2],
                "out_step": out[2],
                "angle_step": 1 if turn.axis == 2 else 0,
                "sines": len(turn.cosines),
            }
            angles = np.array([turn.cosines, turn.sines], np.int16)
            name = self.source.constant(f"angles_{self.index:03d}_{number}", angles.ravel())
            angle_pitch = 1 if turn.axis == 1 else 0
            loops = turn_loops(self.value(x).shape, len(node.turns), into, out, angle_pitch)
            call = (
                f"{self.source.kernel('imse_rotate_s16_mve')}(&p{number}, "
                f"{name}{advance(loops, 2)}, {self.at(x)} + {2 * number}{advance(loops, 1)}, "
                f"{self.at(y)} + {2 * number}{advance(loops, 0)});"
            )
            lines += struct("imse_rotate_s16_mve_t", members, f"p{number}")
            lines += looped(loops, [call])
        return lines

    @staticmethod
    def attends_wide(program: Program, node: WideAttend) -> bool:
        rounded = (node.first, node.second, node.away, node.weighted, node.result)
        factors = [*(part.out for part in rounded), *shares(node).values()]
        channels = node.numerator.blocks * HEAD
        products = (node.numerator, node.normaliser)
        return (
            suits(program, node)
            and channels <= LONGEST_STEP
            and all(rounds_right(factor) for factor in factors)
            and all(sum_scale(product, channels) is not None for product in products)
        )

    def wide_attend(self, node: WideAttend) -> list[str]:
        """All rows and heads at once."""
        y = node.outputs[0]
        strides = [self.place(index).strides for index in (*node.inputs, y)]
        query, matrix, plain, sums, mean, out = strides
        dense = all(part[-1] == 1 for part in (query, matrix, plain, sums, out))
        if not dense or max(matrix[-2], sums[-2]) > LONGEST_STEP:
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        heads = node.numerator.blocks
        scales: dict[str, object] = {}
        for name, product in (("numerator", node.numerator), ("normaliser", node.normaliser)):
            factor = sum_scale(product, heads * HEAD)
            assert factor is not None  # noqa: S101 - accepted
            scales[name] = f"{{{factor[0]}, {factor[1]}}}"
        rounded = {
            "root": node.root.out,
            "first": node.first.out,
            "second": node.second.out,
            "away": node.away.out,
            "weighted": node.weighted.out,
            "sum": node.result.out,
            **shares(node),
        }
        members = {
            **scales,
            **{name: multiplier(factor) for name, factor in rounded.items()},
            "heads": heads,
            "rows": self.value(y).shape[-2],
            "query_pitch": query[-2],
            "matrix_pitch": matrix[-2],
            "plain_pitch": plain[-2],
            "sums_pitch": sums[-2],
            "sums_step": self.value(node.inputs[3]).shape[-1] // heads,
            "mean_step": mean[-1],
            "out_pitch": out[-2],
        }
        at = ", ".join(self.at(index) for index in (*node.inputs, y))
        call = f"{self.source.kernel('imse_attend_s16_mve')}(&p, {at});"
        return [*struct("imse_attend_s16_mve_t", members), call]
