"""From the graph of a .tflite to nodes: checks, rounding parameters, tables.

An operator, type or option without a kernel is one error that names operator and tensor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_gen.backends.aot import multipliers, tables
from firmware_gen.backends.aot.nodes import (
    AveragePool,
    Binary,
    Concat,
    Convolution,
    MatMul,
    Mean,
    Pad,
    Prelu,
    Program,
    ReciprocalRoot,
    Requantize,
    Reshape,
    Slice,
    State,
    Table,
    Transpose,
    Value,
    WideLogistic,
)
from firmware_gen.backends.errors import UnsupportedOpError
from quantize.artifact import ModelMetadata
from quantize.inspect import Graph, Op

_ACTIVATION_TYPES = ("int8", "int16")
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def lower(graph: Graph, metadata: ModelMetadata) -> Program:
    """Lower a quantized graph.

    Args:
        graph: Subgraph 0 of the model.
        metadata: Which tensors are features, mask, phase and states.

    Returns:
        The program.

    Raises:
        UnsupportedOpError: Names the first operator that has no kernel, and why.
    """
    return _Lowering(graph).run(metadata)


class _Lowering:
    """One run over a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.program = Program()

    def run(self, metadata: ModelMetadata) -> Program:
        for tensor in self.graph.tensors:
            scale = tensor.scales[0] if tensor.scales else 1.0
            point = tensor.zero_points[0] if tensor.zero_points else 0
            self.program.values.append(
                Value(
                    tensor.index, tensor.name, tensor.shape, tensor.dtype, scale, point, tensor.data
                )
            )
        for op in self.graph.ops:
            handler = _HANDLERS.get(op.kind)
            if handler is None:
                raise self._error(op, "has no kernel", hint=f"kernels: {', '.join(_HANDLERS)}")
            self._check_types(op)
            handler(self, op)
        self.program.features = metadata.inputs["features"]
        self.program.mask = self._given(metadata.outputs["mask"])
        self.program.phase = self._given(metadata.outputs["phase"])
        self.program.states = tuple(
            State(state.name, state.input, self._given(state.output), state.initial)
            for state in metadata.states
        )
        return self.program

    def _given(self, index: int) -> int:
        """An output as what a node gives, also where the graph hands an input through."""
        if any(index in node.outputs for node in self.program.nodes):
            return index
        value = self.value(index)
        copy = self.program.add_value(value, f"{value.name} handed through", value.shape)
        label = f"output '{value.name}'"
        self.program.nodes.append(Reshape(label=label, inputs=(index,), outputs=(copy,)))
        return copy

    def value(self, index: int) -> Value:
        return self.program.values[index]

    def label(self, op: Op) -> str:
        return f"{op.kind} '{self.graph.tensors[op.outputs[0]].name}'"

    def _error(self, op: Op, problem: str, hint: str = "") -> UnsupportedOpError:
        return UnsupportedOpError(
            f"aot runtime: operator {self.graph.op_name(op)} {problem}", hint=hint
        )

    def _check_types(self, op: Op) -> None:
        for index in (*op.inputs, *op.outputs):
            if index < 0:
                continue
            tensor = self.graph.tensors[index]
            constant_integer = tensor.is_constant and tensor.dtype in ("int32", "int64")
            if tensor.dtype not in _ACTIVATION_TYPES and not constant_integer:
                raise self._error(
                    op, f"has tensor '{tensor.name}' of type {tensor.dtype}, expected int8 or int16"
                )
            if constant_integer:
                continue
            if not tensor.scales:
                raise self._error(op, f"has tensor '{tensor.name}' without quantization")
            per_channel = op.kind in _WEIGHTED and index == op.inputs[1]
            if len(tensor.scales) > 1 and not per_channel:
                raise self._error(
                    op, f"has tensor '{tensor.name}' with {len(tensor.scales)} scales, expected 1"
                )

    def _require(self, op: Op, dtypes: str, *indices: int) -> None:
        for index in indices:
            dtype = self.graph.tensors[index].dtype
            if dtype not in dtypes.split():
                raise self._error(
                    op,
                    f"has tensor '{self.graph.tensors[index].name}' of type {dtype}, "
                    f"expected {' or '.join(dtypes.split())}",
                )

    def _require_range(self, op: Op, index: int) -> tuple[int, int]:
        activation = str(op.options.get("activation", "NONE"))
        limits = multipliers.activation_range(activation, self.value(index))
        if limits is None:
            raise self._error(op, f"has a fused activation {activation}, expected NONE or a RELU")
        return limits

    # Convolutions

    def _bias(self, op: Op, channels: int) -> tuple[int, ...]:
        if len(op.inputs) < 3 or op.inputs[2] < 0:
            return (0,) * channels
        tensor = self.graph.tensors[op.inputs[2]]
        if tensor.data is None:
            raise self._error(op, "has a bias that is not constant")
        # The interpreter sums in the type of the bias and rounds 64-bit sums in another way.
        wanted = "int64" if self.value(op.inputs[0]).dtype == "int16" else "int32"
        if tensor.dtype != wanted:
            raise self._error(
                op, f"has a bias '{tensor.name}' of type {tensor.dtype}, expected {wanted}"
            )
        if tensor.elements != channels:
            raise self._error(
                op,
                f"has a bias '{tensor.name}' of {tensor.elements} values, expected {channels}",
            )
        return tuple(int(value) for value in tensor.data.ravel())

    def _weights(self, op: Op) -> np.ndarray:
        tensor = self.graph.tensors[op.inputs[1]]
        if tensor.data is None or tensor.dtype != "int8":
            raise self._error(op, f"has weights '{tensor.name}', expected constant int8")
        if any(tensor.zero_points):
            raise self._error(op, f"has weights '{tensor.name}' with a zero point, expected 0")
        return tensor.data

    def _channel_multipliers(self, op: Op, channels: int) -> tuple[tuple[int, int], ...]:
        tensor = self.graph.tensors[op.inputs[1]]
        if len(tensor.scales) not in (1, channels):
            raise self._error(
                op,
                f"has weights '{tensor.name}' with {len(tensor.scales)} scales, "
                f"expected 1 or {channels}",
            )
        scales = tensor.scales * channels if len(tensor.scales) == 1 else tensor.scales
        x, y = self.value(op.inputs[0]), self.value(op.outputs[0])
        return tuple(multipliers.convolution(x, scale, y) for scale in scales)

    def convolution(self, op: Op) -> None:
        x, y = self.value(op.inputs[0]), self.value(op.outputs[0])
        self._require(op, "int8 int16", x.index)
        self._require(op, x.dtype, y.index)
        if x.dtype == "int16" and (x.zero_point or y.zero_point):
            raise self._error(op, "has an int16 tensor with a zero point, expected 0")
        depthwise = op.kind == "DEPTHWISE_CONV_2D"
        weights = self._weights(op)
        weights = weights[0] if depthwise else weights
        channels = int(weights.shape[-1] if depthwise else weights.shape[0])
        low, high = self._require_range(op, op.outputs[0])
        options = op.options
        self.program.nodes.append(
            Convolution(
                label=self.label(op),
                inputs=(self._padded(op, options["pads"]),),
                outputs=op.outputs,
                weights=weights,
                bias=self._bias(op, channels),
                multipliers=self._channel_multipliers(op, channels),
                strides=(options["strides"][0], options["strides"][1]),
                dilations=(options["dilations"][0], options["dilations"][1]),
                low=low,
                high=high,
                depthwise=depthwise,
            )
        )

    def _padded(self, op: Op, pads: list[int]) -> int:
        """Index of the operator's input with its border of zero points."""
        x = self.value(op.inputs[0])
        top, bottom, left, right = pads
        if not any(pads):
            return x.index
        n, h, w, c = x.shape
        padded = self.program.add_value(
            x, f"{x.name} padded", (n, h + top + bottom, w + left + right, c)
        )
        self.program.nodes.append(
            Pad(
                label=f"border of {self.label(op)}",
                inputs=(x.index,),
                outputs=(padded,),
                before=(0, top, left, 0),
                value=x.zero_point,
            )
        )
        return padded

    def fully_connected(self, op: Op) -> None:
        self._require(op, "int8", op.inputs[0], op.outputs[0])
        weights = self._weights(op)
        channels, depth = (int(size) for size in weights.shape)
        x, y = self.value(op.inputs[0]), self.value(op.outputs[0])
        low, high = self._require_range(op, op.outputs[0])
        if len(self.graph.tensors[op.inputs[1]].scales) == 1:
            weight = Value(-1, "", (), "int8", self.graph.tensors[op.inputs[1]].scales[0], 0)
            factors = (multipliers.matmul(x, weight, y),) * channels
        else:
            factors = self._channel_multipliers(op, channels)
        rows = x.elements // depth
        flat_x = self.program.add_value(x, f"{x.name} rows", (1, 1, rows, depth))
        flat_y = self.program.add_value(y, f"{y.name} rows", (1, 1, rows, channels))
        label = self.label(op)
        self.program.nodes += [
            Reshape(label=f"rows of {label}", inputs=(x.index,), outputs=(flat_x,)),
            Convolution(
                label=label,
                inputs=(flat_x,),
                outputs=(flat_y,),
                weights=weights.reshape(channels, 1, 1, depth),
                bias=self._bias(op, channels),
                multipliers=factors,
                strides=(1, 1),
                dilations=(1, 1),
                low=low,
                high=high,
                depthwise=False,
            ),
            Reshape(label=f"shape of {label}", inputs=(flat_y,), outputs=(y.index,)),
        ]

    # Element-wise operators

    def binary(self, op: Op) -> None:
        kind = op.kind.lower()
        a, b = (self.value(index) for index in op.inputs)
        y = self.value(op.outputs[0])
        self._require(op, "int8" if kind == "div" else "int8 int16", *op.inputs)
        self._require(op, a.dtype, b.index, y.index)
        if a.dtype == "int16" and (a.zero_point or b.zero_point or y.zero_point):
            raise self._error(op, "has an int16 tensor with a zero point, expected 0")
        low, high = self._require_range(op, y.index)
        first = second = (0, 0)
        if kind in ("add", "sub"):
            first, second, out = multipliers.add(a, b, y)
        elif kind == "mul":
            out = multipliers.product(a, b, y)
        elif kind == "squared_difference":
            first, second, out = multipliers.squared_difference(a, b, y)
        else:
            out = multipliers.quotient(a, b, y)
        self.program.nodes.append(
            Binary(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                kind=kind,
                a=first,
                b=second,
                out=out,
                low=low,
                high=high,
            )
        )

    def extremum(self, op: Op) -> None:
        """The smaller or the larger one of two values of one quantization."""
        y = op.outputs[0]
        for index in op.inputs:
            x = self.value(index)
            # Zero is the same number in every scale.
            zero = x.data is not None and not np.any(x.data) and not x.zero_point
            if not zero or self.value(y).zero_point:
                self._same_quantization(op, index, y)
        low, high = multipliers.RANGES[self.value(y).dtype]
        self.program.nodes.append(
            Binary(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                kind=op.kind.lower(),
                out=(0, 0),
                low=low,
                high=high,
            )
        )

    def unary(self, op: Op) -> None:
        x, y = self.value(op.inputs[0]), self.value(op.outputs[0])
        if x.dtype == "int16":
            self._unary_int16(op, x, y)
            return
        self._require(op, "int8 int16" if op.kind == "QUANTIZE" else "int8", y.index)
        self.program.nodes.append(
            Table(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                table=tables.TABLES[op.kind](x, y),
            )
        )

    def _unary_int16(self, op: Op, x: Value, y: Value) -> None:
        label, inputs, outputs = self.label(op), op.inputs, op.outputs
        if op.kind == "QUANTIZE":
            ratio = multipliers.ratio(x, y)
            self.program.nodes.append(
                Requantize(label=label, inputs=inputs, outputs=outputs, out=ratio)
            )
            return
        if op.kind not in ("LOGISTIC", "RSQRT"):
            raise self._error(op, f"has int16 input '{x.name}', expected int8")
        self._require(op, "int16", y.index)
        if x.zero_point or y.zero_point:
            raise self._error(op, "has an int16 tensor with a zero point, expected 0")
        if op.kind == "LOGISTIC":
            if multipliers.power_of_two(y.scale) != -15:
                raise self._error(op, f"has an output of scale {y.scale:g}, expected 2^-15")
            factor, shift = multipliers.wide_logistic(x)
            self.program.nodes.append(
                WideLogistic(
                    label=label, inputs=inputs, outputs=outputs, factor=factor, shift=shift
                )
            )
            return
        root = multipliers.reciprocal_root(x, y)
        self.program.nodes.append(
            ReciprocalRoot(label=label, inputs=inputs, outputs=outputs, out=root)
        )

    def prelu(self, op: Op) -> None:
        self._require(op, "int8", *op.inputs, *op.outputs)
        x, alpha = (self.value(index) for index in op.inputs)
        y = self.value(op.outputs[0])
        self.program.nodes.append(
            Prelu(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                positive=multipliers.ratio(x, y),
                negative=multipliers.slope(x, alpha, y),
            )
        )

    # Sums of products and reductions

    def matmul(self, op: Op) -> None:
        a, b = (self.value(index) for index in op.inputs)
        y = self.value(op.outputs[0])
        self._require(op, "int8 int16", a.index)
        self._require(op, a.dtype, b.index, y.index)
        if a.dtype == "int16" and (a.zero_point or b.zero_point or y.zero_point):
            raise self._error(op, "has an int16 tensor with a zero point, expected 0")
        self.program.nodes.append(
            MatMul(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                transpose_a=op.options["adj_x"],
                transpose_b=op.options["adj_y"],
                out=multipliers.matmul(a, b, y),
            )
        )

    def mean(self, op: Op) -> None:
        self._require(op, "int8 int16", op.inputs[0])
        self._require(op, self.value(op.inputs[0]).dtype, op.outputs[0])
        x, y = self.value(op.inputs[0]), self.value(op.outputs[0])
        axes = tuple(op.options["axes"])
        count = int(np.prod([x.shape[axis] for axis in axes], dtype=np.int64))
        self.program.nodes.append(
            Mean(
                label=self.label(op),
                inputs=op.inputs[:1],
                outputs=op.outputs,
                axes=axes,
                out=multipliers.mean(x, y, count),
            )
        )

    def average_pool(self, op: Op) -> None:
        self._require(op, "int8", *op.inputs, *op.outputs)
        low, high = self._require_range(op, op.outputs[0])
        options = op.options
        self.program.nodes.append(
            AveragePool(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                window=(options["filter"][0], options["filter"][1]),
                strides=(options["strides"][0], options["strides"][1]),
                pads=(options["pads"][0], options["pads"][2]),
                low=low,
                high=high,
            )
        )

    # Data movement

    def reshape(self, op: Op) -> None:
        self._same_quantization(op, op.inputs[0], op.outputs[0])
        self.program.nodes.append(
            Reshape(label=self.label(op), inputs=op.inputs[:1], outputs=op.outputs)
        )

    def depth_to_space(self, op: Op) -> None:
        """A transposition between two reshapes."""
        self._same_quantization(op, op.inputs[0], op.outputs[0])
        x, block = self.value(op.inputs[0]), int(op.options["block_size"])
        n, h, w, c = x.shape
        depth = c // (block * block)
        blocks = self.program.add_value(x, f"{x.name} blocks", (n, h, w, block, block, depth))
        rows = self.program.add_value(x, f"{x.name} rows", (n, h, block, w, block, depth))
        label = self.label(op)
        self.program.nodes += [
            Reshape(label=f"blocks of {label}", inputs=(x.index,), outputs=(blocks,)),
            Transpose(label=label, inputs=(blocks,), outputs=(rows,), perm=(0, 1, 3, 2, 4, 5)),
            Reshape(label=f"image of {label}", inputs=(rows,), outputs=op.outputs),
        ]

    def transpose(self, op: Op) -> None:
        self._same_quantization(op, op.inputs[0], op.outputs[0])
        rank = len(self.value(op.inputs[0]).shape)
        perm = tuple(axis % rank for axis in op.options["perm"])
        shape = self.value(op.inputs[0]).shape
        moved = [axis for axis in perm if shape[axis] != 1]
        label, inputs, outputs = self.label(op), op.inputs[:1], op.outputs
        if moved == sorted(moved):
            self.program.nodes.append(Reshape(label=label, inputs=inputs, outputs=outputs))
        else:
            self.program.nodes.append(
                Transpose(label=label, inputs=inputs, outputs=outputs, perm=perm)
            )

    def pad(self, op: Op) -> None:
        self._same_quantization(op, op.inputs[0], op.outputs[0])
        y = self.value(op.outputs[0])
        fill = y.zero_point
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            data = self.graph.tensors[op.inputs[2]].data
            if data is None:
                raise self._error(op, "has a border value that is not constant")
            fill = int(data.ravel()[0])
        self.program.nodes.append(
            Pad(
                label=self.label(op),
                inputs=op.inputs[:1],
                outputs=op.outputs,
                before=tuple(int(pair[0]) for pair in op.options["paddings"]),
                value=fill,
            )
        )

    def concatenation(self, op: Op) -> None:
        for index in op.inputs:
            self._same_quantization(op, index, op.outputs[0])
        if str(op.options.get("activation", "NONE")) != "NONE":
            raise self._error(op, "has a fused activation, expected none")
        self.program.nodes.append(
            Concat(
                label=self.label(op),
                inputs=op.inputs,
                outputs=op.outputs,
                axis=int(op.options["axis"]),
            )
        )

    def split(self, op: Op) -> None:
        source = op.inputs[1 if op.kind == "SPLIT" else 0]
        axis, start = int(op.options["axis"]), 0
        rank = len(self.value(source).shape)
        for output in op.outputs:
            self._same_quantization(op, source, output)
            begin = tuple(start if i == axis else 0 for i in range(rank))
            shape = self.value(output).shape
            self._slice(op, source, output, begin, (1,) * rank, shape)
            start += shape[axis]

    def slice(self, op: Op) -> None:
        self._same_quantization(op, op.inputs[0], op.outputs[0])
        begin, shape = tuple(op.options["begin"]), tuple(op.options["size"])
        self._slice(op, op.inputs[0], op.outputs[0], begin, (1,) * len(begin), shape)

    def strided_slice(self, op: Op) -> None:
        self._same_quantization(op, op.inputs[0], op.outputs[0])
        begin, end = tuple(op.options["begin"]), tuple(op.options["end"])
        steps = tuple(op.options["strides"])
        if min(steps) < 1:
            raise self._error(op, f"has steps {list(steps)}, expected positive ones")
        shape = tuple(
            max(0, -(-(last - first) // step))
            for first, last, step in zip(begin, end, steps, strict=True)
        )
        self._slice(op, op.inputs[0], op.outputs[0], begin, steps, shape)

    def _slice(
        self,
        op: Op,
        source: int,
        output: int,
        begin: tuple[int, ...],
        steps: tuple[int, ...],
        shape: tuple[int, ...],
    ) -> None:
        self.program.nodes.append(
            Slice(
                label=f"{op.kind} '{self.value(output).name}'",
                inputs=(source,),
                outputs=(output,),
                begin=begin,
                steps=steps,
                shape=shape,
            )
        )

    def _same_quantization(self, op: Op, first: int, second: int) -> None:
        a, b = self.value(first), self.value(second)
        if (a.dtype, a.scale, a.zero_point) != (b.dtype, b.scale, b.zero_point):
            raise self._error(
                op,
                f"moves '{a.name}' ({a.dtype}, scale {a.scale:g}, zero point {a.zero_point}) to "
                f"'{b.name}' ({b.dtype}, scale {b.scale:g}, zero point {b.zero_point}), "
                "expected equal quantization",
            )


_Handler = Callable[[_Lowering, Op], None]

_HANDLERS: dict[str, _Handler] = {
    "ADD": _Lowering.binary,
    "AVERAGE_POOL_2D": _Lowering.average_pool,
    "BATCH_MATMUL": _Lowering.matmul,
    "CONCATENATION": _Lowering.concatenation,
    "CONV_2D": _Lowering.convolution,
    "DEPTHWISE_CONV_2D": _Lowering.convolution,
    "DEPTH_TO_SPACE": _Lowering.depth_to_space,
    "DIV": _Lowering.binary,
    "ELU": _Lowering.unary,
    "EXPAND_DIMS": _Lowering.reshape,
    "FULLY_CONNECTED": _Lowering.fully_connected,
    "HARD_SWISH": _Lowering.unary,
    "LOGISTIC": _Lowering.unary,
    "MAXIMUM": _Lowering.extremum,
    "MEAN": _Lowering.mean,
    "MINIMUM": _Lowering.extremum,
    "MUL": _Lowering.binary,
    "PAD": _Lowering.pad,
    "PADV2": _Lowering.pad,
    "PRELU": _Lowering.prelu,
    "QUANTIZE": _Lowering.unary,
    "RESHAPE": _Lowering.reshape,
    "RSQRT": _Lowering.unary,
    "SLICE": _Lowering.slice,
    "SPLIT": _Lowering.split,
    "SPLIT_V": _Lowering.split,
    "SQUEEZE": _Lowering.reshape,
    "SQUARED_DIFFERENCE": _Lowering.binary,
    "STRIDED_SLICE": _Lowering.strided_slice,
    "SUB": _Lowering.binary,
    "TRANSPOSE": _Lowering.transpose,
}
