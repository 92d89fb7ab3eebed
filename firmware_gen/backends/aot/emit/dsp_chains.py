"""Loops over several element-wise operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firmware_gen.backends.aot.emit.dsp_packing import scale_parameters
from firmware_gen.backends.aot.emit.dsp_wide import WideDspLayers, doubles
from firmware_gen.backends.aot.loops import Nest, broadcast, nest
from firmware_gen.backends.aot.multipliers import EXACT_HALF, RANGES
from firmware_gen.backends.aot.nodes import (
    Binary,
    Chain,
    Node,
    Program,
    Requantize,
    Table,
)
from firmware_gen.backends.aot.source import C_TYPES, advance, looped

_HEADER = "imse_chain_dsp.h"


class ChainLayers(WideDspLayers):
    """Chains of operators on int16 values, written out as loops."""

    @staticmethod
    def chains(program: Program, node: Node) -> bool:
        if isinstance(node, Table):
            return True
        if isinstance(node, Requantize):
            y = program.values[node.outputs[0]]
            return scale_parameters(node.out, y.zero_point) is not None
        return isinstance(node, Binary) and _has_step(program, node)

    def chain(self, node: Chain) -> list[str]:
        """One loop nest over all elements."""
        self.source.headers.add(_HEADER)
        read = [i for i in node.inputs if self.value(i).elements > 1 or self.value(i).data is None]
        loops = self._chain_nest(node, read)
        names = {i: _literal(self.value(i).data) for i in node.inputs if i not in read}
        ahead: list[str] = []
        body: list[str] = []
        for number, index in enumerate(read):
            kind, step = C_TYPES[self.value(index).dtype], loops.steps[number + 1]
            spot = f"{self.at(index)}{advance(loops.loops, number + 1)}"
            names[index] = f"x{number}"
            if step == 0:
                ahead.append(f"const int32_t x{number} = *({spot});")
                continue
            place = "i" if step == 1 else f"i * {step}"
            ahead.append(f"const {kind} *const in{number} = {spot};")
            body.append(f"const int32_t x{number} = in{number}[{place}];")
        for number, part in enumerate(node.steps):
            names[part.outputs[0]] = f"y{number}"
            body.append(f"const int32_t y{number} = {self._step(part, number, names)};")
        kind = C_TYPES[self.value(node.outputs[0]).dtype]
        out = f"{self.at(node.outputs[0])}{advance(loops.loops, 0)}"
        ahead.append(f"{kind} *const out = {out};")
        body.append(f"out[i] = ({kind})y{len(node.steps) - 1};")
        inner = [
            *ahead,
            f"for (int32_t i = 0; i < {loops.count}; ++i) {{",
            *(f"  {line}" for line in body),
            "}",
        ]
        return looped(loops.loops, inner)

    def _chain_nest(self, node: Chain, read: Sequence[int]) -> Nest:
        """Loops over the output and the inputs that are read."""
        output, group = node.outputs[0], node.group
        if group == 1:
            return self.nest(output, read, [False] * len(read))
        shape = self.value(output).shape
        strides = []
        for index in (output, *read):
            value, own = self.value(index), self.place(index).strides
            if index in node.grouped:
                strides.append((*own, 0))
                continue
            *outer, last = broadcast(value.shape, own, shape)
            strides.append((*outer, last * group, last))
        split = (*shape[:-1], shape[-1] // group, group)
        return nest(split, tuple(strides), (True, *[False] * len(read)))

    def _step(self, node: Node, number: int, names: dict[int, str]) -> str:
        """C expression of one operator."""
        x = names[node.inputs[0]]
        y = self.value(node.outputs[0])
        if isinstance(node, Table):
            table = np.array(node.table, np.int16 if y.dtype == "int16" else np.int8)
            name = self.source.constant(f"table_{self.index:03d}_{number}", table)
            return f"({name} + 128)[{x}]"
        if isinstance(node, Requantize):
            offset = self.value(node.inputs[0]).zero_point
            moved = f"({x} - {offset})" if offset else x
            return _scaled(f"{moved} * 2", node.out, y.zero_point, y.dtype)
        assert isinstance(node, Binary)  # noqa: S101 - nothing else is accepted
        if node.kind in ("minimum", "maximum"):
            sign, other = "<" if node.kind == "minimum" else ">", names[node.inputs[1]]
            return f"{x} {sign} {other} ? {x} : {other}"
        if node.kind == "mul":
            product = f"imse_twice_product({x}, {names[node.inputs[1]]})"
            return _scaled(product, node.out, 0, "int16")
        return _scaled(self._twice_sum(node, names), node.out, 0, "int16")

    def _twice_sum(self, node: Binary, names: dict[int, str]) -> str:
        first, second = (names[index] for index in node.inputs)
        subtract = node.kind == "sub"
        if node.a == node.b:
            return f"({first} {'-' if subtract else '+'} {second}) * 32768"
        swapped = node.a != EXACT_HALF
        big, small = (second, first) if swapped else (first, second)
        parameters = scale_parameters(node.a if swapped else node.b, 0)
        assert parameters is not None  # noqa: S101 - accepted
        share = f"imse_share_s16({small}, {', '.join(map(str, parameters))})"
        if subtract and swapped:
            return f"{share} * 2 - {big} * 32768"
        return f"{big} * 32768 {'-' if subtract else '+'} {share} * 2"


def _has_step(program: Program, node: Binary) -> bool:
    """Whether an operator on two values can be a step: int16, the whole range, right shifts."""
    y = program.values[node.outputs[0]]
    if y.dtype != "int16" or (node.low, node.high) != RANGES["int16"]:
        return False
    if node.kind in ("minimum", "maximum"):
        return True
    parameters = scale_parameters(node.out, 0)
    if parameters is None:
        return False
    if node.kind == "mul":
        return doubles(parameters, node.out)
    if node.kind not in ("add", "sub"):
        return False
    if node.a == node.b:
        return node.a == EXACT_HALF
    big, small = (node.b, node.a) if node.a != EXACT_HALF else (node.a, node.b)
    return big == EXACT_HALF and scale_parameters(small, 0) is not None


def _scaled(twice: str, factor: tuple[int, int], zero_point: int, dtype: str) -> str:
    parameters = scale_parameters(factor, zero_point)
    assert parameters is not None  # noqa: S101 - accepted
    kind = "s8" if dtype == "int8" else "s16"
    return f"imse_scale_{kind}({twice}, {', '.join(map(str, parameters))})"


def _literal(data: np.ndarray | None) -> str:
    assert data is not None  # noqa: S101 - constants have data
    return f"({int(data.ravel()[0])})"
