"""Layers that Arm's CMSIS-NN computes; what it has no function for is left to our kernels.

Arm's functions take dense tensors: a view, or rows of a ring buffer, is copied to scratch first.
"""

from __future__ import annotations

from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit import (
    cmsis_nn_convolutions,
    cmsis_nn_elementwise,
    cmsis_nn_moves,
    cmsis_nn_sums,
)
from firmware_gen.backends.aot.emit.cmsis_nn_memory import CHECK
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.nodes import (
    AveragePool,
    Binary,
    Concat,
    Convolution,
    MatMul,
    Pad,
    Program,
    Reshape,
    Transpose,
    WideLogistic,
)


def cmsis_nn_emitter(base: type[Emitter], library: CmsisNn) -> type[Emitter]:
    """An emitter that calls CMSIS-NN.

    Args:
        base: Emitter of our kernels for the rest.
        library: Which functions there are.
    """

    class CmsisNnEmitter(base):  # type: ignore[valid-type,misc]
        """Writes the layers with CMSIS-NN where it has a function."""

        def status(self) -> str:
            return "imse_cmsis_nn_status" if CHECK in self.source.kernels else "0"

        @staticmethod
        def looks_up(program: Program, node: Convolution) -> bool:
            computes = cmsis_nn_convolutions.computes(library, program, node)
            return not computes and base.looks_up(program, node)

        def convolution(self, node: Convolution) -> list[str]:
            lines = cmsis_nn_convolutions.convolution(library, self, node)
            return list(super().convolution(node)) if lines is None else lines

        def matmul(self, node: MatMul) -> list[str]:
            lines = cmsis_nn_sums.matmul(library, self, node)
            return list(super().matmul(node)) if lines is None else lines

        def average_pool(self, node: AveragePool) -> list[str]:
            lines = cmsis_nn_sums.average_pool(library, self, node)
            return list(super().average_pool(node)) if lines is None else lines

        def binary(self, node: Binary) -> list[str]:
            lines = cmsis_nn_elementwise.binary(library, self, node)
            return list(super().binary(node)) if lines is None else lines

        def wide_logistic(self, node: WideLogistic) -> list[str]:
            lines = cmsis_nn_elementwise.wide_logistic(library, self, node)
            return list(super().wide_logistic(node)) if lines is None else lines

        def transpose(self, node: Transpose) -> list[str]:
            lines = cmsis_nn_moves.transpose(library, self, node)
            return list(super().transpose(node)) if lines is None else lines

        def pad(self, node: Pad) -> list[str]:
            lines = cmsis_nn_moves.pad(library, self, node)
            return list(super().pad(node)) if lines is None else lines

        def join(self, node: Concat, begin: tuple[int, ...], index: int) -> list[str]:
            lines = cmsis_nn_moves.join(library, self, node, begin, index)
            return list(super().join(node, begin, index)) if lines is None else lines

        def reshape(self, node: Reshape) -> list[str]:
            lines = cmsis_nn_moves.reshape(library, self, node)
            return list(super().reshape(node)) if lines is None else lines

    return CmsisNnEmitter
