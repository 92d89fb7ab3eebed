"""What a layer has to do at the least: multiply-accumulates and bytes read and written."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from firmware_gen.backends.aot.nodes import Attend, Convolution, MatMul, Node, Program, WideAttend


@dataclass(frozen=True)
class LayerCost:
    """Work of one layer, independent of kernels and processor.

    Attributes:
        macs: Multiply-accumulates as the .tflite states them; a running sum needs fewer.
        read_bytes: Elements of its computed inputs, each once.
        written_bytes: Elements of its outputs.
        constant_bytes: Weights and tables that it reads.
    """

    macs: int
    read_bytes: int
    written_bytes: int
    constant_bytes: int

    def to_json(self) -> dict[str, int]:
        """JSON-ready data."""
        return asdict(self)


def layer_cost(program: Program, node: Node, constant_bytes: int) -> LayerCost:
    """Work of a node.

    Args:
        program: The program.
        node: One of its nodes.
        constant_bytes: Constants that the layer's code refers to.

    Returns:
        The cost.
    """
    values = program.values
    computed = {index for index in node.inputs if values[index].data is None}
    return LayerCost(
        macs=_macs(program, node),
        read_bytes=sum(values[i].elements * values[i].itemsize for i in computed),
        written_bytes=sum(values[i].elements * values[i].itemsize for i in node.outputs),
        constant_bytes=constant_bytes,
    )


def _macs(program: Program, node: Node) -> int:
    outputs = program.values[node.outputs[0]].elements
    if isinstance(node, Convolution):
        rows, columns = node.kernel
        return outputs * rows * columns * (1 if node.depthwise else node.weights.shape[-1])
    if isinstance(node, MatMul):
        a = program.values[node.inputs[0]].shape
        return outputs * (a[-2] if node.transpose_a else a[-1])
    if isinstance(node, Attend):
        depth = program.values[node.inputs[1]].shape[-2]
        return outputs * depth + program.values[node.inputs[2]].elements
    if isinstance(node, WideAttend):
        return _macs(program, node.numerator) + _macs(program, node.normaliser)
    return 0
