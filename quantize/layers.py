"""Compare every tensor of a quantized model with its float reference on recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quantize.artifact import QuantizedModel
from quantize.calibration import FloatRunner
from quantize.errors import QuantizeError
from quantize.metrics import sqnr_db
from quantize.tflm_host import TflmRunner, dequantize_values

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LayerAccuracy:
    """Accuracy of one operator's result, all quantization before it included.

    Attributes:
        tensor: Name of the result.
        kind: Operator kind.
        dtype: Integer type.
        sqnr_db: Power of the float tensor over power of the error.
        saturated: Fraction of values at the ends of the integer range.
        scale: Quantization scale.
    """

    tensor: str
    kind: str
    dtype: str
    sqnr_db: float
    saturated: float
    scale: float

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


def compare_layers(
    model: QuantizedModel,
    float_tflite: bytes,
    sequences: Sequence[np.ndarray],
    *,
    initial_states: Mapping[str, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> tuple[LayerAccuracy, ...]:
    """Run both models over features, each with its own states, and compare all tensors.

    Args:
        model: Quantized model.
        float_tflite: Its float reference (:class:`quantize.streaming.QuantizationResult`).
        sequences: Feature sequences ``(frames, bands, 3)``.
        initial_states: Initial time row per state of the float model.
        progress: Called with (frames done, frames in all).

    Returns:
        One entry per operator that the float model has too, in execution order.

    Raises:
        QuantizeError: There are no frames, or the two models share no tensor.
    """
    reference = FloatRunner(float_tflite, initial_states, preserve_all=True)
    device = TflmRunner(model, preserve_all=True)
    float_index = {t.name: t.index for t in reference.graph.tensors if not t.is_constant}
    compared = [
        (op, device.graph.tensors[index], float_index[device.graph.tensors[index].name])
        for op in device.graph.ops
        for index in op.outputs
        if device.graph.tensors[index].name in float_index
    ]
    total = sum(len(sequence) for sequence in sequences)
    if not total or not compared:
        raise QuantizeError(
            "no layers to compare: "
            + ("there are no frames" if not total else "the models share no tensor names"),
            hint="pass the float model that was quantized and at least one recording",
        )
    signal, noise = np.zeros(len(compared)), np.zeros(len(compared))
    ends, count = np.zeros(len(compared)), np.zeros(len(compared))
    done = 0
    for sequence in sequences:
        reference.reset()
        device.reset()
        for frame in sequence:
            reference.run_frame(frame)
            device.run_frame(frame)
            for row, (_, tensor, index) in enumerate(compared):
                exact = reference.tensor(index).astype(np.float64)
                levels = device.tensor(tensor.index)
                error = dequantize_values(levels, tensor) - exact
                limits = np.iinfo(levels.dtype)
                signal[row] += np.sum(exact * exact)
                noise[row] += np.sum(error * error)
                ends[row] += np.sum((levels == limits.min) | (levels == limits.max))
                count[row] += levels.size
            done += 1
            if progress is not None:
                progress(done, total)
    return tuple(
        LayerAccuracy(
            tensor=tensor.name,
            kind=op.kind,
            dtype=tensor.dtype,
            sqnr_db=sqnr_db(signal[row], noise[row]),
            saturated=float(ends[row] / count[row]),
            scale=tensor.scale,
        )
        for row, (op, tensor, _) in enumerate(compared)
    )


def worst_layers(layers: Sequence[LayerAccuracy], count: int = 10) -> tuple[LayerAccuracy, ...]:
    """The layers with the lowest SQNR, worst first."""
    return tuple(sorted(layers, key=lambda layer: layer.sqnr_db)[:count])
