"""Which tensors must share one quantization: the ties that same-scale operators and states make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quantize.constraints import COPIES, SAME_SCALE
from quantize.errors import RecipeError
from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.recipe import Selection


def value_sources(
    model: FlatModel, tensor: TensorNode, producers: Mapping[int, OpNode]
) -> list[TensorNode]:
    """The tensors whose values a tensor holds: itself if computed, else where it is copied from.

    A state holds earlier frames of what is written to it.

    Args:
        model: The model.
        tensor: Any computed tensor or graph input.
        producers: What :meth:`FlatModel.producers` returned.

    Returns:
        Tensors that no same-scale operator made, in order of discovery.
    """
    written = {
        id(state): model.outputs[f"next_{name}"]
        for name, state in model.inputs.items()
        if f"next_{name}" in model.outputs
    }
    found: list[TensorNode] = []
    seen: set[int] = set()
    pending = [tensor]
    while pending:
        current = pending.pop(0)
        if id(current) in seen or current.is_constant or current.dtype == "int32":
            continue
        seen.add(id(current))
        producer = producers.get(id(current))
        if id(current) in written:
            pending.append(written[id(current)])
        elif producer is not None and producer.kind in COPIES:
            pending.extend(operand for operand in producer.inputs if operand is not None)
        else:
            found.append(current)
    return found


def _chosen(op: OpNode, cut: Sequence[Selection]) -> bool:
    return any(selection.matches(op.kind, op.outputs[0].name) for selection in cut)


class TensorGroups:
    """Disjoint sets of computed tensors.

    Args:
        model: Float model.
        cut: Same-scale operators whose operands keep scales of their own.

    Raises:
        RecipeError: ``cut`` chooses an operator that does not share scales.
    """

    def __init__(self, model: FlatModel, cut: Sequence[Selection] = ()) -> None:
        self._parent: dict[int, int] = {}
        self._tensors: dict[int, TensorNode] = {}
        for tensor in model.tensors():
            if not tensor.is_constant and tensor.dtype == "float32":
                self._parent[id(tensor)] = id(tensor)
                self._tensors[id(tensor)] = tensor
        for op in model.ops:
            if op.kind in SAME_SCALE:
                self._tie(op, cut)
            elif _chosen(op, cut):
                raise RecipeError(
                    f"requantize chooses {op.name}, which does not share scales with its operands",
                    hint=f"narrow the selection by kinds, such as {', '.join(sorted(COPIES))}",
                )
        for name, state in model.inputs.items():
            if f"next_{name}" in model.outputs:
                self._union(state, model.outputs[f"next_{name}"])

    def _tie(self, op: OpNode, cut: Sequence[Selection]) -> None:
        results = op.outputs
        for result in results[1:]:
            self._union(results[0], result)
        if _chosen(op, cut):
            return
        for operand in op.inputs:
            if operand is not None and id(operand) in self._parent:
                self._union(operand, results[0])

    def _union(self, first: TensorNode, second: TensorNode) -> None:
        a, b = self.find(first), self.find(second)
        if a != b:
            self._parent[b] = a

    def find(self, tensor: TensorNode) -> int:
        """Identifier of the tensor's group."""
        root = id(tensor)
        while self._parent[root] != root:
            root = self._parent[root]
        self._parent[id(tensor)] = root
        return root

    def __contains__(self, tensor: object) -> bool:
        return id(tensor) in self._parent

    def members(self) -> dict[int, list[TensorNode]]:
        """Tensors of every group, by group identifier, in order of first use."""
        groups: dict[int, list[TensorNode]] = {}
        for tensor in self._tensors.values():
            groups.setdefault(self.find(tensor), []).append(tensor)
        return groups
