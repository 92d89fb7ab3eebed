"""Run a quantized model frame by frame in the TensorFlow Lite Micro host interpreter.

The interpreter is the reference for every device: what it computes is what the board must
compute, bit for bit. No TensorFlow is imported.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from quantize.artifact import QuantizedModel
from quantize.errors import QuantizeError
from quantize.inspect import Graph, read_graph
from quantize.runner import IntegerRunner

_ARENA_PER_OP = 4096
_ARENA_BASE = 1 << 20
_ARENA_LIMIT = 1 << 30


class TflmRunner(IntegerRunner):
    """Feeds features and carried states to the TFLM host interpreter.

    Args:
        model: The quantized model.
        preserve_all: Keep every intermediate tensor readable with :meth:`tensor` (more memory).
    """

    def __init__(self, model: QuantizedModel, *, preserve_all: bool = False) -> None:
        super().__init__(model)
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
        """Process one frame, see :meth:`quantize.runner.IntegerRunner.invoke`."""
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

    def _set_inputs(self, values: Mapping[str, np.ndarray]) -> None:
        for name, index in self.model.metadata.inputs.items():
            self._interpreter.set_input(
                self.checked_input(name, values[name]), self._input_positions[index]
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
