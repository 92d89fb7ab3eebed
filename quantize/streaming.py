"""Quantize a streaming network: convert, rewrite, calibrate, quantize, verify.

:func:`quantize_streaming` is the one entry that the pipeline uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_imse.config import FrontendConfig
from quantize.artifact import (
    METADATA_NAME,
    ModelMetadata,
    QuantizedModel,
    StateTensor,
)
from quantize.calibration import Calibration, calibrate
from quantize.convert import convert_streaming
from quantize.costs import graph_costs
from quantize.errors import QuantizeError
from quantize.flatmodel import FlatModel
from quantize.inspect import assert_integer_only
from quantize.passes.equalize import equalize
from quantize.passes.fold_affine import fold_affine
from quantize.passes.tidy_names import tidy_names
from quantize.recipe import Recipe, load_recipe
from quantize.runner import quantize_values
from quantize.schemes.ptq import quantize_model
from quantize.tflm_host import TflmRunner

Progress = Callable[[str, int, int], None]
_SURVEY_FRAMES = 400


@dataclass(frozen=True, eq=False)
class QuantizationResult:
    """A quantized model with the float model that it stands for.

    Attributes:
        model: The integer model.
        float_tflite: Float flatbuffer with the same tensors by name, the reference of accuracy
            measurements per layer.
        initial_states: Initial time row per state of the float model.
    """

    model: QuantizedModel
    float_tflite: bytes
    initial_states: Mapping[str, np.ndarray]


def quantize_streaming(
    model: Any,
    calibration_features: Sequence[np.ndarray] | np.ndarray,
    recipe: str | Recipe = "int8",
    *,
    model_name: str,
    family: str = "imse-stream",
    frontend: FrontendConfig | None = None,
    initial_states: Mapping[str, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> QuantizationResult:
    """Quantize a streaming network after training.

    Args:
        model: Functional one-frame tf_keras model (inputs ``features``, ``state_00``…; outputs
            ``mask``, ``phase``, ``next_state_00``…), or its float .tflite as bytes.
        calibration_features: Feature sequences ``(frames, bands, 3)``, states carried inside each.
        recipe: Recipe or its name.
        model_name: Name written into the metadata.
        family: Model family written into the metadata.
        frontend: Front end constants written into the metadata.
        initial_states: Initial time row ``(freq, channels)`` per state; missing ones are zero.
        progress: Called with (stage, steps done, steps in all).

    Returns:
        The integer model and its float reference. The same inputs give the same bytes.

    Raises:
        QuantizeError: The model cannot be converted or quantized, or TensorFlow Lite Micro does
            not run the result.
    """
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    notify = progress or (lambda stage, done, total: None)
    sequences = _sequences(calibration_features)
    rows = {name: np.asarray(row, np.float32) for name, row in (initial_states or {}).items()}
    notify("convert", 0, 1)
    float_tflite = bytes(model) if isinstance(model, bytes) else convert_streaming(model)
    float_tflite = prepare_float(float_tflite)
    notify("convert", 1, 1)
    if recipe.equalize:
        float_tflite = equalize_float(float_tflite, sequences, rows)
    calibration = calibrate(
        float_tflite,
        sequences,
        initial_states=rows,
        progress=lambda done, total: notify("calibrate", done, total),
    )
    notify("quantize", 0, 1)
    quantized = quantize_prepared(
        float_tflite,
        calibration,
        recipe,
        initial_states=rows,
        model_name=model_name,
        family=family,
        frontend=frontend or FrontendConfig(),
    )
    notify("quantize", 1, 1)
    return QuantizationResult(quantized, float_tflite, rows)


def prepare_float(float_tflite: bytes) -> bytes:
    """Apply the exact float rewrites that quantization builds on, and give tensors short names."""
    model = FlatModel.from_bytes(float_tflite, source="float model")
    fold_affine(model)
    tidy_names(model)
    return model.to_bytes()


def equalize_float(
    float_tflite: bytes,
    sequences: Sequence[np.ndarray],
    initial_states: Mapping[str, np.ndarray],
) -> bytes:
    """Balance channel ranges of a prepared float model, which stays the same function.

    Args:
        float_tflite: What :func:`prepare_float` returned.
        sequences: Feature sequences; a share of their frames is looked at.
        initial_states: Initial time row per state.

    Returns:
        The balanced float model.
    """
    share = max(1, _SURVEY_FRAMES // max(1, len(sequences)))
    survey = calibrate(float_tflite, [s[:share] for s in sequences], initial_states=initial_states)
    model = FlatModel.from_bytes(float_tflite, source="float model")
    held = [name for name, row in initial_states.items() if np.any(row)]
    equalize(model, survey, held)
    return model.to_bytes()


def quantize_prepared(
    float_tflite: bytes,
    calibration: Calibration,
    recipe: Recipe,
    *,
    initial_states: Mapping[str, np.ndarray],
    model_name: str,
    family: str,
    frontend: FrontendConfig,
) -> QuantizedModel:
    """Quantize a prepared and calibrated float model.

    Args:
        float_tflite: What :func:`prepare_float` returned.
        calibration: Its statistics.
        recipe: What to do.
        initial_states: Initial time row per state.
        model_name: Name written into the metadata.
        family: Model family written into the metadata.
        frontend: Front end constants written into the metadata.

    Returns:
        The verified integer model.

    Raises:
        QuantizeError: As :func:`quantize_streaming`.
    """
    model = FlatModel.from_bytes(float_tflite, source="float model")
    quantize_model(model, calibration, recipe, initial_states)
    metadata = ModelMetadata(
        model=model_name,
        family=family,
        recipe=recipe.name,
        macs_per_frame=0,
        frontend=frontend,
        inputs={},
        outputs={},
    )
    quantized = finish_model(model, metadata, initial_states)
    verify(quantized)
    return quantized


def finish_model(
    model: FlatModel, metadata: ModelMetadata, initial_states: Mapping[str, np.ndarray]
) -> QuantizedModel:
    """Write an integer model with complete metadata.

    Args:
        model: Integer model.
        metadata: Its names and front end; indices and costs are filled in here.
        initial_states: Initial time row per state.

    Returns:
        The artifact.
    """
    model.metadata = {METADATA_NAME: metadata.to_bytes()}
    draft = QuantizedModel(model.to_bytes(), metadata).graph
    states = []
    for name, index in sorted(draft.signature_inputs.items()):
        if not name.startswith("state_"):
            continue
        row = initial_states.get(name)
        initial = None
        if row is not None and np.any(row):
            levels = quantize_values(np.ravel(row), draft.tensors[index])
            initial = tuple(int(level) for level in levels)
        states.append(StateTensor(name, index, draft.signature_outputs[f"next_{name}"], initial))
    # A network over segments takes all frames of a segment at once.
    frames = draft.tensors[draft.signature_inputs["features"]].shape[1]
    complete = replace(
        metadata,
        macs_per_frame=round(graph_costs(draft).macs / frames),
        inputs={n: i for n, i in draft.signature_inputs.items() if not n.startswith("state_")},
        outputs={
            n: i for n, i in draft.signature_outputs.items() if not n.startswith("next_state_")
        },
        states=tuple(states),
    )
    model.metadata = {METADATA_NAME: complete.to_bytes()}
    return QuantizedModel.from_bytes(model.to_bytes(), source=metadata.model)


def verify(model: QuantizedModel) -> None:
    """Check that a model is integer only and that TensorFlow Lite Micro runs it.

    Raises:
        QuantizeError: It is not, or does not.
    """
    assert_integer_only(model.graph)
    runner = TflmRunner(model)
    tensor = model.graph.tensors[model.metadata.inputs["features"]]
    runner.invoke(np.full(tensor.shape, tensor.zero_point, tensor.dtype))


def _sequences(features: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
    sequences = [np.asarray(sequence, np.float32) for sequence in features]
    for position, sequence in enumerate(sequences):
        if sequence.ndim != 3:
            raise QuantizeError(
                f"calibration sequence {position} has shape {sequence.shape}, expected "
                "(frames, bands, channels)"
            )
        if not np.all(np.isfinite(sequence)):
            raise QuantizeError(f"calibration sequence {position} holds NaN or infinity")
    return sequences
