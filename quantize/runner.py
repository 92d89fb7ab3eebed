"""What everything that computes a quantized model has in common: integers in, integers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantize.artifact import QuantizedModel
from quantize.errors import QuantizeError
from quantize.inspect import Graph, Tensor

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


class IntegerRunner(ABC):
    """Computes a quantized model frame by frame, or segment by segment, and carries its states.

    Args:
        model: The quantized model.
    """

    def __init__(self, model: QuantizedModel) -> None:
        self.model = model
        self.graph: Graph = model.graph

    @abstractmethod
    def reset(self) -> None:
        """Set every state to its initial value."""

    @abstractmethod
    def invoke(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Process one frame of quantized features.

        Args:
            features: Integers, as many as the feature tensor has, any shape.

        Returns:
            Quantized outputs by name (``mask``, ``phase``).

        Raises:
            QuantizeError: The features have the wrong size or type, or a kernel failed.
        """

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

    def checked_input(self, name: str, value: np.ndarray) -> np.ndarray:
        """An input in the tensor's shape, contiguous.

        Args:
            name: Name of the input.
            value: Integers.

        Raises:
            QuantizeError: The size or type is wrong.
        """
        tensor = self.graph.tensors[self.model.metadata.inputs[name]]
        value = np.asarray(value)
        if value.dtype != np.dtype(tensor.dtype) or value.size != tensor.elements:
            raise QuantizeError(
                f"input '{name}' got {value.dtype} {list(value.shape)}, expected "
                f"{tensor.dtype} {list(tensor.shape)}"
            )
        return np.ascontiguousarray(value.reshape(tensor.shape))

    def _empty(self, name: str) -> np.ndarray:
        shape = self.graph.tensors[self.model.metadata.outputs[name]].shape
        return np.zeros((0, *shape[2:]), np.float32)
