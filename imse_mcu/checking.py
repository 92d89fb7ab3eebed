"""Float against int8 on pairs of recordings: speech metrics per file, SQNR per layer, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from imse_mcu.core.audio_io import EXTENSIONS, Recording, list_recordings, read_audio, to_pcm16
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.metrics import SpeechMetrics, snr_db, speech_metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imse_mcu.host import HostModel

VERSIONS = ("noisy", "float", "int8")
_METRICS = ("pesq_wb", "stoi", "si_sdr_db")


class PairError(ImseMcuError):
    """Clean and noisy recordings do not pair."""

    exit_code = 2


@dataclass(frozen=True)
class Pair:
    """A clean recording and its noisy version, sample by sample aligned.

    Attributes:
        name: File name without suffix.
        clean: Path of the clean recording.
        noisy: Path of the noisy recording.
    """

    name: str
    clean: Path
    noisy: Path


@dataclass(frozen=True)
class FileResult:
    """Metrics of one pair.

    Attributes:
        name: Name of the pair.
        duration_s: Length in seconds.
        metrics: Metrics of ``noisy``, ``float`` and ``int8``.
        int8_vs_float_db: SNR in dB of the int8 result against the float result.
    """

    name: str
    duration_s: float
    metrics: Mapping[str, SpeechMetrics]
    int8_vs_float_db: float

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain data."""
        return {
            "name": self.name,
            "duration_s": round(self.duration_s, 3),
            **{version: self.metrics[version].to_json() for version in VERSIONS},
            "int8_vs_float_db": round(self.int8_vs_float_db, 2),
        }


@dataclass(frozen=True)
class Limits:
    """What a check must not exceed; None where anything goes.

    Attributes:
        max_pesq_drop: Largest mean PESQ that int8 may lose against float.
        max_stoi_drop: The same for STOI.
        max_si_sdr_drop_db: The same for SI-SDR in dB.
        min_pesq: Smallest mean PESQ of int8.
        min_layer_sqnr_db: Smallest SQNR of any layer in dB.
    """

    max_pesq_drop: float | None = None
    max_stoi_drop: float | None = None
    max_si_sdr_drop_db: float | None = None
    min_pesq: float | None = None
    min_layer_sqnr_db: float | None = None


@dataclass(frozen=True)
class LayerSqnr:
    """How well a layer's int8 output follows the float one.

    Attributes:
        name: Tensor name.
        sqnr_db: Signal-to-quantization-noise ratio in dB.
    """

    name: str
    sqnr_db: float

    def to_json(self) -> dict[str, Any]:
        """Returns the layer as plain data."""
        return {"name": self.name, "sqnr_db": round(self.sqnr_db, 2)}


