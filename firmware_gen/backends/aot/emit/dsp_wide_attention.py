"""Layers of linear attention on int16 values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from firmware_gen.backends.aot.emit.dsp_norms import NormLayers
from firmware_gen.backends.aot.emit.dsp_packing import scale_parameters
from firmware_gen.backends.aot.emit.dsp_wide import doubles
from firmware_gen.backends.aot.emit.wide_attention import (
    HEAD,
    shares,
    suits,
    sum_scale,
    turn_loops,
    turn_rounding,
)
from firmware_gen.backends.aot.multipliers import RANGES
from firmware_gen.backends.aot.nodes import (
    Mean,
    Program,
    Turn,
    WideAttend,
    WideRotate,
)
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.errors import UnsupportedOpError

_HEAD_SCRATCH = 44  # IMSE_HEAD_SCRATCH_S16


class WideAttentionLayers(NormLayers):
    """Linear attention and rotations of int16 values."""

    @staticmethod
    def rotates_wide(program: Program, node: WideRotate) -> bool:
        del program
        return all(_rotation(node, turn) is not None for turn in node.turns)

    def wide_rotate(self, node: WideRotate) -> list[str]:
        """Two channels of all columns of a row per call."""
        (x,), (y,) = node.inputs, node.outputs
        columns = self.value(x).shape[2]
        into, out = self.place(x).strides, self.place(y).strides
        if into[3] != 1 or out[3] != 1:
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        even, odd = map(self._wide_table, ("even", "odd"), node.turned)
        lines: list[str] = []
        for number, turn in enumerate(node.turns):
            scales = _rotation(node, turn)
            assert scales is not None  # noqa: S101 - accepted
            members = {
                "plain": self._wide_table(f"plain{number}", turn.plain),
                "even": even,
                "odd": odd,
                **scales,
                "pixels": columns,
                "in_step": into[2],
                "out_step": out[2],
                "angle_step": 2 if turn.axis == 2 else 0,
            }
            angles = 2 * np.stack([turn.cosines, turn.sines], axis=1).astype(np.int32)
            name = self.source.constant(f"angles_{self.index:03d}_{number}", angles)
            angle_pitch = 2 if turn.axis == 1 else 0
            loops = turn_loops(self.value(x).shape, len(node.turns), into, out, angle_pitch)
            call = (
                f"{self.source.kernel('imse_rotate_s16_dsp')}(&p{number}, "
                f"{name}{advance(loops, 2)}, {self.at(x)} + {2 * number}{advance(loops, 1)}, "
                f"{self.at(y)} + {2 * number}{advance(loops, 0)});"
            )
            lines += struct("imse_rotate_s16_dsp_t", members, f"p{number}")
            lines += looped(loops, [call])
        return lines

    @staticmethod
    def looks_up_means(program: Program, node: Mean) -> bool:
        values = [program.values[index] for index in (*node.inputs, *node.outputs)]
        return all(value.dtype == "int16" and value.zero_point == 0 for value in values)

    def mean_of_table(self, node: Mean, shape: Mapping[str, int]) -> tuple[str, list[str]]:
        """Kernel of a mean of looked up values and the lines that define its parameters ``p``."""
        mean: dict[str, object] = {
            "out": multiplier(node.out),
            "input_offset": 0,
            "output_offset": 0,
            **shape,
        }
        nested = {f"mean.{name}": value for name, value in mean.items()}
        members = {**nested, "table": self._wide_table("summands", node.table)}
        return "imse_mean_table_s16_dsp", struct("imse_mean_table_dsp_t", members)

    @staticmethod
    def attends_wide(program: Program, node: WideAttend) -> bool:
        return _attention(program, node) is not None

    def wide_attend(self, node: WideAttend) -> list[str]:
        """All rows and heads at once."""
        y = node.outputs[0]
        strides = [self.place(index).strides for index in (*node.inputs, y)]
        query, matrix, plain, sums, mean, out = strides
        if any(part[-1] != 1 for part in (query, matrix, plain, sums, out)):
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        members = _attention(self.program, node)
        assert members is not None  # noqa: S101 - accepted
        sizes = {
            "scratch": self.scratch(_HEAD_SCRATCH * node.numerator.blocks),
            "heads": node.numerator.blocks,
            "rows": self.value(y).shape[-2],
            "query_pitch": query[-2],
            "matrix_pitch": matrix[-2],
            "plain_pitch": plain[-2],
            "sums_pitch": sums[-2],
            "mean_step": mean[-1],
            "out_pitch": out[-2],
        }
        at = ", ".join(self.at(index) for index in (*node.inputs, y))
        call = f"{self.source.kernel('imse_attend_s16_dsp')}(&p, {at});"
        return [*struct("imse_attend_s16_dsp_t", {**members, **sizes}), call]

    def _wide_table(self, name: str, table: tuple[int, ...]) -> str:
        """A table at the result for 0."""
        constant = self.source.constant(f"{name}_{self.index:03d}", np.array(table, np.int16))
        return f"{constant} + 128"


def _rotation(node: WideRotate, turn: Turn) -> dict[str, object] | None:
    """Members of the kernel's parameters that say how it rounds; None where it does not suit."""
    rounding = turn_rounding(node, turn)
    # Doubled products with constants have to fit 32 bits.
    factors = (*turn.cosines, *turn.sines, *(turn.again or ())[:1])
    if rounding is None or min(factors) <= RANGES["int16"][0]:
        return None
    members: dict[str, object] = {}
    if turn.again is not None:
        members["again_twice"] = 2 * turn.again[0]
    for name, factor in rounding.factors.items():
        scale = scale_parameters(factor, 0)
        if scale is None:
            return None
        members[name] = f"{{0, {', '.join(map(str, scale))}}}"
    return {**members, "steps": rounding.steps}


def _attention(program: Program, node: WideAttend) -> dict[str, object] | None:
    """Members of the kernel's parameters that say how it rounds; None where it does not suit."""
    values = program.values
    heads = node.numerator.blocks
    weighted = scale_parameters(node.weighted.out, 0)
    if (
        not suits(program, node)
        or values[node.inputs[3]].shape[-1] != heads
        or weighted is None
        or not doubles(weighted, node.weighted.out)
    ):
        return None
    products = (node.numerator, node.normaliser)
    members: dict[str, object] = {}
    for name, product in zip(("numerator", "normaliser"), products, strict=True):
        factor = sum_scale(product, heads * HEAD)
        if factor is None:
            return None
        members[name] = f"{{{factor[0]}, {1 << (factor[1] - 1)}, {factor[1]}}}"
    share = {name: scale_parameters(factor, 0) for name, factor in shares(node).items()}
    scales = {
        "first": scale_parameters(node.first.out, 0),
        "second": scale_parameters(node.second.out, 0),
        "away_share": share["away_share"],
        "mean_share": share["mean_share"],
        "away": scale_parameters(node.away.out, 0),
        "weighted": weighted,
        "sum_share": share["sum_share"],
        "sum": scale_parameters(node.result.out, 0),
    }
    for name, scale in scales.items():
        if scale is None:
            return None
        members[name] = f"{{0, {', '.join(map(str, scale))}}}"
    return {**members, "root": multiplier(node.root.out)}
