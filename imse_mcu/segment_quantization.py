"""The published network as an integer model over segments, through the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imse_mcu.core.progress import Reporter
from imse_mcu.core.quiet import native_chatter_hidden
from imse_mcu.host import HostModel
from imse_mcu.weight_files import imse_config
from keras_imse.config import FrontendConfig
from keras_imse.errors import WeightsError
from keras_imse.imse_config import ImseConfig, check_frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from imse_mcu.quantization import QuantizationRequest
    from quantize.recipe import Recipe

#: Calibration takes this many segments, and frames.
_CALIBRATION_SEGMENTS, _CALIBRATION_FRAMES = 16, 1024


def no_weights(model: str) -> WeightsError:
    """Returns the error for a model that no weights ship with."""
    return WeightsError(
        f"no weights ship with model {model}",
        hint="name the authors' checkpoint (or weights made of it) with --weights",
    )


def offline_frontend(config: ImseConfig) -> FrontendConfig:
    """The constants of the offline front end in the form that models carry them."""
    audio = config.audio
    return FrontendConfig(
        sample_rate_hz=audio.sample_rate_hz,
        n_fft=audio.n_fft,
        hop=audio.hop,
        compression=audio.compression,
        first_bin=0,
        bands=audio.bands,
    )


def segment_length(request: QuantizationRequest, config: ImseConfig) -> int:
    """Frames of a segment that a request asks for; the authors' unless it says otherwise.

    Raises:
        ConfigError: It is not a positive multiple of 4.
    """
    frames = request.segment_frames or config.audio.segment_frames
    check_frames(frames)
    return frames


def check_weights(request: QuantizationRequest) -> None:
    """Refuses a weights file that does not hold the network, before any long work.

    Keras weights are only read once the network is built.

    Raises:
        WeightsError: The file is missing or damaged, or holds other tensors than the network's.
    """
    from keras_imse.weights import check_tensors, is_keras_file, read_tensors

    weights = request.weights
    if weights is not None and not is_keras_file(weights):
        check_tensors(read_tensors(weights), where=str(weights), config=imse_config(request.model))


def quantize_offline(request: QuantizationRequest, reporter: Reporter) -> HostModel:
    """Makes the integer model of a network over segments, or takes it from the cache.

    Args:
        request: What to quantize.
        reporter: Progress.

    Returns:
        The model in both precisions.

    Raises:
        ImseMcuError: If no weights are given, a file is missing or damaged, the segment length
            does not suit the network, or the model cannot be quantized.
    """
    from imse_mcu.core.cache import ResultCache
    from imse_mcu.quantization import calibration_waves, model_key, read_weights

    config = imse_config(request.model)
    frames = segment_length(request, config)
    recipe = request.load_recipe()
    if request.weights is None and not request.untrained:
        raise no_weights(config.name)
    check_weights(request)
    content = read_weights(request.weights) if request.weights is not None else b"random"
    waves = calibration_waves(request.calibration)
    most = _frames_to_use(request, frames)
    key = model_key(
        "segment model", config.to_json(), recipe, content, waves, __file__, str(frames), str(most)
    )
    cache = ResultCache("models", enabled=request.use_cache)
    stored = cache.get(key)
    if stored is not None:
        return HostModel.from_files(stored, source="cache entry")
    result = _quantize(config, frames, request, recipe, waves, reporter)
    cache.put(key, result.to_files())
    return result


def _quantize(
    config: ImseConfig,
    frames: int,
    request: QuantizationRequest,
    recipe: Recipe,
    waves: list[NDArray[np.float32]],
    reporter: Reporter,
) -> HostModel:
    """Builds the network, loads its weights and quantizes it."""
    from quantize.segments import quantize_segments

    features = calibration_features(config, waves, frames, _frames_to_use(request, frames))

    def network(length: int) -> Any:
        with native_chatter_hidden():
            return _network(config, length, request.weights)

    title = f"quantizing {config.name}, segments of {frames} frames ({recipe.name})"
    with reporter.stage(title) as stage:
        result = quantize_segments(
            network,
            frames,
            features,
            recipe,
            model_name=config.name,
            family=config.family,
            frontend=offline_frontend(config),
            progress=lambda step, done, total: stage.update(done, total, step),
        )
    return HostModel(result.model, result.float_tflite, result.initial_states)


def _frames_to_use(request: QuantizationRequest, frames: int) -> int:
    """Frames of recordings to calibrate on.

    Sizes and costs do not depend on the ranges: one segment is enough without weights.
    """
    return frames if request.untrained else max(_CALIBRATION_SEGMENTS * frames, _CALIBRATION_FRAMES)


def _network(config: ImseConfig, frames: int, weights: Path | None) -> Any:
    """Builds the network for conversion, with weights or random ones."""
    from keras_imse.models.imse import build_imse
    from keras_imse.weights import load_imse_weights

    model = build_imse(config, frames, deploy=True, seed=0)
    if weights is not None:
        load_imse_weights(model, weights, config)
    return model


def calibration_features(
    config: ImseConfig, waves: list[NDArray[np.float32]], frames: int, most: int
) -> list[NDArray[np.float32]]:
    """Features of noisy recordings as the network sees them, level included.

    Args:
        config: The network.
        waves: Noisy recordings, samples in [-1, 1).
        frames: Frames of a segment; recordings that are shorter are left out.
        most: Frames to use in all, taken from as many recordings as there are.

    Returns:
        Sequences ``(frames, bands, 2)``, each whole segments long.
    """
    from keras_imse import offline_audio

    share = frames * max(1, most // (frames * max(1, len(waves))))
    sequences: list[NDArray[np.float32]] = []
    for wave in waves:
        factor = offline_audio.level_factor(wave)
        length = min(share, config.audio.frames(len(wave)) // frames * frames)
        if factor == 0.0 or length == 0 or sum(map(len, sequences)) >= most:
            continue
        samples = (length - 1) * config.audio.hop
        start = (len(wave) - samples) // 2
        loud = wave[start : start + samples] * np.float32(factor)
        magnitude, phase = offline_audio.magnitude_phase(loud, config.audio)
        sequences.append(offline_audio.features(magnitude, phase)[0])
    return sequences
