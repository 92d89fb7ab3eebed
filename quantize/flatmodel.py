"""An editable .tflite model: tensors and operators as linked objects instead of indices.

Passes rewrite this form; :meth:`FlatModel.to_bytes` numbers everything again, drops what nothing
refers to, and writes a deterministic flatbuffer whose constants are 16-byte aligned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from quantize.errors import ModelFileError
from quantize.inspect import read_graph
from quantize.operator_options import OPTION_READERS, enum_names, plain_options

_TYPE_CODES = {name.lower(): code for code, name in enum_names(schema.TensorType).items()}
_OPERATOR_CODES = {name: code for code, name in enum_names(schema.BuiltinOperator).items()}
_BUFFER_ALIGNMENT = 16
_SCHEMA_VERSION = 3
_INT8_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "BATCH_MATMUL": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DIV": 1,
    "ELU": 1,
    "FULLY_CONNECTED": 4,
    "HARD_SWISH": 1,
    "LOGISTIC": 2,
    "MEAN": 2,
    "MINIMUM": 2,
    "MUL": 2,
    "PAD": 2,
    "PRELU": 1,
    "QUANTIZE": 2,
    "RESHAPE": 1,
    "RSQRT": 2,
    "SLICE": 2,
    "SPLIT": 2,
    "SPLIT_V": 2,
    "SQUARED_DIFFERENCE": 2,
    "STRIDED_SLICE": 2,
    "SUB": 2,
    "TRANSPOSE": 2,
}


@dataclass(eq=False)
class TensorNode:
    """A tensor; identity is what links operators.

    Attributes:
        name: Name, kept for messages and recipes.
        shape: Static shape.
        dtype: ``"float32"``, ``"int8"``, …
        data: Values of a constant, else None.
        scales: Quantization scales (float32), empty for none.
        zero_points: Zero points, as many as scales.
        axis: Quantized dimension.
        key: Index in the file that the tensor was read from, -1 for tensors made by passes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None = None
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    key: int = -1

    @property
    def is_constant(self) -> bool:
        """Whether the values are stored in the model."""
        return self.data is not None


@dataclass(eq=False)
class OpNode:
    """An operator.

    Attributes:
        kind: Builtin name.
        inputs: Operands; None for an absent optional one.
        outputs: Results.
        builtin: Options as the flatbuffer object (``schema.*OptionsT``) or None.
        builtin_type: Number of the options union.
    """

    kind: str
    inputs: list[TensorNode | None]
    outputs: list[TensorNode]
    builtin: Any = None
    builtin_type: int = 0

    @property
    def name(self) -> str:
        """Kind and name of the first output."""
        return f"{self.kind} '{self.outputs[0].name}'"

    @property
    def options(self) -> dict[str, Any]:
        """Resolved options, see :mod:`quantize.operator_options`."""
        reader = OPTION_READERS.get(self.kind, plain_options)
        return reader(self.builtin, self.inputs, self.outputs)

    def operand(self, position: int) -> TensorNode:
        """The operand at a position.

        Raises:
            ModelFileError: The operand is absent.
        """
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise ModelFileError(f"operator {self.name} lacks operand {position}")
        return tensor

    def constant(self, position: int) -> np.ndarray:
        """Values of a constant operand.

        Raises:
            ModelFileError: The operand is absent or computed.
        """
        data = self.operand(position).data
        if data is None:
            raise ModelFileError(f"operand {position} of {self.name} is not constant")
        return data

    def set_constant(self, position: int, values: np.ndarray) -> None:
        """Give the operator its own float constant of the same name at a position."""
        old = self.operand(position)
        data = np.asarray(values, np.float32)
        self.inputs[position] = TensorNode(old.name, data.shape, "float32", data)


