"""From a preset and weights to the integer model, through the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.core.audio_io import list_recordings, read_audio
from imse_mcu.core.cache import ContentKey, ResultCache
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import json_text
from imse_mcu.core.progress import Reporter
from imse_mcu.core.quiet import native_chatter_hidden
from imse_mcu.host import HostModel
from keras_imse.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from keras_imse.config import StreamConfig
    from quantize.recipe import Recipe

_PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "tflite-micro", "numpy")
_MAX_CALIBRATION_FRAMES = 4000


class ModelFamilyError(ImseMcuError):
    """The model is of a family that this command does not handle."""

    exit_code = 2


@dataclass(frozen=True)
class QuantizationRequest:
    """What to quantize.

    Attributes:
        model: Name of a preset.
        recipe: Name of a recipe, or path of a recipe file; None for the family's own.
        weights: The user's weights, or None for those that ship.
        calibration: Folder of the user's noisy recordings, or None for the recording that ships.
        use_cache: Whether a result of the same inputs may be used again.
        untrained: Take random weights where none ship; enough to know sizes and costs.
        segment_frames: Frames of a segment of a network over segments; the authors' if None.
    """

    model: str = "imse-stream"
    recipe: str | None = None
    weights: Path | None = None
    calibration: Path | None = None
    use_cache: bool = True
    untrained: bool = False
    segment_frames: int | None = None

    def load_recipe(self) -> Recipe:
        """Returns the recipe.

        Raises:
            RecipeError: There is no such recipe, its file is damaged, or it is for models of
                another family.
        """
        from keras_imse.presets import load_preset
        from quantize.errors import RecipeError
        from quantize.recipe import load_recipe

        family = load_preset(self.model).family
        recipe = load_recipe(self.recipe or ("imse" if family == "imse" else "int8"))
        if recipe.family not in ("", family):
            raise RecipeError(
                f"recipe {recipe.name} is for models of family {recipe.family}, {self.model} is of "
                f"family {family}",
                hint="use int8 or mixed, or leave --quant out",
            )
        return recipe


def streaming_config(model: str) -> StreamConfig:
    """Returns the configuration of a model that runs frame by frame.

    Raises:
        ConfigError: If the model is unknown.
        ModelFamilyError: If it runs on whole recordings.
    """
    from keras_imse.presets import load_preset

    preset = load_preset(model)
    if preset.family != "imse-stream":
        raise ModelFamilyError(
            f"model {preset.name} is of family {preset.family}, which runs on whole recordings",
            hint="use imse-stream, the real-time model",
        )
    return preset.stream_config()


def quantize(request: QuantizationRequest, reporter: Reporter) -> HostModel:
    """Makes the integer model, or takes it from the cache.

    Args:
        request: What to quantize.
        reporter: Progress.

    Returns:
        The model in both precisions.

    Raises:
        ImseMcuError: If the preset, the recipe or a file is unknown, missing or damaged, or the
            model cannot be quantized.
    """
    from keras_imse.presets import load_preset
    from keras_imse.shipped import has_shipped_weights, shipped_weights

    if load_preset(request.model).family == "imse":
        from imse_mcu.segment_quantization import quantize_offline

        return quantize_offline(request, reporter)
    if request.segment_frames is not None:
        raise ModelFamilyError(
            f"model {request.model} runs frame by frame, it has no segments",
            hint="leave --segment-frames out, or use --model imse",
        )
    config = streaming_config(request.model)
    recipe = request.load_recipe()
    weights = request.weights
    if weights is None and (has_shipped_weights(config.name) or not request.untrained):
        weights = shipped_weights(config.name)
    content = read_weights(weights) if weights is not None else b"random"
    if request.weights is not None:
        from imse_mcu.weight_files import check_stream_weights

        check_stream_weights(request.weights, config.name)
    sequences = calibration_waves(request.calibration)
    key = model_key("streaming model", config.to_json(), recipe, content, sequences, __file__)
    cache = ResultCache("models", enabled=request.use_cache)
    stored = cache.get(key)
    if stored is not None:
        return HostModel.from_files(stored, source="cache entry")
    result = _quantize(config, recipe, weights, sequences, reporter)
    cache.put(key, result.to_files())
    return result


def read_weights(path: Path) -> bytes:
    """Reads the weights file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read weights {path}: {(error.strerror or '').lower()}", hint="check --weights"
        ) from error


def calibration_waves(folder: Path | None) -> list[NDArray[np.float32]]:
    """Returns the noisy recordings to calibrate on, samples in [-1, 1)."""
    if folder is None:
        from keras_imse.shipped import calibration_recordings

        return calibration_recordings()
    return [read_audio(path).samples for path in list_recordings(folder)]


def model_key(
    kind: str,
    config: dict[str, Any],
    recipe: Recipe,
    weights: bytes,
    waves: list[NDArray[np.float32]],
    source: str,
    *more: str,
) -> str:
    """Returns the cache key: everything that the integer model depends on.

    Args:
        kind: What is stored.
        config: Configuration of the network.
        recipe: Quantization recipe.
        weights: Content of the weights file.
        waves: Recordings to calibrate on.
        source: Python file that decides what of them is used, and how.
        more: Other choices.
    """
    import keras_imse
    import quantize as quantize_package
    from imse_mcu.doctor import package_version

    key = ContentKey(kind)
    key.add("config", json_text(config)).add("recipe", json_text(recipe.to_json()))
    key.add("weights", weights)
    for choice in more:
        key.add("choice", choice)
    for wave in waves:
        key.add("recording", wave.tobytes())
    for package in _PACKAGES:
        key.add(package, package_version(package))
    key.add("source", Path(source).read_bytes())
    for module in (keras_imse, quantize_package):
        key.add_sources(Path(str(module.__file__)).parent)
    return key.hexdigest()


def _quantize(
    config: StreamConfig,
    recipe: Recipe,
    weights: Path | None,
    waves: list[NDArray[np.float32]],
    reporter: Reporter,
) -> HostModel:
    """Builds the network, loads its weights and quantizes it."""
    from keras_imse import audio

    with reporter.stage(f"building {config.name}"), native_chatter_hidden():
        from keras_imse.checkpoint import load_weights
        from keras_imse.models.stream import ImseStream, build_streaming_model

        network = ImseStream(config)
        if weights is not None:
            load_weights(network, weights)
        frame = build_streaming_model(network)
        initial = {f"state_{i:02d}": row for i, row in enumerate(network.initial_state_frames())}
        share = max(1, _MAX_CALIBRATION_FRAMES // max(1, len(waves)))
        features = [audio.features_of(wave, config.frontend)[0][:share] for wave in waves]

    from quantize.streaming import quantize_streaming

    with reporter.stage(f"quantizing {config.name} ({recipe.name})") as stage:
        result = quantize_streaming(
            frame,
            features,
            recipe,
            model_name=config.name,
            family=config.family,
            frontend=config.frontend,
            initial_states=initial,
            progress=lambda step, done, total: stage.update(done, total, step),
        )
    return HostModel(result.model, result.float_tflite, result.initial_states)
