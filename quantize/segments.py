"""Quantize a network that takes whole segments of frames: convert, rewrite, calibrate, quantize.

The counterpart of :mod:`quantize.streaming` for networks without states. A segment's tensors do
not fit in memory together, so the float graph runs stage by stage (:mod:`quantize.stages`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_imse.config import FrontendConfig
from quantize.artifact import METADATA_NAME, ModelMetadata, QuantizedModel
from quantize.calibration import Calibration
from quantize.convert import convert_streaming
from quantize.costs import graph_costs
from quantize.errors import QuantizeError
from quantize.flatmodel import FlatModel
from quantize.inspect import assert_integer_only
from quantize.passes.balance_norms import balance_norms
from quantize.passes.equalize import equalize
from quantize.passes.split_channels import split_channels
from quantize.passes.widen_prelu import widen_prelu
from quantize.recipe import Recipe, load_recipe
from quantize.schemes.ptq import quantize_model
from quantize.stages import FloatStages
from quantize.statistics import HistogramBuilder
from quantize.streaming import QuantizationResult, prepare_float
from quantize.tflm_host import create_interpreter

Progress = Callable[[str, int, int], None]

_SURVEY_SEGMENTS = 3
#: Rows of a tensor of which one goes into the histograms; minimum and maximum are of all rows.
_ROW_STRIDE = 6
_SMALL_TENSOR = 4096


def quantize_segments(
    build: Callable[[int], Any],
    segment_frames: int,
    features: Sequence[np.ndarray],
    recipe: str | Recipe = "imse",
    *,
    model_name: str,
    family: str = "imse",
    frontend: FrontendConfig,
    progress: Progress | None = None,
) -> QuantizationResult:
    """Quantize a network over segments after training.

    Args:
        build: Makes the functional tf_keras network for a number of frames: input ``features``
            ``(1, frames, bands, channels)``, outputs ``mask`` and ``phase``; or its float .tflite
            as bytes.
        segment_frames: Frames of a segment.
        features: Feature sequences ``(frames, bands, channels)`` to calibrate on, each at least
            one segment long; whole segments of them are used.
        recipe: Recipe or its name.
        model_name: Name written into the metadata.
        family: Model family written into the metadata.
        frontend: Front end constants written into the metadata.
        progress: Called with (stage, steps done, steps in all).

    Returns:
        The integer model and its float reference. The same inputs give the same bytes.

    Raises:
        QuantizeError: No sequence is as long as a segment, or the network cannot be converted or
            quantized, or TensorFlow Lite Micro refuses the result.
    """
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    notify = progress or (lambda stage, done, total: None)
    segments = cut_segments(features, segment_frames)
    if not segments:
        raise QuantizeError(
            f"no calibration recording is as long as a segment of {segment_frames} frames",
            hint="give longer recordings with --calibration",
        )
    notify("convert", 0, 1)
    network = build(segment_frames)
    converted = network if isinstance(network, bytes) else convert_streaming(network)
    float_tflite = prepare_float(converted)
    notify("convert", 1, 1)
    float_tflite = prepare_segments(float_tflite, segments, recipe)
    calibration = calibrate_segments(
        float_tflite, segments, lambda done, total: notify("calibrate", done, total)
    )
    notify("quantize", 0, 1)
    model = quantize_prepared_segments(
        float_tflite,
        calibration,
        recipe,
        model_name=model_name,
        family=family,
        frontend=frontend,
    )
    notify("quantize", 1, 1)
    return QuantizationResult(model, float_tflite, {})


def cut_segments(features: Sequence[np.ndarray], frames: int) -> list[np.ndarray]:
    """Cut feature sequences into segments; what is left at the ends is not used.

    Args:
        features: Sequences ``(frames, bands, channels)``.
        frames: Frames of a segment.

    Returns:
        Segments ``(frames, bands, channels)``.

    Raises:
        QuantizeError: A sequence holds NaN or infinity.
    """
    pieces = [
        np.asarray(sequence[start : start + frames], np.float32)
        for sequence in features
        for start in range(0, len(sequence) - frames + 1, frames)
    ]
    if not all(np.isfinite(piece).all() for piece in pieces):
        raise QuantizeError("the calibration features hold NaN or infinity")
    return pieces


def prepare_segments(float_tflite: bytes, segments: Sequence[np.ndarray], recipe: Recipe) -> bytes:
    """Apply the float rewrites that a recipe asks for; the model stays the same function.

    Args:
        float_tflite: What :func:`quantize.streaming.prepare_float` returned.
        segments: Segments of which the first few are looked at.
        recipe: What to do.

    Returns:
        The float model that is quantized.
    """
    model = FlatModel.from_bytes(float_tflite, source="float model")
    if recipe.split_channels:
        split_channels(model)
    widen_prelu(model, recipe.int16)
    float_tflite = model.to_bytes()
    if not (recipe.balance_norms or recipe.equalize):
        return float_tflite
    survey = calibrate_segments(float_tflite, segments[:_SURVEY_SEGMENTS])
    model = FlatModel.from_bytes(float_tflite, source="float model")
    if recipe.balance_norms:
        balance_norms(model, survey)
    if recipe.equalize:
        equalize(model, survey)
    return model.to_bytes()


def calibrate_segments(
    float_tflite: bytes,
    segments: Sequence[np.ndarray],
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Run a float model over segments and collect statistics of every computed tensor.

    Args:
        float_tflite: Float model.
        segments: Segments ``(frames, bands, channels)``.
        progress: Called with (steps done, steps in all).

    Returns:
        Statistics by tensor index.

    Raises:
        QuantizeError: A tensor became infinite or NaN.
    """
    nodes = {t.key: t for t in FlatModel.from_bytes(float_tflite).tensors()}
    builders: dict[int, HistogramBuilder] = {}
    frames = len(segments[0])

    def visit(key: int, values: np.ndarray) -> None:
        node = nodes[key]
        if node.dtype != "float32":
            return
        channels = node.shape[-1] if node.shape else 1
        builder = builders.setdefault(key, HistogramBuilder(channels))
        try:
            builder.update(_rows(values, frames, channels), stride=_ROW_STRIDE)
        except ValueError as error:
            raise QuantizeError(
                f"tensor '{node.name}' is not finite on the calibration set",
                hint="check the weights and the features for NaN",
            ) from error

    FloatStages(float_tflite).run(segments, visit, progress)
    return Calibration(
        {key: builder.finish() for key, builder in builders.items()}, frames * len(segments)
    )


