"""``run`` on files: a WAV in, a WAV out, ``run.json`` and the page in the build folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imse_mcu.buildfolder import PAGE_FILE, RUN_FILE, BuildFolder
from imse_mcu.core.audio_io import read_audio, write_wav
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import write_json, write_text
from imse_mcu.core.progress import Reporter
from imse_mcu.report.page import Clip, render_page
from imse_mcu.running import RunReport, run_recording


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
    """

    output: Path
    page: Path
    report: RunReport
    notices: tuple[str, ...]


def run_file(
    folder: Path, source: Path, output: Path | None, *, on: str, reporter: Reporter
) -> FileRun:
    """Streams a recording through the image of a build.

    Args:
        folder: Build folder.
        source: Noisy recording.
        output: WAV to write; ``<source>-enhanced.wav`` next to the source when None.
        on: Where it runs, see :func:`imse_mcu.device.open_device`.
        reporter: Progress and notices.

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
    for notice in recording.notices:
        reporter.note(f"note: {notice}")
    host = build.host_model()
    result = run_recording(build, host, recording.pcm, on=on, reporter=reporter)
    write_wav(target, result.pcm)
    data = result.report.to_json()
    clips = (
        Clip(f"noisy: {source.name}", recording.pcm),
        Clip(f"through the image ({result.report.place})", result.pcm),
    )
    with reporter.stage("drawing the page"):
        page = render_page(build.record, run=data, clips=clips)
    write_json(folder / RUN_FILE, data)
    write_text(folder / PAGE_FILE, page)
    return FileRun(target, folder / PAGE_FILE, result.report, recording.notices)