@dataclass(frozen=True)
class CheckReport:
    """Outcome of a check.

    Attributes:
        files: Result per pair.
        layers: SQNR per layer, worst first.
        breaches: Limits that were exceeded, one sentence each.
        notices: What had to be converted when reading.
    """

    files: Sequence[FileResult]
    layers: Sequence[LayerSqnr]
    breaches: Sequence[str]
    notices: Sequence[str]

    def mean(self, version: str) -> SpeechMetrics:
        """Returns the mean metrics of a version over all files.

        Args:
            version: ``noisy``, ``float`` or ``int8``.
        """
        rows = [f.metrics[version] for f in self.files]
        return SpeechMetrics(*(fmean(getattr(row, name) for row in rows) for name in _METRICS))

    @property
    def passed(self) -> bool:
        """Whether every limit was kept."""
        return not self.breaches

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain data."""
        return {
            "files": [f.to_json() for f in self.files],
            "mean": {version: self.mean(version).to_json() for version in VERSIONS},
            "layers": [layer.to_json() for layer in self.layers],
            "breaches": list(self.breaches),
            "notices": list(self.notices),
            "passed": self.passed,
        }


def find_pairs(clean: Path, noisy: Path) -> list[Pair]:
    """Pairs two files, or two folders by file name.

    Args:
        clean: Clean recording or folder.
        noisy: Noisy recording or folder.

    Returns:
        Pairs sorted by name.

    Raises:
        PairError: If one is a file and the other a folder, or names have no partner.
        AudioFileError: If a folder is missing or holds no recordings.
    """
    if clean.is_dir() != noisy.is_dir() and clean.exists() and noisy.exists():
        raise PairError(
            f"{clean} and {noisy} do not pair: one is a folder, the other a file",
            hint="give two files or two folders",
        )
    if not clean.is_dir() and clean.suffix.lower() in EXTENSIONS:
        return [Pair(noisy.stem, clean, noisy)]
    left = {p.stem: p for p in list_recordings(clean)}
    right = {p.stem: p for p in list_recordings(noisy)}
    lonely = sorted(left.keys() ^ right.keys())
    if lonely:
        shown = ", ".join(lonely[:3]) + (", …" if len(lonely) > 3 else "")
        raise PairError(
            f"{len(lonely)} of {len(left | right)} names in {clean} and {noisy} "
            f"have no partner: {shown}",
            hint="name the clean and the noisy version of a recording alike",
        )
    return [Pair(name, left[name], right[name]) for name in sorted(left)]


def read_pair(pair: Pair) -> tuple[Recording, Recording]:
    """Reads both recordings of a pair.

    Returns:
        Clean and noisy recording of equal length.

    Raises:
        AudioFileError: If one cannot be used.
        PairError: If their lengths differ.
    """
    clean, noisy = read_audio(pair.clean), read_audio(pair.noisy)
    if len(clean.pcm) != len(noisy.pcm):
        raise PairError(
            f"{pair.clean} and {pair.noisy} do not pair: "
            f"{len(clean.pcm)} and {len(noisy.pcm)} samples at 16 kHz",
            hint="cut both to the same samples; they must be aligned",
        )
    return clean, noisy


def check(
    model: HostModel,
    pairs: Sequence[Pair],
    limits: Limits,
    *,
    layers: bool = True,
    reporter: Reporter | None = None,
) -> CheckReport:
    """Compares int8 with float on pairs of recordings.

    Args:
        model: The model in both precisions.
        pairs: Recordings.
        limits: What must not be exceeded.
        layers: Whether to measure every layer too.
        reporter: Progress.

    Returns:
        The report; limits that were exceeded are in ``breaches``.

    Raises:
        AudioFileError, PairError, MetricError: If a recording cannot be used.
    """
    reporter = reporter or Reporter(enabled=False)
    for pair in pairs:
        read_pair(pair)
    results, notices, features = [], [], []
    with reporter.stage(f"comparing int8 with float on {len(pairs)} recordings") as stage:
        for number, pair in enumerate(pairs):
            stage.update(number, len(pairs), pair.name)
            clean, noisy = read_pair(pair)
            notices += [*clean.notices, *noisy.notices]
            results.append(_compare(model, pair.name, clean, noisy))
            features.append(noisy.samples)
    measured: Sequence[LayerSqnr] = ()
    if layers:
        with reporter.stage("measuring every layer"):
            measured = layer_sqnr(model, features)
    report = CheckReport(results, measured, (), tuple(dict.fromkeys(notices)))
    return CheckReport(results, measured, breaches(report, limits), report.notices)


def _compare(model: HostModel, name: str, clean: Recording, noisy: Recording) -> FileResult:
    """Runs one pair in both precisions; results are judged as 16 bit samples."""
    import numpy as np

    outputs = {"noisy": noisy.samples}
    for precision in ("float", "int8"):
        pcm = to_pcm16(model.enhance(noisy.samples, precision))
        outputs[precision] = pcm.astype(np.float32) / np.float32(32768.0)
    return FileResult(
        name=name,
        duration_s=noisy.duration_s,
        metrics={
            version: speech_metrics(clean.samples, outputs[version], name=name)
            for version in VERSIONS
        },
        int8_vs_float_db=snr_db(outputs["float"], outputs["int8"]),
    )


def breaches(report: CheckReport, limits: Limits) -> list[str]:
    """Returns one sentence for each limit that a report exceeds."""
    exact, integer = report.mean("float"), report.mean("int8")
    drops = (
        ("PESQ-WB", limits.max_pesq_drop, exact.pesq_wb - integer.pesq_wb, ""),
        ("STOI", limits.max_stoi_drop, exact.stoi - integer.stoi, ""),
        ("SI-SDR", limits.max_si_sdr_drop_db, exact.si_sdr_db - integer.si_sdr_db, " dB"),
    )
    found = [
        f"int8 loses {drop:.3f}{unit} {name} against float, the limit is {limit:g}{unit}"
        for name, limit, drop, unit in drops
        if limit is not None and drop > limit
    ]
    if limits.min_pesq is not None and integer.pesq_wb < limits.min_pesq:
        found.append(f"int8 reaches PESQ-WB {integer.pesq_wb:.3f}, the limit is {limits.min_pesq:g}")
    if limits.min_layer_sqnr_db is not None:
        found += [
            f"layer {layer.name} has {layer.sqnr_db:.1f} dB SQNR, "
            f"the limit is {limits.min_layer_sqnr_db:g} dB"
            for layer in report.layers
            if layer.sqnr_db < limits.min_layer_sqnr_db
        ]
    return found


def layer_sqnr(
    model: HostModel, recordings: Sequence[NDArray[np.float32]], *, max_frames: int = 300
) -> list[LayerSqnr]:
    """Measures how well each layer's int8 output follows float.

    Both networks run freely with their own states, so errors that build up over time count.

    Args:
        model: The model in both precisions.
        recordings: Noisy samples, shape [n] each.
        max_frames: Frames used in all.

    Returns:
        SQNR of every layer whose tensor has the same name in both models, worst first.
    """
    from keras_imse import audio
    from quantize.accuracy import layer_sqnr as measure

    frontend = model.frontend
    sequences, left = [], max_frames
    share = max(32, max_frames // max(1, len(recordings)))
    for samples in recordings:
        if left <= 0:
            break
        features, _ = audio.features_of(samples, frontend)
        sequences.append(features[: min(share, left)])
        left -= len(sequences[-1])
    measured = measure(model.float_tflite, model.quantized, sequences)
    return sorted((LayerSqnr(name, value) for name, value in measured), key=lambda m: m.sqnr_db)
