"""Read a .tflite flatbuffer into plain frozen objects, without TensorFlow.

:func:`read_graph` is the only place where the rest of the tool looks into a flatbuffer. Options of
operators are plain dictionaries with every value resolved: enumerations are strings, operands that
are constant by definition (axes, shapes, slice bounds, permutations, paddings) are lists of
integers, and SAME padding comes with the numbers of padded rows and columns.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from quantize.errors import ModelFileError, NotIntegerError
from quantize.operator_options import OPTION_READERS, enum_names, plain_options

_FILE_IDENTIFIER = b"TFL3"
_TENSOR_TYPES = enum_names(schema.TensorType)
_OPERATORS = enum_names(schema.BuiltinOperator)
_NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "float64": np.dtype("<f8"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "int16": np.dtype("<i2"),
    "uint16": np.dtype("<u2"),
    "int32": np.dtype("<i4"),
    "uint32": np.dtype("<u4"),
    "int64": np.dtype("<i8"),
    "uint64": np.dtype("<u8"),
    "bool": np.dtype("?"),
}
_INTEGER_TYPES = frozenset({"int8", "int16", "int32", "int64", "bool"})
_FLOAT_ONLY_KINDS = frozenset({"DEQUANTIZE"})
_PARSE_FAILURES = (
    struct.error,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of subgraph 0.

    Attributes:
        index: Position in the subgraph's tensor list.
        name: Name in the flatbuffer.
        shape: Static shape; a scalar has shape ``()``.
        dtype: ``"int8"``, ``"int16"``, ``"int32"``, ``"float32"``, …
        scales: Quantization scales: none, one, or one per slice along ``axis``.
        zero_points: Zero points, as many as scales.
        axis: Quantized dimension of per-channel tensors.
        data: Constant values with ``shape`` and the dtype's numpy type, or None if computed.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    data: np.ndarray | None = None

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantized tensor.

        Raises:
            ModelFileError: The tensor has no or more than one scale.
        """
        if len(self.scales) != 1:
            raise ModelFileError(
                f"tensor {self.index} '{self.name}' has {len(self.scales)} scales, expected 1"
            )
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantized tensor.

        Raises:
            ModelFileError: The tensor has no or more than one zero point.
        """
        if len(self.zero_points) != 1:
            raise ModelFileError(
                f"tensor {self.index} '{self.name}' has {len(self.zero_points)} zero points, "
                "expected 1"
            )
        return self.zero_points[0]

    @property
    def is_constant(self) -> bool:
        """Whether the flatbuffer holds the tensor's values."""
        return self.data is not None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return int(_NUMPY_TYPES[self.dtype].itemsize)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * self.itemsize

    def to_json(self) -> dict[str, Any]:
        """Everything but the values, as JSON-ready data."""
        return {
            "index": self.index,
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "scales": list(self.scales),
            "zero_points": list(self.zero_points),
            "axis": self.axis,
            "constant": self.is_constant,
        }


