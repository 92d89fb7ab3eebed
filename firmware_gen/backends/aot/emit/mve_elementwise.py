"""Element-wise operators that use the Helium (MVE) kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from firmware_gen.backends.aot.emit.mve_packing import LONGEST_STEP, by_byte, rounds_right
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.linear import sum_form
from firmware_gen.backends.aot.loops import Loop
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES
from firmware_gen.backends.aot.nodes import Binary, Prelu, Requantize, Table
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.fixedpoint import clamp, multiply

_LONGEST_QUOTIENT_SHIFT = 20
_NO_LOOP = Loop(1, (0, 0, 0))


class MveElementwiseLayers(Emitter):
    """Element-wise operators on int8 and int16 values with the Helium kernels where they apply."""

    def binary(self, node: Binary) -> list[str]:
        if self.value(node.outputs[0]).dtype == "int16":
            return self._wide_pair(node) or super().binary(node)
        members = self.binary_members(node)
        if node.kind in ("minimum", "maximum"):
            return self._grid(f"imse_{node.kind}_s8_mve", "", {}, node)
        if node.kind in ("add", "sub"):
            line = self._line(node)
            return line or self._grid("imse_add_s8_mve", "imse_add_t", members, node)
        if node.kind == "squared_difference" and max(node.a[1], node.b[1]) <= 0:
            kernel = "imse_squared_difference_s8_mve"
            return self._grid(kernel, "imse_squared_difference_t", members, node)
        if node.kind == "div" and node.out[1] <= _LONGEST_QUOTIENT_SHIFT:
            return self._grid("imse_div_s8_mve", "imse_div_t", members, node)
        if node.kind != "mul" or not rounds_right(node.out):
            return super().binary(node)
        if not node.table:
            return self._grid("imse_mul_s8_mve", "imse_mul_t", members, node)
        point = self.value(node.looked_up).zero_point
        table = by_byte(node.table).astype(np.int16) - np.int16(point)
        name = self.source.constant(f"table_{self.index:03d}", table)
        return self._grid("imse_mul_table_s8_mve", "imse_mul_t", members, node, name)

    def _wide_pair(self, node: Binary) -> list[str] | None:
        """An element-wise operator on int16 values, or None."""
        loops = self.nest(node.outputs[0], node.inputs, (False, False))
        if max(loops.steps) > 1:
            return None
        if node.kind in ("minimum", "maximum"):
            return self._grid(f"imse_{node.kind}_s16_mve", "", {}, node)
        plain = rounds_right(node.out) and (node.low, node.high) == RANGES["int16"]
        if plain and node.kind == "mul":
            mantissa, shift = node.out
            members = {"mantissa": mantissa, "shift": shift}
            return self._grid("imse_mul_s16_mve", "imse_multiplier_t", members, node)
        return (self._wide_difference(node) if plain else None) or (
            self._grid("imse_add_s16_mve", "imse_add_t", self.binary_members(node), node)
            if node.kind in ("add", "sub")
            else None
        )

    def _wide_difference(self, node: Binary) -> list[str] | None:
        """A sum, difference or squared difference of int16 values, or None."""
        swapped = node.a != EXACT_HALF
        order = node
        if swapped:
            order = replace(node, inputs=node.inputs[::-1], a=node.b, b=node.a)
        if order.a != EXACT_HALF or order.b[1] > 0:
            return None
        if node.kind == "squared_difference":
            members = {"small": multiplier(order.b), "out": multiplier(node.out)}
            kernel = "imse_squared_difference_s16_mve"
            return self._grid(kernel, "imse_square_s16_mve_t", members, order)
        signs = (1, -1 if node.kind == "sub" else 1)
        big_sign, small_sign = signs[::-1] if swapped else signs
        # Of multiples of 2**15 both are the exact half, this one with a right shift.
        small = ((1 << 31) - 1, -1) if order.b == EXACT_HALF else order.b
        if not rounds_right(small):
            return None
        sums: dict[str, object] = {
            "small": multiplier(small),
            "out": multiplier(node.out),
            "big_factor": big_sign * (1 << 14),
            "small_sign": small_sign,
        }
        return self._grid("imse_sum_s16_mve", "imse_sum_s16_mve_t", sums, order)

    def _line(self, node: Binary) -> list[str] | None:
        """A sum with one multiplication; one operand is looked up."""
        y = self.value(node.outputs[0])
        orders = [node]
        if node.kind == "add":
            orders.append(replace(node, inputs=node.inputs[::-1], a=node.b, b=node.a))
        for order in orders:
            a, b = (self.value(index) for index in order.inputs)
            form = sum_form(order, a, b, y)
            if form is not None:
                shares = np.array(form.shares, np.int32)
                name = self.source.constant(f"shares_{self.index:03d}", shares)
                members = {"shares": f"{name} + 128", "factor": form.factor}
                return self._grid("imse_sum_s8_mve", "imse_sum_mve_t", members, order)
        return None

    def _grid(
        self,
        kernel: str,
        kind: str,
        members: Mapping[str, object],
        node: Binary | Prelu,
        table: str = "",
    ) -> list[str]:
        """A kernel on rows of elements.

        Args:
            kernel: Name of the kernel.
            kind: Type of its parameters, or nothing.
            members: Their members.
            node: The operator.
            table: Argument behind the parameters.

        Returns:
            Lines of C.
        """
        loops = self.nest(node.outputs[0], node.inputs, (False, False))
        if max(loops.steps) > LONGEST_STEP:
            loops = self.nest(node.outputs[0], node.inputs, (True, True))
        rows = loops.loops[-1] if loops.loops else _NO_LOOP
        outer = loops.loops[:-1]
        grid = struct(
            "imse_grid_t",
            {
                "rows": rows.extent,
                "n": loops.count,
                "a_step": loops.steps[1],
                "b_step": loops.steps[2],
                "a_pitch": rows.steps[1],
                "b_pitch": rows.steps[2],
                "out_pitch": rows.steps[0],
            },
            "grid",
        )
        parameters = "&p, " if kind else ""
        call = (
            f"{self.source.kernel(kernel)}({parameters}{f'{table}, ' if table else ''}&grid, "
            f"{self.at(node.inputs[0])}{advance(outer, 1)}, "
            f"{self.at(node.inputs[1])}{advance(outer, 2)}, "
            f"{self.at(node.outputs[0])}{advance(outer, 0)});"
        )
        return (struct(kind, members) if kind else []) + grid + looped(outer, [call])

    def table(self, node: Table) -> list[str]:
        wide = self.value(node.outputs[0]).dtype == "int16"
        values = by_byte(node.table).astype(np.int16 if wide else np.int8)
        name = self.source.constant(f"table_{self.index:03d}", values)
        return self.vector(node, "imse_table_s8_s16_mve" if wide else "imse_table_s8_mve", name)

    def prelu(self, node: Prelu) -> list[str]:
        x, alpha = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        if not rounds_right(node.negative):
            return super().prelu(node)
        positive = [
            clamp(multiply(q - x.zero_point, node.positive) + y.zero_point, -128, 127)
            for q in range(-128, 128)
        ]
        members = {
            "positive": self.source.constant(
                f"positive_{self.index:03d}", by_byte(positive).astype(np.int8)
            ),
            "zero_point": x.zero_point,
            "alpha_offset": -alpha.zero_point,
            "mantissa": node.negative[0],
            "shift": node.negative[1],
            "output_offset": y.zero_point,
        }
        return self._grid("imse_prelu_s8_mve", "imse_prelu_mve_t", members, node)

    def requantize_kernel(self, node: Requantize) -> str:
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        name = super().requantize_kernel(node)
        plain = not x.zero_point and not (y.dtype == "int16" and y.zero_point)
        return f"{name}_mve" if plain and node.out[1] <= 0 else name
