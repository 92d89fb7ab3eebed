"""Float against quantized model on recordings: speech quality per file, SQNR per layer, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from imse_mcu.core.audio_io import list_recordings, read_audio
from keras_imse import audio
from keras_imse.config import FrontendConfig
from quantize.calibration import FloatRunner
from quantize.errors import QuantizeError
from quantize.layers import LayerAccuracy, compare_layers, costliest_layers, worst_layers
from quantize.metrics import SpeechScores, mean_scores, output_powers, score_speech, sqnr_db
from quantize.runner import IntegerRunner
from quantize.segment_accuracy import SegmentComparison

Progress = Callable[[str, int, int], None]
Image = Callable[[np.ndarray], np.ndarray]
"""The built image: noisy samples in [-1, 1) to enhanced ones of the same length."""
_LAYER_FRAMES = 250


class FrameNetwork(Protocol):
    """Anything that turns features of a recording into mask and phase."""

    def run(self, features: np.ndarray) -> Mapping[str, np.ndarray]:
        """Process a whole recording from the initial state."""


@dataclass(frozen=True)
class Pair:
    """A clean recording and its noisy version.

    Attributes:
        name: File name that both share.
        clean: Clean file.
        noisy: Noisy file.
    """

    name: str
    clean: Path
    noisy: Path


@dataclass(frozen=True)
class AccuracyLimits:
    """Limits of a check; None means no limit.

    Attributes:
        max_pesq_drop: Largest drop of the mean PESQ-WB from float to int8.
        max_stoi_drop: Largest drop of the mean STOI.
        max_si_sdr_drop_db: Largest drop of the mean SI-SDR.
        min_pesq: Smallest mean PESQ-WB of the quantized model.
        min_output_sqnr_db: Smallest SQNR of any network output.
    """

    max_pesq_drop: float | None = 0.05
    max_stoi_drop: float | None = None
    max_si_sdr_drop_db: float | None = None
    min_pesq: float | None = None
    min_output_sqnr_db: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True)
class FileAccuracy:
    """Scores of one pair.

    Attributes:
        name: File name.
        noisy: Scores of the input.
        float_model: Scores of the float model's output.
        quantized: Scores of the quantized model's output.
        output_sqnr_db: SQNR of every network output, quantized against float.
        image: Scores of what the built image returned, None when it was not run.
    """

    name: str
    noisy: SpeechScores
    float_model: SpeechScores
    quantized: SpeechScores
    output_sqnr_db: Mapping[str, float]
    image: SpeechScores | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "name": self.name,
            "noisy": self.noisy.to_json(),
            "float": self.float_model.to_json(),
            "int8": self.quantized.to_json(),
            "image": self.image.to_json() if self.image else None,
            "output_sqnr_db": dict(self.output_sqnr_db),
        }


@dataclass(frozen=True)
class AccuracyReport:
    """Result of a check.

    Attributes:
        model: Model name.
        recipe: Quantization recipe.
        files: Scores per pair, by name.
        noisy: Mean scores of the inputs.
        float_model: Mean scores of the float model.
        quantized: Mean scores of the quantized model.
        output_sqnr_db: SQNR of every output over all files.
        layers: SQNR per layer, in execution order.
        limits: The limits.
        failures: One line per limit that was missed.
        image: Mean scores of what the built image returned, None when it was not run.
    """

    model: str
    recipe: str
    files: tuple[FileAccuracy, ...]
    noisy: SpeechScores
    float_model: SpeechScores
    quantized: SpeechScores
    output_sqnr_db: Mapping[str, float]
    layers: tuple[LayerAccuracy, ...]
    limits: AccuracyLimits
    failures: tuple[str, ...]
    image: SpeechScores | None = None

    @property
    def passed(self) -> bool:
        """Whether every limit is met."""
        return not self.failures

    @property
    def pesq_drop(self) -> float:
        """Mean PESQ-WB of float minus quantized."""
        return self.float_model.pesq_wb - self.quantized.pesq_wb

    @property
    def costliest_layers(self) -> tuple[LayerAccuracy, ...]:
        """Layers that add most noise; none for networks that run frame by frame."""
        return costliest_layers(self.layers)

    @property
    def worst_layers(self) -> tuple[LayerAccuracy, ...]:
        """The ten layers with the lowest SQNR, worst first."""
        return worst_layers(self.layers)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "model": self.model,
            "recipe": self.recipe,
            "files": [entry.to_json() for entry in self.files],
            "mean": {
                "noisy": self.noisy.to_json(),
                "float": self.float_model.to_json(),
                "int8": self.quantized.to_json(),
                "image": self.image.to_json() if self.image else None,
            },
            "pesq_drop": self.pesq_drop,
            "output_sqnr_db": dict(self.output_sqnr_db),
            "layers": [layer.to_json() for layer in self.layers],
            "worst_layers": [layer.to_json() for layer in self.worst_layers],
            "costliest_layers": [layer.to_json() for layer in self.costliest_layers],
            "limits": self.limits.to_json(),
            "failures": list(self.failures),
            "passed": self.passed,
        }


def find_pairs(clean: Path, noisy: Path) -> tuple[Pair, ...]:
    """Pair the recordings of two folders by file name.

    Args:
        clean: Folder of clean recordings.
        noisy: Folder of noisy recordings.

    Returns:
        Pairs sorted by name.

    Raises:
        ImseMcuError: A folder is missing or empty, two recordings of one share a name, or a
            recording has no partner.
    """
    by_name = [_by_name(folder) for folder in (clean, noisy)]
    for here, there, folder in ((0, 1, noisy), (1, 0, clean)):
        lonely = sorted(by_name[here].keys() - by_name[there].keys())
        if lonely:
            more = f" and {len(lonely) - 1} more" if len(lonely) > 1 else ""
            raise QuantizeError(
                f"{by_name[here][lonely[0]]}{more}: no recording of that name in {folder}",
                hint="pairs share their file name",
            )
    return tuple(Pair(name, by_name[0][name], by_name[1][name]) for name in sorted(by_name[0]))


def _by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in list_recordings(folder):
        if path.stem in found:
            raise QuantizeError(
                f"{found[path.stem]} and {path} have the same name",
                hint="pairs share their file name, whatever its ending; take one of them out",
            )
        found[path.stem] = path
    return found


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Read a pair as float32 samples at 16 kHz.

    Raises:
        ImseMcuError: A file cannot be read, or the lengths differ.
    """
    clean, noisy = read_audio(pair.clean).samples, read_audio(pair.noisy).samples
    if clean.shape != noisy.shape:
        raise QuantizeError(
            f"pair '{pair.name}': clean has {clean.size} samples, noisy has {noisy.size}, "
            "expected equal",
            hint="cut both recordings to the same length",
        )
    return clean, noisy


