"""Nodes to C with the portable kernels: one function per node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from firmware_gen.backends.aot.cost import layer_cost
from firmware_gen.backends.aot.emit.convolutions import ConvolutionLayers
from firmware_gen.backends.aot.emit.elementwise import ElementwiseLayers
from firmware_gen.backends.aot.emit.moves import MoveLayers
from firmware_gen.backends.aot.emit.sums import SumLayers
from firmware_gen.backends.aot.layout import Layout
from firmware_gen.backends.aot.memory import MemoryPlan
from firmware_gen.backends.aot.nodes import (
    Attend,
    AveragePool,
    Binary,
    Chain,
    Concat,
    Convolution,
    MatMul,
    Mean,
    Moments,
    Node,
    Pad,
    Prelu,
    Program,
    ReciprocalRoot,
    Requantize,
    Reshape,
    Rotate,
    RowNorm,
    Slice,
    Table,
    Transpose,
    WideAttend,
    WideLogistic,
    WideRotate,
)
from firmware_gen.backends.aot.source import Source


class Emitter(ConvolutionLayers, ElementwiseLayers, SumLayers, MoveLayers):
    """Writes the layers of one program with the portable kernels.

    Args:
        layout: Placements of all values.
        plan: Offsets of the running sums.
        source: Receives constants and functions.
    """

    def __init__(self, layout: Layout, plan: MemoryPlan, source: Source) -> None:
        super().__init__(layout, plan, source)
        self.handlers: dict[type[Node], Callable[..., list[str]]] = {
            Attend: self.attend,
            AveragePool: self.average_pool,
            Binary: self.binary,
            Chain: self.chain,
            Concat: self.concat,
            Convolution: self.convolution,
            MatMul: self.matmul,
            Mean: self.mean,
            Moments: self.moments,
            Pad: self.pad,
            Prelu: self.prelu,
            ReciprocalRoot: self.reciprocal_root,
            Requantize: self.requantize,
            Reshape: self.reshape,
            Rotate: self.rotate,
            RowNorm: self.row_norm,
            Slice: self.slice,
            Table: self.table,
            Transpose: self.transpose,
            WideAttend: self.wide_attend,
            WideLogistic: self.wide_logistic,
            WideRotate: self.wide_rotate,
        }

    @staticmethod
    def looks_up(program: Program, node: Convolution) -> bool:
        """Whether the kernel of a convolution can look up its results in tables."""
        del program, node
        return False

    @staticmethod
    def multiplies(program: Program, node: Binary) -> bool:
        """Whether the kernel of a product can look up its first operand in a table."""
        del program, node
        return False

    @staticmethod
    def looks_up_means(program: Program, node: Mean) -> bool:
        """Whether the kernel of a mean of int16 values can look up what it adds up."""
        del program, node
        return False

    @staticmethod
    def chains(program: Program, node: Node) -> bool:
        """Whether an element-wise operator can be a step of a chain."""
        del program, node
        return False

    @staticmethod
    def attends(program: Program, node: Attend) -> bool:
        """Whether there is a kernel of linear attention."""
        del program, node
        return False

    @staticmethod
    def attends_wide(program: Program, node: WideAttend) -> bool:
        """Whether there is a kernel of linear attention on int16 values."""
        del program, node
        return False

    @staticmethod
    def rotates(program: Program, node: Rotate) -> bool:
        """Whether there is a kernel of a rotation."""
        del program, node
        return False

    @staticmethod
    def rotates_wide(program: Program, node: WideRotate) -> bool:
        """Whether there is a kernel of a rotation of int16 values."""
        del program, node
        return False

    @staticmethod
    def norms(program: Program, node: RowNorm) -> bool:
        """Whether there is a kernel of a norm."""
        del program, node
        return False

    @staticmethod
    def takes_moments(program: Program, node: Moments) -> bool:
        """Whether there is a kernel of mean and variance."""
        del program, node
        return False

    def moments(self, node: Moments) -> list[str]:
        """Mean and variance; only of kernel sets that accept them."""
        raise NotImplementedError(node.label)

    def chain(self, node: Chain) -> list[str]:
        """A chain; only of kernel sets that accept steps of chains."""
        raise NotImplementedError(node.label)

    def attend(self, node: Attend) -> list[str]:
        """Linear attention; only of kernel sets that accept it."""
        raise NotImplementedError(node.label)

    def rotate(self, node: Rotate) -> list[str]:
        """A rotation; only of kernel sets that accept it."""
        raise NotImplementedError(node.label)

    def wide_attend(self, node: WideAttend) -> list[str]:
        """Linear attention on int16 values; only of kernel sets that accept it."""
        raise NotImplementedError(node.label)

    def wide_rotate(self, node: WideRotate) -> list[str]:
        """A rotation of int16 values; only of kernel sets that accept it."""
        raise NotImplementedError(node.label)

    def row_norm(self, node: RowNorm) -> list[str]:
        """A norm; only of kernel sets that accept it."""
        raise NotImplementedError(node.label)

    def run(self) -> None:
        """Write all layers."""
        for position, node in enumerate(self.program.nodes):
            self.index = position
            body = self.handlers[type(node)](node)
            cost = layer_cost(self.program, node, self.source.take_used_bytes())
            if body:
                self.source.layer(
                    self._name(node),
                    self._comment(node),
                    body,
                    cost,
                    computes=isinstance(node, Chain),
                )

    # Names and addresses

    def _name(self, node: Node) -> str:
        kind = type(node).__name__.lower()
        if isinstance(node, Convolution):
            kind = "depthwise" if node.depthwise else "conv"
            kind = "window" if node.outputs[0] in self.windows else kind
        if isinstance(node, Binary):
            kind = node.kind
        return f"layer_{self.index:03d}_{kind}"

    def _comment(self, node: Node) -> list[str]:
        def shapes(indices: Sequence[int]) -> str:
            return " ".join(
                f"{'x'.join(map(str, self.value(i).shape)) or 'scalar'}" for i in indices
            )

        label = node.label.replace("*/", "").replace("/*", "")
        return [f"{label}", f"{shapes(node.inputs)} -> {shapes(node.outputs)}"]
