"""Layers of linear attention on int16 values that use the Helium (MVE) kernels."""

from __future__ import annotations

from firmware_gen.backends.aot.emit.mve_packing import LONGEST_STEP, rounds_right
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.emit.wide_attention import HEAD, shares, suits, sum_scale
from firmware_gen.backends.aot.nodes import Program, WideAttend
from firmware_gen.backends.aot.source import multiplier, struct
from firmware_gen.backends.errors import UnsupportedOpError


class MveWideAttentionLayers(Emitter):
    """Linear attention on int16 values."""

    @staticmethod
    def attends_wide(program: Program, node: WideAttend) -> bool:
        rounded = (node.first, node.second, node.away, node.weighted, node.result)
        factors = [*(part.out for part in rounded), *shares(node).values()]
        channels = node.numerator.blocks * HEAD
        products = (node.numerator, node.normaliser)
        return (
            suits(program, node)
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