def enhance(wave: np.ndarray, network: FrameNetwork, frontend: FrontendConfig) -> np.ndarray:
    """Enhance a recording with the host's front end.

    Args:
        wave: Samples in [-1, 1), 16 kHz.
        network: The network.
        frontend: Front end constants.

    Returns:
        Enhanced samples as the device returns them (rounded to 16 bit), same length.
    """
    features, spectrum = audio.features_of(np.asarray(wave, np.float32), frontend)
    return _apply(network.run(features), spectrum, len(wave), frontend)


def check_accuracy(
    runner: IntegerRunner,
    float_tflite: bytes,
    pairs: Sequence[Pair],
    *,
    initial_states: Mapping[str, np.ndarray] | None = None,
    limits: AccuracyLimits | None = None,
    layer_frames: int = _LAYER_FRAMES,
    image: Image | None = None,
    progress: Progress | None = None,
) -> AccuracyReport:
    """Measure what quantization costs on pairs of recordings.

    Args:
        runner: What computes the quantized model.
        float_tflite: Its float reference.
        pairs: Pairs of recordings.
        initial_states: Initial time row per state of the float model.
        limits: Limits; the default allows a PESQ drop of 0.05.
        layer_frames: Frames (of the first recordings) used for the comparison per layer.
        image: The built image, to be scored too; the limits then hold for it as well.
        progress: Called with (stage, steps done, steps in all).

    Returns:
        The report; ``passed`` tells whether the limits are met.

    Raises:
        ImseMcuError: There are no pairs, or one cannot be read or scored.
    """
    if not pairs:
        raise QuantizeError("no pairs of recordings to check", hint="name two folders of pairs")
    limits = limits or AccuracyLimits()
    notify = progress or (lambda stage, done, total: None)
    model = runner.model
    comparison: _StreamComparison | SegmentComparison
    if model.metadata.family == "imse":
        comparison = SegmentComparison(runner, float_tflite)
    else:
        comparison = _StreamComparison(runner, float_tflite, initial_states or {}, layer_frames)
    rate = model.metadata.frontend.sample_rate_hz
    files: list[FileAccuracy] = []
    powers: dict[str, np.ndarray] = {}
    for done, pair in enumerate(pairs):
        notify("recordings", done, len(pairs))
        clean, noisy = read_pair(pair)
        waves, errors = comparison.enhance(noisy)
        for name, power in errors.items():
            powers[name] = powers.get(name, np.zeros(2)) + power
        returned = image(noisy) if image is not None else None
        files.append(
            FileAccuracy(
                name=pair.name,
                noisy=score_speech(clean, noisy, rate, name=pair.name),
                float_model=score_speech(clean, waves[0], rate, name=pair.name),
                quantized=score_speech(clean, waves[1], rate, name=pair.name),
                output_sqnr_db={name: sqnr_db(*power) for name, power in errors.items()},
                image=(
                    score_speech(clean, returned, rate, name=pair.name)
                    if returned is not None
                    else None
                ),
            )
        )
    notify("recordings", len(pairs), len(pairs))
    layers = comparison.layers(lambda done, total: notify("layers", done, total))
    means = [
        mean_scores(getattr(entry, kind) for entry in files)
        for kind in ("noisy", "float_model", "quantized")
    ]
    from_image = [entry.image for entry in files if entry.image is not None]
    image_mean = mean_scores(from_image) if from_image else None
    output_sqnr = {name: sqnr_db(*power) for name, power in powers.items()}
    failures = _failures(limits, "int8", means[1], means[2])
    if image_mean is not None:
        failures += _failures(limits, "image", means[1], image_mean)
    failures += _output_failures(limits, output_sqnr)
    return AccuracyReport(
        model=model.metadata.model,
        recipe=model.metadata.recipe,
        files=tuple(files),
        noisy=means[0],
        float_model=means[1],
        quantized=means[2],
        output_sqnr_db=output_sqnr,
        layers=layers,
        limits=limits,
        failures=tuple(failures),
        image=image_mean,
    )


