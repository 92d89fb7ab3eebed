"""Float against int8 of a build on pairs of recordings."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.audio_io import EXTENSIONS, read_audio, to_pcm16
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.device import Device, open_device
from imse_mcu.engines import ENGINES
from imse_mcu.host import HostModel
from imse_mcu.running import mismatching_frames, stream
from imse_mcu.segment_host import segment_frames
from imse_mcu.segment_running import run_segments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quantize.accuracy import AccuracyLimits, AccuracyReport, Pair


class PairError(ImseMcuError):
    """Clean and noisy recordings do not pair."""

    exit_code = 2


def find_recordings(clean: Path, noisy: Path) -> tuple[Pair, ...]:
    """Pairs two files, or two folders by file name.

    Args:
        clean: Clean recording or folder.
        noisy: Noisy recording or folder.

    Returns:
        Pairs sorted by name.

    Raises:
        ImseMcuError: If they do not pair, or one is missing.
    """
    from quantize.accuracy import Pair, find_pairs

    if clean.exists() and noisy.exists() and clean.is_dir() != noisy.is_dir():
        raise PairError(
            f"{clean} and {noisy} do not pair: one is a folder, the other a file",
            hint="give two files or two folders",
        )
    if not clean.is_dir() and clean.suffix.lower() in EXTENSIONS:
        return (Pair(noisy.stem, clean, noisy),)
    return find_pairs(clean, noisy)


class ImageMismatchError(ImseMcuError):
    """The image computes something else than the model it was built from."""


def check_build(
    folder: Path,
    pairs: Sequence[Pair],
    limits: AccuracyLimits,
    reporter: Reporter,
    *,
    on: str | None = None,
    engine: str = "tflm",
) -> AccuracyReport:
    """Compares the int8 model of a build, and its image, with its float reference.

    Args:
        folder: Build folder.
        pairs: Recordings; all are read before the work starts.
        limits: What must not be exceeded.
        reporter: Progress.
        on: Where to run the image too, see :func:`imse_mcu.device.open_device`; None for nowhere.
        engine: What computes int8 on this machine, see :data:`imse_mcu.engines.ENGINES`.

    Returns:
        The report; ``passed`` tells whether the limits are met.

    Raises:
        ImageMismatchError: A frame of the image differs from what the engine computes.
        ImseMcuError: If the folder is no build, or a recording cannot be used.
    """
    from quantize.accuracy import check_accuracy, read_pair

    build = BuildFolder.open(folder)
    host = replace(build.host_model(), engine=engine)
    for pair in pairs:
        read_pair(pair)
        for path in (pair.clean, pair.noisy):
            for notice in read_audio(path).notices:
                reporter.note(f"note: {notice}")
    with contextlib.ExitStack() as stack:
        image = None
        if on is not None and segment_frames(host.quantized):
            image = functools.partial(_segments_through_image, build, host, on)
        elif on is not None:
            device = stack.enter_context(open_device(build, on))
            device.greet(host.quantized.digest)
            image = functools.partial(_through_image, device, host)
        stage = stack.enter_context(
            reporter.stage(f"comparing int8 with float on {len(pairs)} recordings")
        )
        return check_accuracy(
            host.integers,
            host.float_tflite,
            pairs,
            initial_states=host.initial_states,
            limits=limits,
            image=image,
            progress=lambda step, done, total: stage.update(done, total, step),
        )


def _through_image(
    device: Device, host: HostModel, noisy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Enhances samples [n] with the image; every frame must equal the host interpreter's."""
    import numpy as np

    device.link.reset()
    enhanced, results = stream(device, to_pcm16(noisy), host.frontend.hop, lambda done, total: None)
    wrong = mismatching_frames(host, results)
    if wrong:
        raise _mismatch(host, device.place, len(wrong), len(results), wrong[0])
    return enhanced.astype(np.float32) / np.float32(32768.0)


def _segments_through_image(
    build: BuildFolder, host: HostModel, on: str, noisy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Enhances samples [n] with an image over segments, which must equal the host interpreter."""
    import numpy as np

    quiet = Reporter(enabled=False)
    run = run_segments(build, host, to_pcm16(noisy), on=on, reporter=quiet)
    report = run.report
    if report.first_mismatch is not None:
        raise _mismatch(
            host, report.place, report.mismatching_frames, report.frames, report.first_mismatch
        )
    return run.pcm.astype(np.float32) / np.float32(32768.0)


def _mismatch(
    host: HostModel, place: str, wrong: int, frames: int, first: int
) -> ImageMismatchError:
    return ImageMismatchError(
        f"the image on {place} differs from {ENGINES[host.engine]} in {wrong} of {frames} frames, "
        f"first in frame {first}",
        hint="build again; if it stays, report it with the build folder",
    )