@dataclass(frozen=True)
class Op:
    """One operator of subgraph 0, in execution order.

    Attributes:
        index: Position in the subgraph's operator list.
        kind: Builtin name, such as ``"CONV_2D"``.
        inputs: Tensor indices; -1 marks an optional input that is absent.
        outputs: Tensor indices.
        options: Resolved options, see :mod:`quantize.operator_options`.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "index": self.index,
            "kind": self.kind,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "options": dict(self.options),
        }


@dataclass(frozen=True, eq=False)
class Graph:
    """Subgraph 0 of a .tflite model.

    Attributes:
        tensors: All tensors by index.
        ops: Operators in execution order.
        inputs: Tensor indices of the graph's inputs, in the interpreter's order.
        outputs: Tensor indices of the graph's outputs, in the interpreter's order.
        metadata: Metadata buffers of the model by name.
        signature_inputs: Tensor index of every input of the first signature, by name.
        signature_outputs: Tensor index of every output of the first signature, by name.
    """

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    signature_inputs: Mapping[str, int] = field(default_factory=dict)
    signature_outputs: Mapping[str, int] = field(default_factory=dict)

    def producer(self, tensor: int) -> Op | None:
        """The operator that computes a tensor, or None for inputs and constants."""
        for op in self.ops:
            if tensor in op.outputs:
                return op
        return None

    def consumers(self, tensor: int) -> tuple[Op, ...]:
        """The operators that read a tensor, in execution order."""
        return tuple(op for op in self.ops if tensor in op.inputs)

    def op_name(self, op: Op) -> str:
        """A readable name: kind, position and the name of the first output."""
        output = self.tensors[op.outputs[0]].name if op.outputs else "no output"
        return f"{op.kind} #{op.index} '{output}'"

    def to_json(self) -> dict[str, Any]:
        """Structure without the constants' values."""
        return {
            "tensors": [tensor.to_json() for tensor in self.tensors],
            "ops": [op.to_json() for op in self.ops],
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
        }


def read_graph(model: bytes, *, source: str = "model") -> Graph:
    """Read subgraph 0 of a .tflite model.

    Args:
        model: Content of the file.
        source: Name used in error messages, usually the file's name.

    Returns:
        The graph with resolved operator options.

    Raises:
        ModelFileError: The bytes are not a complete .tflite model.
    """
    if len(model) < 16 or model[4:8] != _FILE_IDENTIFIER:
        raise ModelFileError(
            f"{source}: not a TensorFlow Lite model ({len(model)} bytes, no TFL3 identifier)",
            hint="pass a .tflite file written by imse-mcu build or quantize",
        )
    try:
        parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(model), 0))
        return _graph(parsed)
    except ModelFileError as error:
        raise ModelFileError(f"{source}: {error.message}", hint=error.hint) from error
    except _PARSE_FAILURES as error:
        raise ModelFileError(
            f"{source}: the TensorFlow Lite model is truncated or corrupt "
            f"({type(error).__name__}: {' '.join(str(error).split()) or 'no detail'})",
            hint="build the model again",
        ) from error


def assert_integer_only(graph: Graph) -> None:
    """Check that nothing in the graph computes or stores floating point values.

    Args:
        graph: The graph to check.

    Raises:
        NotIntegerError: Names the first offending operator and tensor.
    """
    for op in graph.ops:
        if op.kind in _FLOAT_ONLY_KINDS:
            raise NotIntegerError(
                f"operator {graph.op_name(op)} converts to float, expected integer operators only",
                hint="name the operator in a recipe or report the layer",
            )
        for role, indices in (("input", op.inputs), ("output", op.outputs)):
            for position, index in enumerate(indices):
                if index >= 0 and graph.tensors[index].dtype not in _INTEGER_TYPES:
                    tensor = graph.tensors[index]
                    raise NotIntegerError(
                        f"operator {graph.op_name(op)} has {tensor.dtype} {role} {position} "
                        f"'{tensor.name}', expected integer types only",
                        hint="the layer has no integer form here; see the recipe's tensors and ops",
                    )
    for tensor in graph.tensors:
        if tensor.dtype not in _INTEGER_TYPES:
            raise NotIntegerError(
                f"tensor {tensor.index} '{tensor.name}' is {tensor.dtype}, "
                "expected integer types only"
            )


def _graph(model: Any) -> Graph:
    if not model.subgraphs:
        raise ModelFileError("the TensorFlow Lite model has no subgraph")
    subgraph = model.subgraphs[0]
    tensors = tuple(
        _tensor(index, tensor, model.buffers) for index, tensor in enumerate(subgraph.tensors)
    )
    ops = tuple(
        _op(index, operator, model.operatorCodes, tensors)
        for index, operator in enumerate(_listed(subgraph.operators))
    )
    inputs = _indices(subgraph.inputs)
    outputs = _indices(subgraph.outputs)
    for index in (*inputs, *outputs):
        _check_index(index, tensors, "graph")
    signature = model.signatureDefs[0] if model.signatureDefs else None
    return Graph(
        tensors=tensors,
        ops=ops,
        inputs=inputs,
        outputs=outputs,
        metadata=_metadata(model),
        signature_inputs=_signature(signature.inputs if signature else None),
        signature_outputs=_signature(signature.outputs if signature else None),
    )


