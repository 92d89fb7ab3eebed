"""Multiply-accumulates and bytes of a graph, and how much of it runs in int16."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from quantize.inspect import Graph, Op


def op_macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one operator; zero for operators without products of sums."""
    tensors = graph.tensors
    output = tensors[op.outputs[0]]
    if op.kind == "CONV_2D":
        _, height, width, channels = tensors[op.inputs[1]].shape
        return output.elements * height * width * channels
    if op.kind == "DEPTHWISE_CONV_2D":
        _, height, width, _ = tensors[op.inputs[1]].shape
        return output.elements * height * width
    if op.kind == "FULLY_CONNECTED":
        return output.elements * tensors[op.inputs[1]].shape[1]
    if op.kind == "BATCH_MATMUL":
        shape = tensors[op.inputs[0]].shape
        return output.elements * (shape[-2] if op.options["adj_x"] else shape[-1])
    return 0


@dataclass(frozen=True)
class GraphCosts:
    """Costs of one invocation.

    Attributes:
        macs: Multiply-accumulates.
        int16_macs: Those with int16 activations.
        weight_bytes: Bytes of constants.
        activation_bytes: Bytes of all computed tensors, states and inputs included.
        int16_activation_bytes: Those of int16 tensors.
        state_bytes: Bytes of the tensors that are graph inputs.
    """

    macs: int
    int16_macs: int
    weight_bytes: int
    activation_bytes: int
    int16_activation_bytes: int
    state_bytes: int

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


def graph_costs(graph: Graph) -> GraphCosts:
    """Add up the costs of a graph."""
    computed = [tensor for tensor in graph.tensors if not tensor.is_constant]
    macs = {op.index: op_macs(graph, op) for op in graph.ops}
    wide = [op for op in graph.ops if graph.tensors[op.outputs[0]].dtype == "int16"]
    return GraphCosts(
        macs=sum(macs.values()),
        int16_macs=sum(macs[op.index] for op in wide),
        weight_bytes=sum(t.nbytes for t in graph.tensors if t.is_constant),
        activation_bytes=sum(t.nbytes for t in computed),
        int16_activation_bytes=sum(t.nbytes for t in computed if t.dtype == "int16"),
        state_bytes=sum(graph.tensors[index].nbytes for index in graph.inputs),
    )
