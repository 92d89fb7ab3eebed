"""Cleaning files and folders on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imse_mcu.core.audio_io import list_recordings, read_audio, write_wav
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.host import HostModel, Precision
from imse_mcu.offline_host import OfflineHost


class OutputPathError(ImseMcuError):
    """The place for a result does not fit its source."""

    exit_code = 2


@dataclass(frozen=True)
class EnhanceJob:
    """One recording to clean.

    Attributes:
        source: Noisy recording.
        output: WAV to write.
    """

    source: Path
    output: Path


@dataclass(frozen=True)
class EnhanceResult:
    """One cleaned recording.

    Attributes:
        source: Noisy recording.
        output: WAV that was written.
        duration_s: Length in seconds.
        notices: What had to be converted.
    """

    source: Path
    output: Path
    duration_s: float
    notices: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the result as plain data."""
        return {
            "source": str(self.source),
            "output": str(self.output),
            "duration_s": round(self.duration_s, 4),
            "notices": list(self.notices),
        }


def plan_files(source: Path, output: Path) -> list[EnhanceJob]:
    """Says what becomes what, after reading every input once.

    Args:
        source: Recording, or folder of recordings.
        output: WAV for a recording, folder for a folder.

    Returns:
        One job per recording; no two write the same file and none overwrites its source.

    Raises:
        AudioFileError: If a recording cannot be used.
        OutputPathError: If the output does not fit.
    """
    if source.is_dir():
        if output.exists() and not output.is_dir():
            raise OutputPathError(
                f"{source} is a folder and {output} is a file", hint="name a folder with -o"
            )
        jobs = [EnhanceJob(p, output / f"{p.stem}.wav") for p in list_recordings(source)]
    else:
        target = output / f"{source.stem}.wav" if output.is_dir() else output
        if target.suffix.lower() != ".wav":
            raise OutputPathError(
                f"cannot write {target}: results are WAV files", hint="end the name with .wav"
            )
        jobs = [EnhanceJob(source, target)]
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.output.resolve() == job.source.resolve():
            raise OutputPathError(
                f"{job.source} would be overwritten by its result", hint="give another -o"
            )
        if job.output in seen:
            raise OutputPathError(
                f"{seen[job.output]} and {job.source} would both become {job.output}",
                hint="rename one of them",
            )
        seen[job.output] = job.source
        read_audio(job.source)
    return jobs


def enhance_files(
    model: HostModel | OfflineHost,
    jobs: Sequence[EnhanceJob],
    precision: Precision,
    reporter: Reporter,
) -> list[EnhanceResult]:
    """Cleans recordings.

    Args:
        model: The model.
        jobs: What to clean, see :func:`plan_files`.
        precision: ``float`` or ``int8``.
        reporter: Progress; notices about conversions are printed.

    Returns:
        One result per job.

    Raises:
        ImseMcuError: If a recording cannot be read or written.
    """
    results = []
    with reporter.stage(f"cleaning {len(jobs)} recording{'s' * (len(jobs) != 1)}") as stage:
        for number, job in enumerate(jobs):
            stage.update(number, len(jobs), job.source.name)
            recording = read_audio(job.source)
            for notice in recording.notices:
                reporter.note(f"note: {notice}")
            write_wav(job.output, model.enhance(recording.samples, precision))
            results.append(
                EnhanceResult(job.source, job.output, recording.duration_s, recording.notices)
            )
    return results
