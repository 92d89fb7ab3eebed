"""Float against int8 of a build on pairs of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.audio_io import EXTENSIONS, read_audio
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter

if TYPE_CHECKING:
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


def check_build(
    folder: Path, pairs: Sequence[Pair], limits: AccuracyLimits, reporter: Reporter
) -> AccuracyReport:
    """Compares the int8 model of a build with its float reference.

    Args:
        folder: Build folder.
        pairs: Recordings; all are read before the work starts.
        limits: What must not be exceeded.
        reporter: Progress.

    Returns:
        The report; ``passed`` tells whether the limits are met.

    Raises:
        ImseMcuError: If the folder is no build, or a recording cannot be used.
    """
    from quantize.accuracy import check_accuracy, read_pair

    host = BuildFolder.open(folder).host_model()
    for pair in pairs:
        read_pair(pair)
        for path in (pair.clean, pair.noisy):
            for notice in read_audio(path).notices:
                reporter.note(f"note: {notice}")
    with reporter.stage(f"comparing int8 with float on {len(pairs)} recordings") as stage:
        return check_accuracy(
            host.quantized,
            host.float_tflite,
            pairs,
            initial_states=host.initial_states,
            limits=limits,
            progress=lambda step, done, total: stage.update(done, total, step),
        )
