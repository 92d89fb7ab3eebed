"""Order of execution: what is needed late is computed late, where that keeps fewer bytes alive."""

from __future__ import annotations

from firmware_gen.backends.aot.nodes import (
    Attend,
    AveragePool,
    Binary,
    Chain,
    Convolution,
    MatMul,
    Mean,
    Node,
    Prelu,
    Program,
    Reshape,
    Rotate,
    RowNorm,
    Slice,
    Table,
    WideAttend,
    WideRotate,
)

_MOVABLE = (
    Attend,
    AveragePool,
    Binary,
    Chain,
    Convolution,
    MatMul,
    Mean,
    Prelu,
    Rotate,
    RowNorm,
    Table,
    WideAttend,
    WideRotate,
)
_VIEWS = (Reshape, Slice)


def delayed_order(program: Program) -> list[Node]:
    """An order of the nodes in which each stands just before its first reader.

    A node moves only when its inputs live until there anyway, or are smaller than its output.

    Args:
        program: The program; it stays as it is.

    Returns:
        The nodes in an order that computes the same.
    """
    return _Scheduler(program).run()


class _Scheduler:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.order = list(program.nodes)
        self.readers: dict[int, list[Node]] = {}
        self.root: dict[int, int] = {}
        for node in program.nodes:
            for index in set(node.inputs):
                self.readers.setdefault(index, []).append(node)
            if isinstance(node, _VIEWS):
                self.root[node.outputs[0]] = self.root.get(node.inputs[0], node.inputs[0])
        self.family: dict[int, list[int]] = {}
        for view, root in self.root.items():
            self.family.setdefault(root, [root]).append(view)
        self._number()

    def run(self) -> list[Node]:
        kept = {state.after for state in self.program.states}
        kept |= {self.program.mask, self.program.phase}
        for node in reversed(self.program.nodes):
            if isinstance(node, _MOVABLE) and not kept.intersection(node.outputs):
                self._delay(node)
        return self.order

    def _number(self) -> None:
        self.position = {node: number for number, node in enumerate(self.order)}

    def _delay(self, node: Node) -> None:
        place = self.position[node]
        readers = self.readers.get(node.outputs[0], [])
        first = min((self.position[reader] for reader in readers), default=place)
        if first <= place + 1:
            return
        if self._longer_alive(node, first - 1) < self._size(node.outputs[0]):
            self.order.insert(first, node)
            del self.order[place]
            self._number()

    def _longer_alive(self, node: Node, until: int) -> int:
        """Bytes of the inputs that only live until ``until`` because of the node."""
        return sum(
            self._size(index)
            for index in set(node.inputs)
            if self.program.values[index].data is None and self._last_use(index, node) < until
        )

    def _last_use(self, value: int, besides: Node) -> int:
        """Last position that needs a value's memory, views and what it is a view of included."""
        root = self.root.get(value, value)
        return max(
            (
                self.position[reader]
                for index in self.family.get(root, [root])
                for reader in self.readers.get(index, [])
                if reader is not besides and not isinstance(reader, _VIEWS)
            ),
            default=-1,
        )

    def _size(self, value: int) -> int:
        found = self.program.values[value]
        return found.elements * found.itemsize
