"""Hours of audio without a reset: a network that keeps states must not drift.

The same minute is played over and over. States reach back a few seconds at most, so from the second
minute on everything must repeat, bit for bit. A running sum that loses a rounding per frame, a
counter that overflows or a state that saturates does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.audio_io import read_audio
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.stress import Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imse_mcu.host import HostModel
    from quantize.accuracy import Pair

Progress = Callable[[int, int, str], None]

LAP_SECONDS = 60


class SoakError(ImseMcuError):
    """The model has nothing to soak."""

    exit_code = 2


def soak(
    folder: Path, pairs: Sequence[Pair], minutes: int, reporter: Reporter, *, engine: str = "tflm"
) -> tuple[Trial, ...]:
    """Runs the integer model of a build for a long time.

    Args:
        folder: Build folder.
        pairs: The noisy recordings, one after another and repeated, make the minute.
        minutes: Minutes of audio, at least 3: one to settle, one to compare with, one compared.
        reporter: Progress.
        engine: What computes int8, see :data:`imse_mcu.engines.ENGINES`.

    Returns:
        The trials in a fixed order.

    Raises:
        ImseMcuError: If the folder is no build, its model carries no states, or a recording cannot
            be used.
    """
    import numpy as np

    host = _streaming_model(folder, engine)
    lap_samples = LAP_SECONDS * host.frontend.sample_rate_hz // host.frontend.hop
    lap_samples *= host.frontend.hop
    recordings = np.concatenate([read_audio(pair.noisy).pcm for pair in pairs])
    lap = np.resize(recordings, lap_samples)
    with reporter.stage(f"{minutes} minutes of audio without a reset") as stage:
        return _trials(host, lap, minutes, stage.update)


def check_soakable(folder: Path) -> None:
    """Refuses a build whose model carries no states.

    Raises:
        ImseMcuError: The folder is no build, or there is nothing to soak.
    """
    _streaming_model(folder, "tflm")


def _streaming_model(folder: Path, engine: str) -> HostModel:
    host = replace(BuildFolder.open(folder).host_model(), engine=engine)
    if host.quantized.metadata.family == "imse":
        raise SoakError(
            f"model {host.quantized.metadata.model} keeps nothing from one segment to the next",
            hint="leave out --soak; it is for models that run frame by frame",
        )
    return host


def _trials(
    host: HostModel, lap: NDArray[np.int16], minutes: int, progress: Progress
) -> tuple[Trial, ...]:
    import numpy as np

    from keras_imse import device_audio

    metadata = host.quantized.metadata
    tensor = host.quantized.graph.tensors[metadata.inputs["features"]]
    scale = device_audio.Scale(tensor.scale, tensor.zero_point)
    frames = len(lap) // host.frontend.hop
    features, _ = device_audio.analyze(np.tile(lap, 3), host.frontend, scale)
    first, second, third = (features[i * frames : (i + 1) * frames] for i in range(3))
    runner = host.integers

    def run(number: int, lap_features: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Outputs of one lap as bytes, one row per frame."""
        progress(number, minutes + 1, "minutes")
        rows = []
        for frame in lap_features:
            outputs = runner.invoke(frame)
            rows.append(b"".join(outputs[name].tobytes() for name in sorted(outputs)))
        return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)

    def unlike(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
        return float(np.any((a != b).reshape(len(a), -1), axis=1).sum())

    runner.reset()
    settling = run(1, first)
    expected = run(2, second)
    drifted = sum(unlike(run(number, second), expected) for number in range(3, minutes + 1))
    runner.reset()
    again = run(minutes + 1, first)
    figures = {
        "minute 3 against 2: frames whose features differ": unlike(third, second),
        f"minutes 3 to {minutes} against 2: frames that differ": drifted,
        "after a reset against minute 1: frames that differ": unlike(again, settling),
    }
    return tuple(Trial(name, value, "", 0.0, at_least=False) for name, value in figures.items())