@dataclass(eq=False)
class FlatModel:
    """Subgraph 0 of a .tflite model, editable.

    Attributes:
        ops: Operators in execution order.
        inputs: Graph inputs by signature name, in the interpreter's order.
        outputs: Graph outputs by signature name, in the interpreter's order.
        metadata: Metadata buffers by name.
        description: Free text of the model.
    """

    ops: list[OpNode]
    inputs: dict[str, TensorNode]
    outputs: dict[str, TensorNode]
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = "imse-mcu"

    @classmethod
    def from_bytes(cls, content: bytes, *, source: str = "model") -> FlatModel:
        """Parse a .tflite model.

        Args:
            content: The flatbuffer.
            source: Name used in error messages.

        Returns:
            The editable model.

        Raises:
            ModelFileError: The flatbuffer is corrupt, has no signature or a custom operator.
        """
        graph = read_graph(content, source=source)
        if not graph.signature_inputs or not graph.signature_outputs:
            raise ModelFileError(
                f"{source}: the model has no signature, expected named inputs and outputs",
                hint="convert the streaming model with imse-mcu, which keeps the names",
            )
        raw = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(content), 0))
        nodes = [
            TensorNode(
                name=tensor.name,
                shape=tensor.shape,
                dtype=tensor.dtype,
                data=tensor.data,
                scales=tensor.scales,
                zero_points=tensor.zero_points,
                axis=tensor.axis,
                key=tensor.index,
            )
            for tensor in graph.tensors
        ]
        ops = []
        for op, operator in zip(graph.ops, raw.subgraphs[0].operators or [], strict=True):
            if op.kind not in _OPERATOR_CODES:
                raise ModelFileError(f"{source}: operator {graph.op_name(op)} is not a builtin")
            ops.append(
                OpNode(
                    kind=op.kind,
                    inputs=[nodes[index] if index >= 0 else None for index in op.inputs],
                    outputs=[nodes[index] for index in op.outputs],
                    builtin=operator.builtinOptions,
                    builtin_type=operator.builtinOptionsType,
                )
            )
        inputs = {name: nodes[index] for name, index in graph.signature_inputs.items()}
        outputs = {name: nodes[index] for name, index in graph.signature_outputs.items()}
        return cls(
            ops=ops,
            inputs=dict(sorted(inputs.items(), key=_states_last)),
            outputs=dict(sorted(outputs.items(), key=_states_last)),
            metadata=dict(graph.metadata),
        )

    def tensors(self) -> list[TensorNode]:
        """Every tensor that is referred to, in order of first use; graph inputs come first."""
        seen: dict[int, TensorNode] = {}
        for tensor in self._references():
            seen.setdefault(id(tensor), tensor)
        return list(seen.values())

    def _references(self) -> Iterator[TensorNode]:
        yield from self.inputs.values()
        for op in self.ops:
            yield from (tensor for tensor in op.inputs if tensor is not None)
            yield from op.outputs
        yield from self.outputs.values()

    def producer(self, tensor: TensorNode) -> OpNode | None:
        """The operator that computes a tensor."""
        for op in self.ops:
            if any(output is tensor for output in op.outputs):
                return op
        return None

    def producers(self) -> dict[int, OpNode]:
        """The operator that computes each tensor, by ``id`` of the tensor."""
        return {id(output): op for op in self.ops for output in op.outputs}

    def consumers(self, tensor: TensorNode) -> list[OpNode]:
        """The operators that read a tensor, in execution order."""
        return [op for op in self.ops if any(operand is tensor for operand in op.inputs)]

    def is_output(self, tensor: TensorNode) -> bool:
        """Whether the tensor is an output of the graph."""
        return any(output is tensor for output in self.outputs.values())

    def remove_op(self, op: OpNode) -> None:
        """Remove an operator; its results must have no consumers left."""
        self.ops = [other for other in self.ops if other is not op]

    def indices(self) -> dict[int, int]:
        """Index that :meth:`to_bytes` gives every tensor, by ``id`` of the node."""
        return {id(tensor): index for index, tensor in enumerate(self.tensors())}

    def to_bytes(self) -> bytes:
        """Write the flatbuffer; equal models give equal bytes."""
        tensors = self.tensors()
        numbers = {id(tensor): index for index, tensor in enumerate(tensors)}
        buffers: list[Any] = [_AlignedBuffer()]
        known: dict[bytes, int] = {}

        def buffer_of(content: bytes | None) -> int:
            if content is None:
                return 0
            if content not in known:
                known[content] = len(buffers)
                buffers.append(_AlignedBuffer(content))
            return known[content]

        model = schema.ModelT()
        model.version = _SCHEMA_VERSION
        model.description = self.description
        graph = schema.SubGraphT()
        graph.name = "main"
        graph.tensors = [
            _tensor_object(
                tensor, buffer_of(None if tensor.data is None else tensor.data.tobytes())
            )
            for tensor in tensors
        ]
        graph.inputs = np.array([numbers[id(t)] for t in self.inputs.values()], np.int32)
        graph.outputs = np.array([numbers[id(t)] for t in self.outputs.values()], np.int32)
        kinds = sorted({op.kind for op in self.ops})
        graph.operators = [_operator_object(op, kinds.index(op.kind), numbers) for op in self.ops]
        model.operatorCodes = [_code_object(kind) for kind in kinds]
        model.subgraphs = [graph]
        model.signatureDefs = [self._signature(numbers)]
        model.metadata = []
        for name, content in sorted(self.metadata.items()):
            entry = schema.MetadataT()
            entry.name = name
            entry.buffer = buffer_of(content)
            model.metadata.append(entry)
        model.buffers = buffers
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _signature(self, numbers: dict[int, int]) -> Any:
        signature = schema.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.subgraphIndex = 0
        for attribute, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
            entries = []
            for name, tensor in tensors.items():
                entry = schema.TensorMapT()
                entry.name = name
                entry.tensorIndex = numbers[id(tensor)]
                entries.append(entry)
            setattr(signature, attribute, entries)
        return signature