class _StreamComparison:
    """Both versions of a network that runs frame by frame."""

    def __init__(
        self,
        runner: IntegerRunner,
        float_tflite: bytes,
        initial_states: Mapping[str, np.ndarray],
        layer_frames: int,
    ) -> None:
        self._model, self._float_tflite = runner.model, float_tflite
        self._initial_states = initial_states
        self._layer_frames = layer_frames
        self._networks = (FloatRunner(float_tflite, initial_states), runner)
        self._sequences: list[np.ndarray] = []

    def enhance(self, noisy: np.ndarray) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Samples of float and int8, and powers of signal and error per output."""
        frontend = self._model.metadata.frontend
        features, spectrum = audio.features_of(noisy, frontend)
        missing = self._layer_frames - sum(len(sequence) for sequence in self._sequences)
        if missing > 0:
            self._sequences.append(features[:missing])
        outputs = [network.run(features) for network in self._networks]
        waves = [_apply(output, spectrum, len(noisy), frontend) for output in outputs]
        return waves, output_powers(*outputs)

    def layers(self, progress: Callable[[int, int], None]) -> tuple[LayerAccuracy, ...]:
        """Accuracy per layer on the first frames."""
        return compare_layers(
            self._model,
            self._float_tflite,
            self._sequences,
            initial_states=self._initial_states,
            progress=progress,
        )


def _apply(
    outputs: Mapping[str, np.ndarray],
    spectrum: np.ndarray,
    samples: int,
    frontend: FrontendConfig,
) -> np.ndarray:
    masked = audio.apply_mask(spectrum, outputs["mask"][..., 0], outputs["phase"], frontend)
    pcm = audio.to_pcm16(audio.synthesize(masked, samples, frontend))
    return pcm.astype(np.float32) / np.float32(32768.0)


def _failures(
    limits: AccuracyLimits, what: str, exact: SpeechScores, quantized: SpeechScores
) -> list[str]:
    """Limits of speech scores that ``what`` misses, a line each."""
    drops = (
        ("PESQ-WB", exact.pesq_wb - quantized.pesq_wb, limits.max_pesq_drop),
        ("STOI", exact.stoi - quantized.stoi, limits.max_stoi_drop),
        ("SI-SDR", exact.si_sdr_db - quantized.si_sdr_db, limits.max_si_sdr_drop_db),
    )
    failures = [
        f"{what}: mean {name} drops by {drop:.4f}, limit {limit:g}"
        for name, drop, limit in drops
        if limit is not None and not drop <= limit  # so that NaN fails
    ]
    if limits.min_pesq is not None and not quantized.pesq_wb >= limits.min_pesq:
        failures.append(
            f"{what}: mean PESQ-WB is {quantized.pesq_wb:.4f}, "
            f"expected at least {limits.min_pesq:g}"
        )
    return failures


def _output_failures(limits: AccuracyLimits, output_sqnr: Mapping[str, float]) -> list[str]:
    """Network outputs with too low a SQNR, a line each."""
    if limits.min_output_sqnr_db is None:
        return []
    return [
        f"output '{name}' has {value:.2f} dB SQNR, expected at least {limits.min_output_sqnr_db:g}"
        for name, value in output_sqnr.items()
        if not value >= limits.min_output_sqnr_db
    ]
