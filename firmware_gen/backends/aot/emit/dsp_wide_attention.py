"""Layers of linear attention on int16 values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from firmware_gen.backends.aot.emit.dsp_norms import NormLayers
from firmware_gen.backends.aot.emit.dsp_packing import scale_parameters
from firmware_gen.backends.aot.linear import multiply_array
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES
from firmware_gen.backends.aot.nodes import Multiplier, Program, Turn, WideRotate
from firmware_gen.backends.aot.source import advance, looped, struct
from firmware_gen.backends.errors import UnsupportedOpError

_INT16 = np.arange(-32768, 32768, dtype=np.int64)
_NEARLY_HALF = ((1 << 31) - 1, -1)  # has a right shift, and the same shares as EXACT_HALF
_AGAIN, _JOINS, _SWAPPED = 1, 2, 4  # IMSE_ROTATE_…
Scale = tuple[int, int, int]


class WideAttentionLayers(NormLayers):
    """Rotations of int16 values."""

    @staticmethod
    def rotates_wide(program: Program, node: WideRotate) -> bool:
        del program
        sums = (node.joined, node.result)
        products = [part for turn in node.turns for part in (turn.straight, turn.crossed)]
        full = all((part.low, part.high) == RANGES["int16"] for part in (*sums, *products))
        return full and all(_rotation(node, turn) is not None for turn in node.turns)

    def wide_rotate(self, node: WideRotate) -> list[str]:
        """Two channels of all columns of a row per call."""
        (x,), (y,) = node.inputs, node.outputs
        _, rows, columns, channels = self.value(x).shape
        into, out = self.place(x).strides, self.place(y).strides
        if into[3] != 1 or out[3] != 1:
            raise UnsupportedOpError(f"aot runtime: {node.label} lies in parts of other tensors")
        width = 2 * len(node.turns)
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
            loops = [
                Loop(rows, (out[1], into[1], 2 if turn.axis == 1 else 0)),
                Loop(channels // width, (width, width, 0)),
            ]
            call = (
                f"{self.source.kernel('imse_rotate_s16_dsp')}(&p{number}, "
                f"{name}{advance(loops, 2)}, {self.at(x)} + {2 * number}{advance(loops, 1)}, "
                f"{self.at(y)} + {2 * number}{advance(loops, 0)});"
            )
            lines += struct("imse_rotate_s16_dsp_t", members, f"p{number}")
            lines += looped(loops, [call])
        return lines

    def _wide_table(self, name: str, table: tuple[int, ...]) -> str:
        """A table at the result for 0."""
        constant = self.source.constant(f"{name}_{self.index:03d}", np.array(table, np.int16))
        return f"{constant} + 128"


def _rotation(node: WideRotate, turn: Turn) -> dict[str, object] | None:
    """Members of the kernel's parameters that say how it rounds; None where it does not suit."""
    swapped = node.result.a != EXACT_HALF
    big, small = (node.result.b, node.result.a) if swapped else (node.result.a, node.result.b)
    if big != EXACT_HALF:
        return None
    scales: dict[str, Scale | None] = {
        "straight": _product_scale(turn.straight.out, turn.cosines),
        "crossed": _product_scale(turn.crossed.out, turn.sines),
        "share": share_scale(small),
        "result": scale_parameters(node.result.out, 0),
    }
    steps = _SWAPPED if swapped else 0
    members: dict[str, object] = {}
    if turn.again is not None:
        factor, out = turn.again
        steps += _AGAIN
        members["again_twice"] = 2 * factor
        scales["again"] = _product_scale(out, (factor,))
    if not _changes_nothing(turn.share, node.joined.out):
        steps += _JOINS
        scales["gathered"] = share_scale(turn.share)
        scales["joined"] = scale_parameters(node.joined.out, 0)
    for name, scale in scales.items():
        if scale is None:
            return None
        members[name] = f"{{0, {', '.join(map(str, scale))}}}"
    return {**members, "steps": steps}


def share_scale(factor: Multiplier) -> Scale | None:
    """Rounding of an operand's share in a sum, see ``imse_share_s16``."""
    return scale_parameters(_NEARLY_HALF if factor == EXACT_HALF else factor, 0)


def _product_scale(out: Multiplier, factors: Sequence[int]) -> Scale | None:
    """Rounding of doubled products with constants, which have to fit 32 bits."""
    return scale_parameters(out, 0) if min(factors) > RANGES["int16"][0] else None


@cache
def _changes_nothing(share: Multiplier, out: Multiplier) -> bool:
    """Whether the sum of a value and 0 is the value, for all values."""
    alone = multiply_array(multiply_array(_INT16 << 15, share), out)
    return bool(np.array_equal(alone, _INT16))