def _rows(values: np.ndarray, frames: int, channels: int) -> np.ndarray:
    """One row per frame at the tensor's own rate, or one row if it has no time axis."""
    if values.size > _SMALL_TENSOR:
        for rows in (frames, frames // 2, frames // 4):
            if values.size % (rows * channels) == 0:
                return values.reshape(rows, -1)
    return values.reshape(1, -1)


def quantize_prepared_segments(
    float_tflite: bytes,
    calibration: Calibration,
    recipe: Recipe,
    *,
    model_name: str,
    family: str,
    frontend: FrontendConfig,
) -> QuantizedModel:
    """Quantize a prepared and calibrated float model.

    Args:
        float_tflite: What :func:`prepare_segments` returned.
        calibration: Its statistics.
        recipe: What to do.
        model_name: Name written into the metadata.
        family: Model family written into the metadata.
        frontend: Front end constants written into the metadata.

    Returns:
        The integer model; TensorFlow Lite Micro has accepted every operator of it.

    Raises:
        QuantizeError: As :func:`quantize_segments`.
    """
    model = FlatModel.from_bytes(float_tflite, source="float model")
    quantize_model(model, calibration, recipe)
    metadata = ModelMetadata(
        model=model_name,
        family=family,
        recipe=recipe.name,
        macs_per_frame=0,
        frontend=frontend,
        inputs={},
        outputs={},
    )
    model.metadata = {METADATA_NAME: metadata.to_bytes()}
    draft = QuantizedModel(model.to_bytes(), metadata).graph
    frames = draft.tensors[draft.signature_inputs["features"]].shape[1]
    complete = replace(
        metadata,
        macs_per_frame=round(graph_costs(draft).macs / frames),
        inputs=dict(draft.signature_inputs),
        outputs=dict(draft.signature_outputs),
    )
    model.metadata = {METADATA_NAME: complete.to_bytes()}
    quantized = QuantizedModel.from_bytes(model.to_bytes(), source=model_name)
    assert_integer_only(quantized.graph)
    create_interpreter(quantized.tflite)
    return quantized
