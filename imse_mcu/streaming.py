"""``run`` on files: a WAV in, a WAV out, ``run.json`` and the page in the build folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.buildfolder import PAGE_FILE, RUN_FILE, BuildFolder
from imse_mcu.core.audio_io import SAMPLE_RATE_HZ, Recording, read_audio, write_wav
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import write_json, write_text
from imse_mcu.core.progress import Reporter
from imse_mcu.report.clips import Clip
from imse_mcu.report.page import render_page
from imse_mcu.running import RunReport, run_recording

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quantize.metrics import SpeechScores


class RunPathError(ImseMcuError):
    """The place for the enhanced recording does not fit."""

    exit_code = 2


@dataclass(frozen=True)
class FileRun:
    """A recording that went through the image.

    Attributes:
        output: Enhanced WAV.
        page: HTML page.
        report: What the run showed.
        notices: What had to be converted when reading.
        scores: ``noisy``, ``float`` and ``image`` against the clean recording; empty where none
            was named.
    """

    output: Path
    page: Path
    report: RunReport
    notices: tuple[str, ...]
    scores: Mapping[str, SpeechScores]


def run_file(
    folder: Path,
    source: Path,
    output: Path | None,
    *,
    on: str,
    reporter: Reporter,
    clean: Path | None = None,
) -> FileRun:
    """Streams a recording through the image of a build.

    Args:
        folder: Build folder.
        source: Noisy recording.
        output: WAV to write; ``<source>-enhanced.wav`` next to the source when None.
        on: Where it runs, see :func:`imse_mcu.device.open_device`.
        reporter: Progress and notices.
        clean: The same recording without the noise, aligned; scores and the page then have it.

    Returns:
        Where things lie and what the run showed.

    Raises:
        ImseMcuError: If the build, the recording or the image cannot be used; nothing is written
            then.
    """
    build = BuildFolder.open(folder)
    target = output or source.with_name(f"{source.stem}-enhanced.wav")
    if target.suffix.lower() != ".wav" or target.is_dir():
        raise RunPathError(
            f"cannot write {target}: results are WAV files", hint="end the name with .wav"
        )
    if target.resolve() == source.resolve():
        raise RunPathError(f"{source} would be overwritten by its result", hint="give another -o")
    recording = read_audio(source)
    reference = _read_clean(clean, source, recording) if clean is not None else None
    for notice in recording.notices + (reference.notices if reference else ()):
        reporter.note(f"note: {notice}")
    scores = {}
    if reference is not None:
        # First of all, since a recording that cannot be scored ends the command.
        with reporter.stage("scoring the noisy recording"):
            scores["noisy"] = _score(reference.pcm, recording.pcm, source.name)
    host = build.host_model()
    result = run_recording(build, host, recording.pcm, on=on, reporter=reporter)
    with reporter.stage("the float model on this machine"):
        versions = {
            "noisy": recording.pcm,
            "float": host.enhance(recording.samples, "float"),
            "image": result.pcm,
        }
    if reference is not None:
        with reporter.stage("scoring against the clean recording"):
            for name in ("float", "image"):
                scores[name] = _score(reference.pcm, versions[name], source.name)
    write_wav(target, result.pcm)
    data = result.report.to_json()
    data["scores"] = {name: score.to_json() for name, score in scores.items()} or None
    notes = {
        "noisy": ("Noisy", source.name),
        "float": ("Float", "the model before quantization, on this machine"),
        "image": ("Int8", f"through the image ({result.report.place})"),
    }
    clips = [
        Clip(*notes[name], pcm, scores[name].to_json() if name in scores else {})
        for name, pcm in versions.items()
    ]
    if clean is not None and reference is not None:
        clips.append(Clip("Clean", clean.name, reference.pcm))
    with reporter.stage("drawing the page"):
        page = render_page(build.record, run=data, clips=clips)
    write_json(folder / RUN_FILE, data)
    write_text(folder / PAGE_FILE, page)
    notices = recording.notices + (reference.notices if reference else ())
    return FileRun(target, folder / PAGE_FILE, result.report, notices, scores)


def _read_clean(path: Path, source: Path, noisy: Recording) -> Recording:
    """Reads the clean recording, which is as long as the noisy one."""
    clean = read_audio(path)
    if len(clean.pcm) != len(noisy.pcm):
        raise RunPathError(
            f"{path} has {len(clean.pcm)} samples at 16 kHz, {source} has {len(noisy.pcm)}, "
            "expected equal",
            hint="name the recording that the noisy one was made from, cut alike",
        )
    return clean


def _score(clean: NDArray[np.int16], pcm: NDArray[np.int16], name: str) -> SpeechScores:
    """Scores a version of a recording against the clean one."""
    import numpy as np

    from quantize.metrics import score_speech

    reference, wave = (x.astype(np.float32) / np.float32(32768.0) for x in (clean, pcm))
    return score_speech(reference, wave, SAMPLE_RATE_HZ, name=name)