def _tensor(index: int, tensor: Any, buffers: Any) -> Tensor:
    name = _text(tensor.name)
    dtype = _TENSOR_TYPES[tensor.type].lower()
    shape = tuple(int(size) for size in _listed(tensor.shape))
    scales, zero_points, axis = _quantization(tensor.quantization)
    raw = buffers[tensor.buffer].data
    data = None
    if raw is not None and len(raw):
        numpy_type = _NUMPY_TYPES.get(dtype)
        if numpy_type is None:
            raise ModelFileError(f"tensor {index} '{name}' has unsupported type {dtype}")
        expected = int(np.prod(shape, dtype=np.int64)) * numpy_type.itemsize
        if len(raw) != expected:
            raise ModelFileError(
                f"tensor {index} '{name}' holds {len(raw)} bytes, expected {expected} for "
                f"{dtype} {list(shape)}"
            )
        data = np.frombuffer(bytes(raw), dtype=numpy_type).reshape(shape)
        data.setflags(write=False)
    return Tensor(index, name, shape, dtype, scales, zero_points, axis, data)


def _quantization(parameters: Any) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if parameters is None or not len(_listed(parameters.scale)):
        return (), (), 0
    scales = tuple(float(np.float32(scale)) for scale in parameters.scale)
    zero_points = tuple(int(point) for point in _listed(parameters.zeroPoint))
    if not zero_points:
        zero_points = (0,) * len(scales)
    if len(zero_points) == 1 and len(scales) > 1:
        zero_points = zero_points * len(scales)
    return scales, zero_points, int(parameters.quantizedDimension)


def _op(index: int, operator: Any, codes: Any, tensors: tuple[Tensor, ...]) -> Op:
    code = codes[operator.opcodeIndex]
    number = max(int(code.builtinCode), int(code.deprecatedBuiltinCode))
    kind = _OPERATORS[number]
    if kind == "CUSTOM":
        kind = f"CUSTOM:{_text(code.customCode)}"
    inputs = _indices(operator.inputs)
    outputs = _indices(operator.outputs)
    for tensor in inputs:
        if tensor != -1:
            _check_index(tensor, tensors, f"operator {kind} #{index}")
    for tensor in outputs:
        _check_index(tensor, tensors, f"operator {kind} #{index}")
    reader = OPTION_READERS.get(kind, plain_options)
    operands = [tensors[tensor] if tensor >= 0 else None for tensor in inputs]
    results = [tensors[tensor] for tensor in outputs]
    return Op(index, kind, inputs, outputs, reader(operator.builtinOptions, operands, results))


def _metadata(model: Any) -> dict[str, bytes]:
    entries: dict[str, bytes] = {}
    for entry in _listed(model.metadata):
        raw = model.buffers[entry.buffer].data
        entries[_text(entry.name)] = b"" if raw is None else bytes(raw)
    return entries


def _signature(entries: Any) -> dict[str, int]:
    return {_text(entry.name): int(entry.tensorIndex) for entry in _listed(entries)}


def _check_index(index: int, tensors: tuple[Tensor, ...], where: str) -> None:
    if not 0 <= index < len(tensors):
        raise ModelFileError(
            f"{where} refers to tensor {index}, expected 0 to {len(tensors) - 1}",
            hint="the file is corrupt; build the model again",
        )


def _indices(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in _listed(values))


def _listed(values: Any) -> Any:
    return [] if values is None else values


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
