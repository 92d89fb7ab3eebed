"""Run a float .tflite over recorded features, carrying its states, and collect statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.errors import QuantizeError
from quantize.inspect import Graph, read_graph
from quantize.statistics import HistogramBuilder, TensorStatistics

Progress = Callable[[int, int], None]
_BATCH_FRAMES = 16


class FloatRunner:
    """Runs a float streaming .tflite frame by frame.

    Args:
        model: Float flatbuffer with inputs ``features`` and ``state_*``, outputs ``next_state_*``.
        initial_states: One time row ``(freq, channels)`` per state name; missing ones are zero.
        preserve_all: Keep every intermediate tensor readable with :meth:`tensor`.
    """

    def __init__(
        self,
        model: bytes,
        initial_states: Mapping[str, np.ndarray] | None = None,
        *,
        preserve_all: bool = False,
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.graph: Graph = read_graph(model, source="float model")
        self._interpreter: Any = Interpreter(
            model_content=model,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=preserve_all,
            num_threads=1,
        )
        self._interpreter.allocate_tensors()
        self.state_names = _states(self.graph)
        self.output_names = [
            n for n in self.graph.signature_outputs if not n.startswith("next_state_")
        ]
        self._initial = initial_states or {}
        self._states: dict[str, np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Set every state to its initial value."""
        for name in self.state_names:
            shape = self.graph.tensors[self.graph.signature_inputs[name]].shape
            row = np.asarray(self._initial.get(name, np.zeros(shape[2:])), np.float32)
            if row.size != int(np.prod(shape[2:])):
                raise QuantizeError(
                    f"initial value of {name} has {row.size} elements, expected one time row of "
                    f"{list(shape)}"
                )
            self._states[name] = np.array(np.broadcast_to(row.reshape(1, 1, *shape[2:]), shape))

    def run_frame(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Process one frame.

        Args:
            features: ``(bands, 3)`` or the tensor's full shape.

        Returns:
            Outputs by name, in the tensors' shapes.
        """
        inputs, outputs = self.graph.signature_inputs, self.graph.signature_outputs
        tensor = self.graph.tensors[inputs["features"]]
        if np.size(features) != tensor.elements:
            raise QuantizeError(
                f"features of one frame have shape {np.shape(features)}, expected "
                f"{tensor.shape[-2:]}"
            )
        frame = np.ascontiguousarray(features, np.float32).reshape(tensor.shape)
        self._interpreter.set_tensor(inputs["features"], frame)
        for name, value in self._states.items():
            self._interpreter.set_tensor(inputs[name], value)
        self._interpreter.invoke()
        for name in self.state_names:
            self._states[name] = self._interpreter.get_tensor(outputs[f"next_{name}"])
        return {name: self._interpreter.get_tensor(outputs[name]) for name in self.output_names}

    def run(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Reset, then process a whole recording.

        Args:
            features: ``(frames, bands, 3)``.

        Returns:
            Outputs by name, ``(frames, …)`` with the leading 1x1 of the tensors dropped.
        """
        self.reset()
        results = [self.run_frame(frame) for frame in features]
        return {
            name: np.stack([r[name].reshape(r[name].shape[2:]) for r in results])
            for name in self.output_names
        }

    def tensor(self, index: int) -> np.ndarray:
        """Values of any tensor after :meth:`run_frame` (needs ``preserve_all``)."""
        return np.asarray(self._interpreter.get_tensor(index))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Statistics of a float model's tensors over recorded features.

    Attributes:
        tensors: Statistics by tensor index of the float model.
        frames: Number of frames processed.
    """

    tensors: Mapping[int, TensorStatistics]
    frames: int

    def __getitem__(self, index: int) -> TensorStatistics:
        return self.tensors[index]


def _states(graph: Graph) -> list[str]:
    return [name for name in graph.signature_inputs if name.startswith("state_")]


def calibrate(
    model: bytes,
    sequences: Sequence[np.ndarray],
    *,
    initial_states: Mapping[str, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Run a float model over feature sequences and collect statistics of every computed tensor.

    States start at their initial values in every sequence and are carried inside it. Memory does
    not grow with the number of frames.

    Args:
        model: Float streaming .tflite.
        sequences: Feature sequences, each ``(frames, bands, 3)``.
        initial_states: One time row per state name; missing ones are zero.
        progress: Called with (frames done, frames in all).

    Returns:
        Statistics by tensor index.

    Raises:
        QuantizeError: There are no frames, or a tensor became infinite or NaN.
    """
    total = sum(len(sequence) for sequence in sequences)
    if total == 0:
        raise QuantizeError(
            "the calibration set holds no frames", hint="pass recorded features or recordings"
        )
    runner = FloatRunner(model, initial_states, preserve_all=True)
    observed = [t.index for t in runner.graph.tensors if not t.is_constant and t.dtype == "float32"]
    shapes = {index: runner.graph.tensors[index].shape for index in observed}
    builders = {i: HistogramBuilder(shape[-1] if shape else 1) for i, shape in shapes.items()}
    pending: dict[int, list[np.ndarray]] = {index: [] for index in observed}

    def flush() -> None:
        for index, values in pending.items():
            if values:
                try:
                    builders[index].update(np.stack(values))
                except ValueError as error:
                    raise QuantizeError(
                        f"tensor '{runner.graph.tensors[index].name}' is not finite on the "
                        "calibration set",
                        hint="check the weights and the features for NaN",
                    ) from error
                values.clear()

    done = 0
    for sequence in sequences:
        runner.reset()
        for frame in sequence:
            runner.run_frame(frame)
            for index in observed:
                pending[index].append(np.ravel(runner.tensor(index)))
            done += 1
            if done % _BATCH_FRAMES == 0:
                flush()
                if progress is not None:
                    progress(done, total)
    flush()
    if progress is not None:
        progress(done, total)
    return Calibration({i: builder.finish() for i, builder in builders.items()}, total)
