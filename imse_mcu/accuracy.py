"""Int8 against float on one recording: network outputs, audio, and every layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imse_mcu.host import HostModel
from imse_mcu.running import snr_db

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quantize.inspect import Graph
    from quantize.layers import LayerAccuracy


@dataclass(frozen=True)
class Int8VersusFloat:
    """How well int8 follows float on a recording.

    Attributes:
        recording: What was used.
        frames: Its frames.
        mask_sqnr_db: Signal-to-quantization-noise ratio of the mask.
        phase_sqnr_db: The same of the phase correction.
        audio_snr_db: SNR of the int8 audio against the float audio.
    """

    recording: str
    frames: int
    mask_sqnr_db: float
    phase_sqnr_db: float
    audio_snr_db: float

    def to_json(self) -> dict[str, Any]:
        """Returns the comparison as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class LayerRow:
    """One operator in the per-layer table.

    Attributes:
        index: Position in the graph.
        kind: Operator kind.
        output: Name of its output tensor.
        shape: Shape of the output.
        dtype: Type of the output.
        macs: Multiply-accumulates per frame.
        weight_bytes: Bytes of its constants.
        sqnr_db: SQNR of the output against float, None where float has no such tensor.
        saturated: Share of output values at the ends of the integer range.
    """

    index: int
    kind: str
    output: str
    shape: tuple[int, ...]
    dtype: str
    macs: int
    weight_bytes: int
    sqnr_db: float | None
    saturated: float

    def to_json(self) -> dict[str, Any]:
        """Returns the row as plain data."""
        return {**asdict(self), "shape": list(self.shape)}


def compare_on(
    host: HostModel, pcm: NDArray[np.int16], title: str
) -> tuple[Int8VersusFloat, tuple[LayerAccuracy, ...]]:
    """Compares both precisions on a recording.

    Args:
        host: The model.
        pcm: Noisy int16 samples, shape [n].
        title: What the recording is, for reports.

    Returns:
        Figures of outputs and audio, and the accuracy of every layer.
    """
    import numpy as np

    from keras_imse import audio
    from quantize.layers import compare_layers

    if host.quantized.metadata.family == "imse":
        return _compare_segments(host, pcm, title)
    samples = pcm.astype(np.float32) / np.float32(32768.0)
    features, _ = audio.features_of(samples, host.frontend)
    exact, integer = host.runner("float").run(features), host.runner("int8").run(features)
    figures = Int8VersusFloat(
        recording=title,
        frames=len(features),
        mask_sqnr_db=round(snr_db(exact["mask"], integer["mask"]), 2),
        phase_sqnr_db=round(snr_db(exact["phase"], integer["phase"]), 2),
        audio_snr_db=round(
            snr_db(host.enhance(samples, "float"), host.enhance(samples, "int8")), 2
        ),
    )
    layers = compare_layers(
        host.quantized, host.float_tflite, [features], initial_states=host.initial_states
    )
    return figures, layers


def _compare_segments(
    host: HostModel, pcm: NDArray[np.int16], title: str
) -> tuple[Int8VersusFloat, tuple[LayerAccuracy, ...]]:
    """Compares both precisions of a network over segments; its layers on the first segment."""
    import numpy as np

    from imse_mcu.segment_host import pieces, segment_frames, segment_samples
    from quantize.metrics import sqnr_db
    from quantize.segment_accuracy import SegmentComparison

    comparison = SegmentComparison(host.integers, host.float_tflite)
    (exact, integer), powers = comparison.enhance(pcm.astype(np.float32) / np.float32(32768.0))
    segments = len(pieces(pcm, segment_samples(host.quantized)))
    figures = Int8VersusFloat(
        recording=title,
        frames=segment_frames(host.quantized) * segments,
        mask_sqnr_db=round(sqnr_db(*powers["mask"]), 2),
        phase_sqnr_db=round(sqnr_db(*powers["phase"]), 2),
        audio_snr_db=round(snr_db(exact, integer), 2),
    )
    return figures, comparison.layers(lambda done, total: None)


def layer_rows(graph: Graph, compared: tuple[LayerAccuracy, ...]) -> tuple[LayerRow, ...]:
    """Joins costs and accuracy of every operator.

    Args:
        graph: The integer graph.
        compared: Accuracy per tensor.
    """
    from quantize.costs import op_macs

    by_tensor = {layer.tensor: layer for layer in compared}
    rows = []
    for op in graph.ops:
        output = graph.tensors[op.outputs[0]]
        found = by_tensor.get(output.name)
        constants = [graph.tensors[i] for i in op.inputs if i >= 0]
        rows.append(
            LayerRow(
                index=op.index,
                kind=op.kind,
                output=output.name,
                shape=tuple(output.shape),
                dtype=output.dtype,
                macs=op_macs(graph, op),
                weight_bytes=sum(t.nbytes for t in constants if t.is_constant),
                sqnr_db=round(found.sqnr_db, 2) if found else None,
                saturated=round(found.saturated, 5) if found else 0.0,
            )
        )
    return tuple(rows)
