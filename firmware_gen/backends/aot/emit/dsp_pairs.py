"""Layers of two int8 operands that use the DSP kernels: extrema, squared differences, quotients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from firmware_gen.backends.aot.emit.dsp_attention import AttentionLayers
from firmware_gen.backends.aot.emit.dsp_packing import FULL_RANGE, scale_parameters
from firmware_gen.backends.aot.multipliers import EXACT_HALF, square_shift
from firmware_gen.backends.aot.nodes import Binary
from firmware_gen.backends.aot.quotients import quotient_form
from firmware_gen.backends.aot.source import struct
from firmware_gen.backends.fixedpoint import multiply


class PairLayers(AttentionLayers):
    """Element-wise operators of two int8 operands with any steps."""

    replacements: ClassVar[Mapping[str, str]] = {
        name: f"{name}_dsp" for name in ("imse_maximum_s8", "imse_minimum_s8")
    }

    def square(self, node: Binary) -> list[str] | None:
        """A squared difference, or None."""
        parameters = scale_parameters(node.out, self.value(node.outputs[0]).zero_point)
        swapped = node.a != EXACT_HALF
        big, small = node.inputs[::-1] if swapped else node.inputs
        big_factor, small_factor = (node.b, node.a) if swapped else (node.a, node.b)
        full = (node.low, node.high) == FULL_RANGE
        if parameters is None or big_factor != EXACT_HALF or not full:
            return None
        left = square_shift(self.value(node.outputs[0]))
        point, offset = self.value(small).zero_point, self.value(big).zero_point << left - 1
        shares = [multiply((q - point) << left, small_factor) + offset for q in range(-128, 128)]
        name = self.source.constant(f"shares_{self.index:03d}", np.array(shares, np.int16))
        mantissa, add, shift = parameters
        members = {"small": f"{name} + 128", "mantissa": mantissa, "add": add, "shift": shift}
        lines = struct("imse_square_s8_dsp_t", members)
        return lines + self.stepped("imse_squared_difference_s8_dsp", node, (big, small))

    def quotient(self, node: Binary) -> list[str] | None:
        """A quotient, or None."""
        a, b = (self.value(index) for index in node.inputs)
        form = quotient_form(node, a, b, self.value(node.outputs[0]))
        if form is None:
            return None
        rows = [(d.factor, d.count << 16 | -d.first) for d in form.divisors]
        name = self.source.records(f"divisors_{self.index:03d}", "imse_divisor_t", rows)
        members = {
            "divisors": f"{name} + 128",
            "exact": "&exact",
            "a_zero_point": a.zero_point,
            "add": form.add,
            "shift": form.shift,
            "of_zero": form.of_zero,
        }
        exact = struct("imse_div_t", self.binary_members(node), "exact")
        self.source.kernel("imse_div_s8")
        lines = [*exact, *struct("imse_div_dsp_t", members)]
        return lines + self.stepped("imse_div_s8_dsp", node, node.inputs)
