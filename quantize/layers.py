"""Compare every tensor of a quantized model with its float reference on recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from quantize.artifact import QuantizedModel
from quantize.calibration import FloatRunner
from quantize.errors import QuantizeError
from quantize.inspect import Graph, Op, Tensor, read_graph
from quantize.metrics import sqnr_db
from quantize.runner import dequantize_values, quantize_values
from quantize.stages import FloatStages, TflmStages
from quantize.tflm_host import TflmRunner

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
        lost_db: How much lower the SQNR is than that of the operator's worst operand, for networks
            over segments; negative where averaging or saturation takes noise away.
        reaches_db: SQNR of the noisiest result on the way to the network's outputs that its noise
            can be part of, at least its own SQNR, for networks over segments. A mean of values
            around zero is all noise, but nothing of it is seen in the values it is taken from.
    """

    tensor: str
    kind: str
    dtype: str
    sqnr_db: float
    saturated: float
    scale: float
    lost_db: float | None = None
    reaches_db: float | None = None

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


def compare_segment_layers(
    model: QuantizedModel,
    float_tflite: bytes,
    features: np.ndarray,
    *,
    progress: Progress | None = None,
) -> tuple[LayerAccuracy, ...]:
    """Run both models over one segment and compare all tensors, stage by stage.

    Args:
        model: Quantized model of a network over segments.
        float_tflite: Its float reference.
        features: The segment's features.
        progress: Called with (operators done, operators in all).

    Returns:
        One entry per operator that computes, in execution order, requantizations included.

    Raises:
        QuantizeError: The two models share no tensor.
    """
    graph = model.graph
    makers = {index: op for op in graph.ops for index in op.outputs}
    twins = {i: graph.tensors[_source(op, i)].name for i, op in makers.items()}
    tensor = graph.tensors[model.metadata.inputs["features"]]
    exact = np.asarray(features, np.float32).reshape(tensor.shape)
    levels = quantize_values(exact, tensor)
    reference = _Reference(float_tflite, exact, Counter(twins.values()))
    measured = {tensor.index: _measure(exact, levels, tensor)}
    entries: list[LayerAccuracy] = []
    for done, (index, values) in enumerate(TflmStages(model.tflite).walk(levels), start=1):
        if progress is not None:
            progress(done, len(makers))
        op, result, twin = makers[index], graph.tensors[index], reference.take(twins[index])
        if twin is None:
            continue
        measured[index] = _measure(twin.reshape(values.shape), values, result)
        operands = [measured[i][0] for i in op.inputs if i in measured]
        entries.append(
            LayerAccuracy(
                tensor=result.name,
                kind=op.kind,
                dtype=result.dtype,
                sqnr_db=measured[index][0],
                saturated=measured[index][1],
                scale=result.scale,
                lost_db=min(operands) - measured[index][0] if operands else None,
            )
        )
    if not entries:
        raise QuantizeError(
            "no layers to compare: the models share no tensor names",
            hint="pass the float model that was quantized",
        )
    reached = _reached(graph, {index: sqnr for index, (sqnr, _) in measured.items()})
    by_name = {graph.tensors[index].name: sqnr for index, sqnr in reached.items()}
    return tuple(replace(entry, reaches_db=by_name[entry.tensor]) for entry in entries)


def _reached(graph: Graph, sqnr: Mapping[int, float]) -> dict[int, float]:
    """SQNR per tensor of the noise that gets on: its own, or that of the noisiest use of it."""
    uses: dict[int, list[int]] = {}
    reached: dict[int, float] = {}
    for op in reversed(graph.ops):
        for index in op.outputs:
            onward = [reached[use] for use in uses.get(index, ()) if use in reached]
            bounds = [sqnr[index]] if index in sqnr else []
            if onward:
                bounds.append(min(onward))
            if bounds:
                reached[index] = max(bounds)
        for index in op.inputs:
            uses.setdefault(index, []).extend(op.outputs)
    return reached


def _source(op: Op, index: int) -> int:
    """The tensor whose value a result stands for: its own, or what it requantizes."""
    return op.inputs[0] if op.kind == "QUANTIZE" else index


class _Reference:
    """Float tensors by name, computed when first asked for and kept until last asked for."""

    def __init__(self, float_tflite: bytes, features: np.ndarray, uses: Counter[str]) -> None:
        self._names = {t.index: t.name for t in read_graph(float_tflite).tensors}
        self._walk = FloatStages(float_tflite).walk(features)
        self._uses = uses
        self._values = {"features": features}

    def take(self, name: str) -> np.ndarray | None:
        """The values of a tensor; None if the float model has none of this name."""
        while name not in self._values:
            found = next(self._walk, None)
            if found is None:
                return None
            if self._uses[self._names[found[0]]]:
                self._values[self._names[found[0]]] = found[1]
        self._uses[name] -= 1
        return self._values[name] if self._uses[name] else self._values.pop(name)


def _measure(exact: np.ndarray, levels: np.ndarray, tensor: Tensor) -> tuple[float, float]:
    """SQNR and share of saturated values of a tensor."""
    limits = np.iinfo(levels.dtype)
    error = dequantize_values(levels, tensor) - exact
    ends = np.mean((levels == limits.min) | (levels == limits.max))
    power = np.sum(np.square(exact, dtype=np.float64))
    return sqnr_db(float(power), float(np.sum(np.square(error, dtype=np.float64)))), float(ends)


def costliest_layers(layers: Sequence[LayerAccuracy], count: int = 10) -> tuple[LayerAccuracy, ...]:
    """The layers that add most noise that gets on; none for networks frame by frame.

    Averages are left out: they cancel the signal as well as the noise.

    Args:
        layers: What :func:`compare_segment_layers` returned.
        count: How many.

    Returns:
        The worst first.
    """
    known = [a for a in layers if a.lost_db is not None and a.lost_db > 0 and a.kind != "MEAN"]
    return tuple(sorted(known, key=_added_noise, reverse=True)[:count])


def _added_noise(layer: LayerAccuracy) -> float:
    """Noise over signal that gets on from a result, less what its worst operand had already."""
    reached = layer.sqnr_db if layer.reaches_db is None else layer.reaches_db
    before = layer.sqnr_db + (layer.lost_db or 0.0)
    return float(10.0 ** (-reached / 10.0) - 10.0 ** (-before / 10.0))


def worst_layers(layers: Sequence[LayerAccuracy], count: int = 10) -> tuple[LayerAccuracy, ...]:
    """The layers with the lowest SQNR, worst first."""
    return tuple(sorted(layers, key=lambda layer: layer.sqnr_db)[:count])
