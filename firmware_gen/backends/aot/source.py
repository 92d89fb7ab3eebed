"""C text: layers, constants, structures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from firmware_gen.backends.aot.cost import LayerCost
from firmware_gen.backends.aot.loops import Loop

_WIDTH = 98
C_TYPES = {
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
}


@dataclass
class Source:
    """The generated file while it is written.

    Attributes:
        keeps_text: Whether constants are written out; a draft that only asks for memory needs none.
        constants: Definitions of weights and tables.
        layers: One function per node that does something.
        calls: Statements of the frame function.
        kernels: Kernel functions that are called.
        headers: Headers with functions that loops of layers use.
        constant_bytes: Bytes of all constants.
        layer_table: Function, origin and cost of every layer, for reports.
    """

    keeps_text: bool = True
    constants: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    kernels: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    constant_bytes: int = 0
    layer_table: list[dict[str, Any]] = field(default_factory=list)
    _known: dict[tuple[str, bytes], str] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)

    def constant(self, name: str, data: np.ndarray) -> str:
        """Define a constant array in the weights section; equal arrays are defined once.

        Args:
            name: Wanted identifier.
            data: int8, int16, int32 or int64 values.

        Returns:
            The identifier that holds the values.
        """
        flat = np.ascontiguousarray(data).ravel()
        key = (flat.dtype.name, flat.tobytes())
        if key in self._known:
            self._used[self._known[key]] = flat.nbytes
            return self._known[key]
        if self.keeps_text:
            kind = C_TYPES[flat.dtype.name]
            body = wrapped(str(int(value)) for value in flat)
            self.constants.append(
                f"static const {kind} {name}[{flat.size}] IMSE_WEIGHTS = {{\n{body}\n}};"
            )
        self._known[key] = self._define(name, flat.nbytes)
        return name

    def records(self, name: str, kind: str, rows: Iterable[Sequence[int]]) -> str:
        """Define a constant array of structures.

        Args:
            name: Identifier.
            kind: Type of the elements.
            rows: Values of the members, per element.

        Returns:
            The identifier.
        """
        rows = [tuple(row) for row in rows]
        self._define(name, sum(4 * len(row) for row in rows))
        items = [f"{{{', '.join(str(value) for value in row)}}}" for row in rows]
        self.constants.append(
            f"static const {kind} {name}[{len(items)}] IMSE_RECORDS = {{\n{wrapped(items)}\n}};"
        )
        return name

    def structure(self, kind: str, values: Sequence[int]) -> str:
        """Define a constant structure, by its values; equal ones are defined once.

        Args:
            kind: Its type, ``imse_…_t``.
            values: Values of the members, none of them negative.

        Returns:
            The identifier.
        """
        name = "_".join([kind.removeprefix("imse_").removesuffix("_t"), *map(str, values)])
        text = f"static const {kind} {name} = {{{', '.join(map(str, values))}}};"
        if text not in self.constants:
            self.constants.append(text)
        return name

    def _define(self, name: str, size_bytes: int) -> str:
        self.constant_bytes += size_bytes
        self._used[name] = size_bytes
        return name

    def take_used_bytes(self) -> int:
        """Bytes of the constants that were asked for since the last call."""
        total = sum(self._used.values())
        self._used.clear()
        return total

    def layer(
        self,
        name: str,
        comment: Sequence[str],
        body: Sequence[str],
        cost: LayerCost,
        *,
        computes: bool = False,
    ) -> None:
        """Add one layer function and its call.

        Args:
            name: Of the function.
            comment: Origin and shapes.
            body: Lines of C.
            cost: What it has to do, for reports.
            computes: Whether it has loops of its own that are to be fast.
        """
        text = "\n".join(f"/* {line} */" if line else "" for line in comment)
        lines = "\n".join(f"  {line}" if line else "" for line in body)
        kind = "IMSE_LOOP_LAYER" if computes else "IMSE_LAYER"
        self.layers.append(f"{text}\n{kind} {name}(void) {{\n{lines}\n}}")
        self.calls.append(f"{name}();")
        self.layer_table.append(
            {"function": name, "origin": comment[0], "shapes": comment[1], **cost.to_json()}
        )

    def kernel(self, name: str) -> str:
        """Note that a kernel is called.

        Returns:
            Its name.
        """
        self.kernels.add(name)
        return name


def wrapped(items: Iterable[str]) -> str:
    """Comma separated items in indented lines."""
    lines: list[str] = []
    line = " "
    for item in items:
        if len(line) + len(item) + 2 > _WIDTH:
            lines.append(line)
            line = " "
        line += f" {item},"
    lines.append(line)
    return "\n".join(lines)


def struct(kind: str, members: Mapping[str, object], name: str = "p") -> list[str]:
    """Lines that define a constant structure with designated initialisers."""
    lines = [f"static const {kind} {name} = {{"]
    line = "   "
    for key, value in members.items():
        item = f" .{key} = {value},"
        if len(line) + len(item) > _WIDTH - 4:
            lines.append(line)
            line = "   "
        line += item
    lines += [line, "};"]
    return lines


def multiplier(value: tuple[int, int]) -> str:
    """Initialiser of an ``imse_multiplier_t``."""
    return f"{{{value[0]}, {value[1]}}}"


def looped(loops: Sequence[Loop], statement: Sequence[str]) -> list[str]:
    """A statement inside loops with variables ``i0``, ``i1`` and so on."""
    lines: list[str] = []
    for depth, loop in enumerate(loops):
        i = f"i{depth}"
        lines.append("  " * depth + f"for (int32_t {i} = 0; {i} < {loop.extent}; ++{i}) {{")
    lines += ["  " * len(loops) + line for line in statement]
    lines += ["  " * depth + "}" for depth in range(len(loops) - 1, -1, -1)]
    return lines


def advance(loops: Sequence[Loop], operand: int) -> str:
    """Text that adds an operand's position within loops: ``" + i0 * 48"``."""
    terms = [
        f"i{depth}" if loop.steps[operand] == 1 else f"i{depth} * {loop.steps[operand]}"
        for depth, loop in enumerate(loops)
        if loop.steps[operand]
    ]
    return "".join(f" + {term}" for term in terms)
