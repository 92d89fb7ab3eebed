"""Layers of matrix products, means and pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firmware_gen.backends.aot.emit.addresses import SUFFIX, Addresses
from firmware_gen.backends.aot.loops import Loop, broadcast, collapse
from firmware_gen.backends.aot.nodes import AveragePool, MatMul, Mean
from firmware_gen.backends.aot.source import advance, looped, multiplier, struct
from firmware_gen.backends.errors import UnsupportedOpError


class SumLayers(Addresses):
    """Matrix products, means and pooling with the portable kernels."""

    def matmul(self, node: MatMul) -> list[str]:
        """A batched matrix product."""
        a, b = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        loops, strides = self.matmul_strides(node)
        members = {
            "out": multiplier(node.out),
            "a_offset": -a.zero_point,
            "b_offset": -b.zero_point,
            "output_offset": y.zero_point,
            "rows": y.shape[-2],
            "depth": a.shape[-2 if node.transpose_a else -1],
            "cols": y.shape[-1],
            **strides,
        }
        kernel = self.kernel(f"imse_matmul_{SUFFIX[y.dtype]}")
        return self.matmul_call(kernel, "imse_matmul_t", members, node, loops)

    def matmul_call(
        self,
        kernel: str,
        kind: str,
        members: Mapping[str, object],
        node: MatMul,
        loops: Sequence[Loop],
        *,
        swapped: bool = False,
    ) -> list[str]:
        """Call of a kernel of matrix products.

        Args:
            kernel: Its name.
            kind: Type of its parameters.
            members: Their members.
            node: The product.
            loops: Around the call; operands are output, first and second input.
            swapped: Whether the kernel takes the second input first.

        Returns:
            Lines of C.
        """
        inputs = [f"{self.at(v)}{advance(loops, i + 1)}" for i, v in enumerate(node.inputs)]
        out = f"{self.at(node.outputs[0])}{advance(loops, 0)}"
        operands = ", ".join([*(reversed(inputs) if swapped else inputs), out])
        call = f"{self.source.kernel(kernel)}(&p, {operands});"
        return struct(kind, members) + looped(loops, [call])

    def matmul_strides(self, node: MatMul) -> tuple[tuple[Loop, ...], dict[str, int]]:
        """Loops over the matrices of a product, and the strides within one."""
        a, b = (self.value(index) for index in node.inputs)
        y = self.value(node.outputs[0])
        a_strides, b_strides = self.place(a.index).strides, self.place(b.index).strides
        y_strides = self.place(y.index).strides
        batch = y.shape[:-2]
        loops = collapse(
            batch,
            (
                y_strides[:-2],
                broadcast(a.shape[:-2], a_strides[:-2], batch),
                broadcast(b.shape[:-2], b_strides[:-2], batch),
            ),
        )
        a_row, a_col = a_strides[-2:] if not node.transpose_a else a_strides[:-3:-1]
        b_row, b_col = b_strides[-2:] if not node.transpose_b else b_strides[:-3:-1]
        strides = {
            "a_row": a_row,
            "a_col": a_col,
            "b_row": b_row,
            "b_col": b_col,
            "out_row": y_strides[-2],
        }
        return loops, strides

    def mean(self, node: Mean) -> list[str]:
        """A mean over axes that form rows, or blocks of rows."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        strides = self.place(x.index).strides
        kept = [axis for axis in range(len(x.shape)) if axis not in node.axes]
        reduced = collapse(
            tuple(x.shape[axis] for axis in node.axes),
            (tuple(strides[axis] for axis in node.axes),),
        )
        if len(reduced) > 2:
            raise UnsupportedOpError(
                f"aot runtime: {node.label} reduces axes {list(node.axes)} of {list(x.shape)} "
                "that lie in more than two pieces"
            )
        rows = reduced[-1] if reduced else Loop(1, (1,))
        blocks = reduced[0] if len(reduced) > 1 else Loop(1, (0,))
        target = self._kept_strides(node, kept)
        loops = collapse(
            tuple(x.shape[axis] for axis in kept),
            (target, tuple(strides[axis] for axis in kept)),
        )
        inner = loops[-1] if loops and loops[-1].steps[0] == 1 else Loop(1, (1, 1))
        outer = loops[:-1] if loops and loops[-1].steps[0] == 1 else loops
        kernel, lines = self.mean_kernel(
            node,
            {
                "blocks": blocks.extent,
                "block_pitch": blocks.steps[0],
                "rows": rows.extent,
                "row_pitch": rows.steps[0],
                "columns": inner.extent,
                "column_pitch": inner.steps[1],
            },
        )
        call = (
            f"{self.kernel(kernel)}(&p, "
            f"{self.at(x.index)}{advance(outer, 1)}, "
            f"{self.at(y.index)}{advance(outer, 0)});"
        )
        return lines + looped(outer, [call])

    def mean_kernel(self, node: Mean, shape: Mapping[str, int]) -> tuple[str, list[str]]:
        """Kernel of a mean and the lines that define its parameters ``p``."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        members = {
            "out": multiplier(node.out),
            "input_offset": -x.zero_point * shape["rows"] * shape["blocks"],
            "output_offset": y.zero_point,
            **shape,
        }
        return f"imse_mean_{SUFFIX[y.dtype]}", struct("imse_mean_t", members)

    def _kept_strides(self, node: Mean, kept: Sequence[int]) -> tuple[int, ...]:
        """Output strides per axis of the input that is not reduced."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        strides = self.place(y.index).strides
        if len(y.shape) == len(x.shape):
            return tuple(strides[axis] for axis in kept)
        return strides

    def average_pool(self, node: AveragePool) -> list[str]:
        """Average pooling, per image."""
        x, y = self.value(node.inputs[0]), self.value(node.outputs[0])
        x_strides, y_strides = self.place(x.index).strides, self.place(y.index).strides
        lines = struct(
            "imse_average_pool_t",
            {
                "in_height": x.shape[1],
                "in_width": x.shape[2],
                "in_row": x_strides[1],
                "in_pixel": x_strides[2],
                "out_height": y.shape[1],
                "out_width": y.shape[2],
                "out_row": y_strides[1],
                "out_pixel": y_strides[2],
                "channels": y.shape[3],
                "filter_height": node.window[0],
                "filter_width": node.window[1],
                "stride_height": node.strides[0],
                "stride_width": node.strides[1],
                "pad_top": node.pads[0],
                "pad_left": node.pads[1],
                "low": node.low,
                "high": node.high,
            },
        )
        loops = collapse(x.shape[:1], (y_strides[:1], x_strides[:1]))
        call = (
            f"{self.kernel(self.average_pool_kernel(node))}(&p, "
            f"{self.at(x.index)}{advance(loops, 1)}, {self.at(y.index)}{advance(loops, 0)});"
        )
        return lines + looped(loops, [call])

    def average_pool_kernel(self, node: AveragePool) -> str:
        """Name of the kernel of an average pooling."""
        del node
        return "imse_average_pool_s8"
