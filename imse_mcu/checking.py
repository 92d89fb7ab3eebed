"""Float against int8 of a build on pairs of recordings."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.audio_io import EXTENSIONS, read_audio
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.device import Device, open_device
from imse_mcu.host import HostModel
from imse_mcu.quantization import ModelFamilyError
from imse_mcu.running import mismatching_frames, stream
from imse_mcu.segment_host import segment_frames

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
) -> AccuracyReport:
    """Compares the int8 model of a build, and its image, with its float reference.

    Args:
        folder: Build folder.
        pairs: Recordings; all are read before the work starts.
        limits: What must not be exceeded.
        reporter: Progress.
        on: Where to run the image too, see :func:`imse_mcu.device.open_device`; None for nowhere.

    Returns:
        The report; ``passed`` tells whether the limits are met.

    Raises:
        ImageMismatchError: A frame of the image differs from the TFLM host interpreter.
        ImseMcuError: If the folder is no build, or a recording cannot be used.
    """
    from quantize.accuracy import check_accuracy, read_pair

    build = BuildFolder.open(folder)
    host = build.host_model()
    if segment_frames(host.quantized):
        raise ModelFamilyError(
            f"{folder} holds a network over segments, check compares networks that run frame by "
            "frame",
            hint="enhance the recordings with imse-mcu enhance --model imse, --precision float and "
            "int8, and prove the image with imse-mcu run",
        )
    for pair in pairs:
        read_pair(pair)
        for path in (pair.clean, pair.noisy):
            for notice in read_audio(path).notices:
                reporter.note(f"note: {notice}")
    with contextlib.ExitStack() as stack:
        image = None
        if on is not None:
            device = stack.enter_context(open_device(build, on))
            device.greet(host.quantized.digest)
            image = functools.partial(_through_image, device, host)
        stage = stack.enter_context(
            reporter.stage(f"comparing int8 with float on {len(pairs)} recordings")
        )
        return check_accuracy(
            host.quantized,
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

    from keras_imse.audio import to_pcm16

    device.link.reset()
    enhanced, results = stream(device, to_pcm16(noisy), host.frontend.hop, lambda done, total: None)
    wrong = mismatching_frames(host, results)
    if wrong:
        raise ImageMismatchError(
            f"the image on {device.place} differs from the TFLM interpreter in {len(wrong)} of "
            f"{len(results)} frames, first in frame {wrong[0]}",
            hint="build again; if it stays, report it with the build folder",
        )
    return enhanced.astype(np.float32) / np.float32(32768.0)