class _AlignedBuffer(schema.BufferT):
    """A flatbuffer buffer whose content starts at a multiple of 16 bytes."""

    def __init__(self, content: bytes | None = None) -> None:
        super().__init__()
        self.content = content

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - name given by flatbuffers
        if self.content is None:
            schema.BufferStart(builder)
            return schema.BufferEnd(builder)
        size = len(self.content)
        builder.StartVector(1, size, _BUFFER_ALIGNMENT)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self.content
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def _states_last(item: tuple[str, TensorNode]) -> tuple[bool, str]:
    return "state_" in item[0], item[0]


def _tensor_object(tensor: TensorNode, buffer: int) -> Any:
    entry = schema.TensorT()
    entry.name = tensor.name
    entry.shape = np.array(tensor.shape, np.int32)
    entry.type = _TYPE_CODES[tensor.dtype]
    entry.buffer = buffer
    if tensor.scales:
        parameters = schema.QuantizationParametersT()
        parameters.scale = np.array(tensor.scales, np.float32)
        parameters.zeroPoint = np.array(tensor.zero_points, np.int64)
        parameters.quantizedDimension = tensor.axis
        entry.quantization = parameters
    return entry


def _operator_object(op: OpNode, code: int, numbers: dict[int, int]) -> Any:
    entry = schema.OperatorT()
    entry.opcodeIndex = code
    entry.inputs = np.array([-1 if t is None else numbers[id(t)] for t in op.inputs], np.int32)
    entry.outputs = np.array([numbers[id(t)] for t in op.outputs], np.int32)
    entry.builtinOptionsType = op.builtin_type
    entry.builtinOptions = op.builtin
    return entry


def _code_object(kind: str) -> Any:
    code = schema.OperatorCodeT()
    number = _OPERATOR_CODES[kind]
    code.builtinCode = number
    code.deprecatedBuiltinCode = min(number, 127)
    code.version = _INT8_VERSIONS.get(kind, 1)
    return code
