"""Run a quantized model frame by frame in the TensorFlow Lite Micro host interpreter.

The interpreter is the reference for every device: what it computes is what the board must
compute, bit for bit. No TensorFlow is imported.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.artifact import QuantizedModel
from quantize.errors import QuantizeError
from quantize.inspect import Graph, Tensor, read_graph

_ARENA_PER_OP = 4096
_ARENA_BASE = 1 << 20
_ARENA_LIMIT = 1 << 30
_INTEGER_LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


def quantize_values(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Quantize real values as a device does: round half away from zero, saturate.

    Args:
        values: Real values.
        tensor: Tensor whose type, scale and zero point apply.

    Returns:
        Integers of the tensor's type, in the shape of ``values``.
    """
    low, high = _INTEGER_LIMITS[tensor.dtype]
    scaled = np.asarray(values, np.float32) * np.float32(1.0 / np.float32(tensor.scale))
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) + tensor.zero_point
    return np.asarray(np.clip(rounded, low, high), dtype=tensor.dtype)


def dequantize_values(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Real values of integers, float32."""
    offset = values.astype(np.int32) - tensor.zero_point
    return np.asarray(offset * np.float32(tensor.scale), np.float32)


@dataclass(frozen=True, eq=False)
class FrameOutput:
    """What the network returned for one frame.

    Attributes:
        integers: Quantized outputs by name, in the tensors' shapes.
        values: The same as real numbers, float32.
    """

    integers: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]


class TflmRunner:
    """Feeds features and carried states to the TFLM host interpreter.

    Args:
        model: The quantized model.
        preserve_all: Keep every intermediate tensor readable with :meth:`tensor` (more memory).
    """

    def __init__(self, model: QuantizedModel, *, preserve_all: bool = False) -> None:
        self.model = model
        self.graph: Graph = model.graph
        self._preserve_all = preserve_all
        self._interpreter = create_interpreter(model.tflite, preserve_all=preserve_all)
        self._input_positions = {t: i for i, t in enumerate(self.graph.inputs)}
        self._output_positions = {t: i for i, t in enumerate(self.graph.outputs)}
        self._states: dict[str, np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Set every state to its initial value."""
        for state in self.model.metadata.states:
            tensor = self.graph.tensors[state.input]
            if state.initial is None:
                value = np.full(tensor.shape, tensor.zero_point, tensor.dtype)
            else:
                row = np.array(state.initial, tensor.dtype).reshape(1, 1, *tensor.shape[2:])
                value = np.ascontiguousarray(np.broadcast_to(row, tensor.shape))
            self._states[state.name] = value

    @property
    def states(self) -> Mapping[str, np.ndarray]:
        """Current quantized states by name."""
        return self._states

    def invoke(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Process one frame of quantized features.

        Args:
            features: Integers, as many as the feature tensor has, any shape.

        Returns:
            Quantized outputs by name (``mask``, ``phase``).

        Raises:
            QuantizeError: The features have the wrong size or type, or a kernel failed.
        """
        self._set_inputs({"features": features})
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise QuantizeError(
                f"the TensorFlow Lite Micro interpreter failed on a frame: {error}",
                hint="an operator met a value outside its domain; check the recipe's ranges",
            ) from error
        for state in self.model.metadata.states:
            position = self._output_positions[state.output]
            self._states[state.name] = self._interpreter.get_output(position)
        return {
            name: self._interpreter.get_output(self._output_positions[index])
            for name, index in self.model.metadata.outputs.items()
        }

    def run_frame(self, features: np.ndarray) -> FrameOutput:
        """Process one frame of real features.

        Args:
            features: Float features ``(bands, 3)`` or the tensor's full shape.

        Returns:
            Quantized and real outputs.
        """
        tensor = self.graph.tensors[self.model.metadata.inputs["features"]]
        integers = self.invoke(quantize_values(features, tensor))
        values = {
            name: dequantize_values(integers[name], self.graph.tensors[index])
            for name, index in self.model.metadata.outputs.items()
        }
        return FrameOutput(integers=integers, values=values)

    def run(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Reset, then process a whole recording.

        Args:
            features: Float features ``(frames, bands, 3)``.

        Returns:
            Real outputs by name, ``(frames, …)`` with the leading 1x1 of the tensors dropped.
        """
        self.reset()
        collected: dict[str, list[np.ndarray]] = {name: [] for name in self.model.metadata.outputs}
        for frame in features:
            output = self.run_frame(frame)
            for name, value in output.values.items():
                collected[name].append(value.reshape(value.shape[2:]))
        return {
            name: np.stack(values) if values else self._empty(name)
            for name, values in collected.items()
        }

    def tensor(self, index: int) -> np.ndarray:
        """Quantized values of any tensor after :meth:`invoke`.

        Args:
            index: Tensor index in subgraph 0.

        Raises:
            QuantizeError: The runner was created without ``preserve_all``.
        """
        if not self._preserve_all:
            raise QuantizeError("intermediate tensors are only kept with preserve_all=True")
        tensor = self.graph.tensors[index]
        raw = self._interpreter.GetTensor(index, 0)["tensor_data"]
        return np.asarray(raw, tensor.dtype).reshape(tensor.shape)

    def _empty(self, name: str) -> np.ndarray:
        shape = self.graph.tensors[self.model.metadata.outputs[name]].shape
        return np.zeros((0, *shape[2:]), np.float32)

    def _set_inputs(self, values: Mapping[str, np.ndarray]) -> None:
        for name, index in self.model.metadata.inputs.items():
            tensor = self.graph.tensors[index]
            value = np.asarray(values[name])
            if value.dtype != np.dtype(tensor.dtype) or value.size != tensor.elements:
                raise QuantizeError(
                    f"input '{name}' got {value.dtype} {list(value.shape)}, expected "
                    f"{tensor.dtype} {list(tensor.shape)}"
                )
            self._interpreter.set_input(
                np.ascontiguousarray(value.reshape(tensor.shape)), self._input_positions[index]
            )
        for state in self.model.metadata.states:
            self._interpreter.set_input(
                self._states[state.name], self._input_positions[state.input]
            )


def create_interpreter(tflite: bytes, *, preserve_all: bool = False) -> Any:
    """Create an interpreter with an arena that its tensors fit in, or a larger one if refused.

    Args:
        tflite: Integer flatbuffer.
        preserve_all: Keep every tensor readable; at most 1024 tensors.

    Returns:
        The interpreter of the ``tflite-micro`` package.

    Raises:
        QuantizeError: TensorFlow Lite Micro refuses the model.
    """
    from tflite_micro.python.tflite_micro import runtime

    config = (
        runtime.InterpreterConfig.kPreserveAllTensors
        if preserve_all
        else runtime.InterpreterConfig.kAllocationRecording
    )
    graph = read_graph(tflite)
    needed = sum(t.nbytes for t in graph.tensors if not t.is_constant)
    if not preserve_all:
        needed = min(needed, 2 * _peak_bytes(graph))
    arena = _ARENA_BASE + 2 * needed + _ARENA_PER_OP * len(graph.ops)
    log = ""
    while arena <= _ARENA_LIMIT:
        try:
            with _captured_stderr() as text:
                return runtime.Interpreter.from_bytes(
                    tflite, arena_size=arena, intrepreter_config=config
                )
        except (RuntimeError, ValueError) as error:
            log = " ".join(text[-1].split()) if text and text[-1].strip() else str(error)
            if not any(word in log.lower() for word in ("allocate", "resize buffer")):
                break
            arena *= 2
    raise QuantizeError(
        f"the TensorFlow Lite Micro interpreter refuses the model: {log[:300]}",
        hint="the model holds an operator or type that TensorFlow Lite Micro does not run",
    )


def _peak_bytes(graph: Graph) -> int:
    """Most bytes of tensors that are needed at the same time."""
    last = {index: op.index for op in graph.ops for index in op.inputs}
    last.update({index: len(graph.ops) for index in graph.outputs})
    live = sum(graph.tensors[index].nbytes for index in graph.inputs)
    peak = live
    for op in graph.ops:
        live += sum(graph.tensors[index].nbytes for index in op.outputs)
        peak = max(peak, live)
        for index in {*op.inputs, *op.outputs}:
            if index >= 0 and last.get(index, op.index) == op.index:
                live -= 0 if graph.tensors[index].is_constant else graph.tensors[index].nbytes
    return peak


@contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """Collect what native code writes to standard error; the text is appended on exit."""
    collected: list[str] = []
    with tempfile.TemporaryFile() as log:
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield collected
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            log.seek(0)
            collected.append(log.read().decode("utf-8", "replace"))
