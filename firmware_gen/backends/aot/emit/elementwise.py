"""Layers of element-wise operators."""

from __future__ import annotations

import numpy as np

from firmware_gen.backends.aot import multipliers, tables
from firmware_gen.backends.aot.emit.addresses import SUFFIX, Addresses
from firmware_gen.backends.aot.nodes import (
    Binary,
    Node,
    Prelu,
    ReciprocalRoot,
    Requantize,
    Table,
    WideLogistic,
)
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct


class ElementwiseLayers(Addresses):
    """Element-wise operators with the portable kernels."""

    def binary(self, node: Binary) -> list[str]:
        """Sum, difference, product or quotient."""
        if node.kind in ("minimum", "maximum"):
            return self._extremum(node)
        kind = "add" if node.kind == "sub" else node.kind
        members = self.binary_members(node)
        loops = self.nest(node.outputs[0], node.inputs, (False, False))
        kernel = self.kernel(self.binary_kernel(node))
        call = (
            f"{kernel}(&p, {self.at(node.inputs[0])}{advance(loops.loops, 1)}, {loops.steps[1]}, "
            f"{self.at(node.inputs[1])}{advance(loops.loops, 2)}, {loops.steps[2]}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return struct(f"imse_{kind}_t", members) + looped(loops.loops, [call])

    def binary_kernel(self, node: Binary) -> str:
        """Name of the kernel of an element-wise operator with rounding."""
        kind = "add" if node.kind == "sub" else node.kind
        return f"imse_{kind}_{SUFFIX[self.value(node.outputs[0]).dtype]}"

    def _extremum(self, node: Binary) -> list[str]:
        """The smaller or the larger one of two values."""
        loops = self.nest(node.outputs[0], node.inputs, (False, False))
        kernel = self.kernel(f"imse_{node.kind}_{SUFFIX[self.value(node.outputs[0]).dtype]}")
        call = (
            f"{kernel}({self.at(node.inputs[0])}{advance(loops.loops, 1)}, {loops.steps[1]}, "
            f"{self.at(node.inputs[1])}{advance(loops.loops, 2)}, {loops.steps[2]}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return looped(loops.loops, [call])

    def binary_members(self, node: Binary) -> dict[str, object]:
        """Members of the parameters of an element-wise kernel."""
        a, b = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        members: dict[str, object] = {
            "out": multiplier(node.out),
            "a_offset": -a.zero_point,
            "b_offset": -b.zero_point,
            "output_offset": y.zero_point,
            "low": node.low,
            "high": node.high,
        }
        if node.kind == "squared_difference":
            members["a"], members["b"] = multiplier(node.a), multiplier(node.b)
            members["left_shift"] = multipliers.square_shift(y)
        if node.kind in ("add", "sub"):
            members["a"], members["b"] = multiplier(node.a), multiplier(node.b)
            members["left_shift"] = multipliers.left_shift(y)
            members["sign"] = -1 if node.kind == "sub" else 1
        return members

    def vector(self, node: Node, kernel: str, first: str) -> list[str]:
        """A kernel on one dense input, with loops around it."""
        loops = self.nest(node.outputs[0], node.inputs[:1], (True,))
        call = (
            f"{self.kernel(kernel)}({first}, "
            f"{self.at(node.inputs[0])}{advance(loops.loops, 1)}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return looped(loops.loops, [call])

    def table(self, node: Table) -> list[str]:
        """A unary operator."""
        wide = self.value(node.outputs[0]).dtype == "int16"
        values = np.array(node.table, np.int16 if wide else np.int8)
        name = self.source.constant(f"table_{self.index:03d}", values)
        return self.vector(node, "imse_table_s8_s16" if wide else "imse_table_s8", name)

    def requantize(self, node: Requantize) -> list[str]:
        """A change of scale of int16 values."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        low, high = multipliers.RANGES[y.dtype]
        lines = struct(
            "imse_requant_t",
            {
                "out": multiplier(node.out),
                "input_offset": -x.zero_point,
                "output_offset": y.zero_point,
                "low": low,
                "high": high,
            },
        )
        return lines + self.vector(node, self.requantize_kernel(node), "&p")

    def requantize_kernel(self, node: Requantize) -> str:
        """Name of the kernel of a change of scale."""
        wide = self.value(node.outputs[0]).dtype == "int16"
        return "imse_requant_s16" if wide else "imse_requant_s16_s8"

    def reciprocal_root(self, node: ReciprocalRoot) -> list[str]:
        """``1 / sqrt`` of int16 values."""
        lines = [f"static const imse_multiplier_t p = {multiplier(node.out)};"]
        return lines + self.vector(node, "imse_rsqrt_s16", "&p")

    def wide_logistic(self, node: WideLogistic) -> list[str]:
        """Sigmoid of int16 values."""
        table = np.array(tables.wide_sigmoid(), np.uint16).view(np.int16)
        lines = struct(
            "imse_logistic_s16_t",
            {
                "table": self.source.constant("sigmoid", table),
                "factor": node.factor,
                "shift": node.shift,
            },
        )
        return lines + self.vector(node, "imse_logistic_s16", "&p")

    def prelu(self, node: Prelu) -> list[str]:
        """A parametric ReLU."""
        x, alpha = (self.value(index) for index in node.inputs)
        lines = struct(
            "imse_prelu_t",
            {
                "positive": multiplier(node.positive),
                "negative": multiplier(node.negative),
                "input_offset": -x.zero_point,
                "alpha_offset": -alpha.zero_point,
                "output_offset": self.value(node.outputs[0]).zero_point,
            },
        )
        loops = self.nest(node.outputs[0], node.inputs, (True, False))
        call = (
            f"{self.kernel('imse_prelu_s8')}(&p, "
            f"{self.at(node.inputs[0])}{advance(loops.loops, 1)}, "
            f"{self.at(node.inputs[1])}{advance(loops.loops, 2)}, {loops.steps[2]}, "
            f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}, {loops.count});"
        )
        return lines + looped(loops.loops, [call])
