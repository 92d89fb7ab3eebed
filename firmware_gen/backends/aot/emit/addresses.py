"""Values, addresses and loops: what every layer needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from firmware_gen.backends.aot.layout import Layout, Placement
from firmware_gen.backends.aot.loops import Nest, broadcast, nest
from firmware_gen.backends.aot.memory import MemoryPlan
from firmware_gen.backends.aot.nodes import Value
from firmware_gen.backends.aot.rings import Ring
from firmware_gen.backends.aot.source import Source

SUFFIX = {"int8": "s8", "int16": "s16"}
"""End of a kernel's name by type."""


def head_name(ring: Ring) -> str:
    """C variable with the row of the newest frame of all rings with as many rows."""
    return f"newest_of_{ring.rows}"


class Addresses:
    """C expressions for the values of one program.

    Args:
        layout: Placements of all values.
        plan: Offsets of the running sums.
        source: Receives constants and functions.

    Attributes:
        index: Position of the node that is being written.
        scratch_bytes: Memory that the kernels of a layer need, by position of its node.
    """

    def __init__(self, layout: Layout, plan: MemoryPlan, source: Source) -> None:
        self.layout = layout
        self.program = layout.program
        self.plan = plan
        self.source = source
        self.index = 0
        self.scratch_bytes: dict[int, int] = {}

    replacements: ClassVar[Mapping[str, str]] = {}
    """Kernels of a set that take the arguments of a portable kernel, by its name."""

    def status(self) -> str:
        """C expression of what a frame returns: 0 when all went well."""
        return "0"

    def kernel(self, name: str) -> str:
        """Name of a portable kernel or of what the set has in its place; it is linked."""
        return self.source.kernel(self.replacements.get(name, name))

    def value(self, index: int) -> Value:
        """The value of an index."""
        return self.program.values[index]

    def place(self, index: int) -> Placement:
        """The placement of an index."""
        return self.layout.placements[index]

    def address(self, placement: Placement, dtype: str) -> str:
        """C expression of a placement's first element."""
        buffer = placement.buffer
        size = 2 if dtype == "int16" else 1
        if buffer.kind == "constant":
            value = self.value(buffer.value)
            data = value.data
            assert data is not None  # noqa: S101 - constants have data
            name = self.source.constant(f"constant_{value.index:03d}", data)
            return f"{name} + {placement.offset}" if placement.offset else name
        if buffer.kind in ("features", "mask", "phase"):
            base = f"imse_{buffer.kind}"
            text = f"{base} + {placement.offset * size}" if placement.offset else base
        elif buffer.ring is not None and placement.in_newest_row:
            row = buffer.size_bytes // buffer.ring.rows
            text = (
                f"imse_state + {buffer.offset + placement.offset * size} + "
                f"{head_name(buffer.ring)} * {row}"
            )
        else:
            region = "imse_arena" if buffer.kind == "arena" else "imse_state"
            text = f"{region} + {buffer.offset + placement.offset * size}"
        return text if dtype == "int8" else f"IMSE_S16({text})"

    def at(self, index: int) -> str:
        """C expression of a value's first element."""
        return self.address(self.place(index), self.value(index).dtype)

    def newest(self, ring: Ring) -> Placement:
        """Placement of the newest frame of a ring."""
        whole = self.place(ring.extended)
        return Placement(whole.buffer, whole.offset, whole.strides, in_newest_row=True)

    def nest(self, output: int, inputs: Sequence[int], dense: Sequence[bool]) -> Nest:
        """Loops over an output and broadcast inputs; operand 0 is the output."""
        shape = self.value(output).shape
        strides = [self.place(output).strides]
        strides += [broadcast(self.value(i).shape, self.place(i).strides, shape) for i in inputs]
        return nest(shape, tuple(strides), (True, *dense))

    def copy_rows(
        self, to: str, to_pitch: int, origin: str, pitch: int, run: int, rows: int
    ) -> str:
        """Call that copies ``rows`` runs of ``run`` bytes; pitches in bytes."""
        shape = self.source.structure("imse_copy_t", (to_pitch, pitch, run, rows))
        return f"{self.kernel('imse_copy_rows')}(&{shape}, {to}, {origin});"

    def scratch(self, words: int) -> str:
        """C expression of scratch memory in the arena; all of one layer's is the same."""
        self.scratch_bytes[self.index] = max(self.scratch_bytes.get(self.index, 0), 4 * words)
        return f"IMSE_S32(imse_arena + {self.scratch_offset})"

    @property
    def scratch_offset(self) -> int:
        """Where the scratch memory of the layer that is being written lies in the arena."""
        place = self.plan.scratch.get(self.index)
        return place.offset if place else 0
