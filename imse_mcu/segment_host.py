"""A network over segments on this machine, whole recordings, as the firmware has it or in float.

Int8 samples are exactly those of the firmware: its front end has a twin here, and the network runs
in the TensorFlow Lite Micro interpreter or as the firmware's C. No TensorFlow is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_imse import device_segment, offline_audio
from keras_imse.device_audio import Scale
from keras_imse.errors import AudioError
from keras_imse.imse_config import ImseConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imse_mcu.host import HostModel
    from quantize.artifact import QuantizedModel

Progress = Callable[[int, int], None]


def segment_frames(model: QuantizedModel) -> int:
    """Frames that a model takes at a time; 0 for one that runs frame by frame."""
    if model.metadata.family != "imse":
        return 0
    return int(model.graph.tensors[model.metadata.inputs["features"]].shape[1])


def segment_samples(model: QuantizedModel) -> int:
    """Samples that a segment of a model brings; 0 for one that runs frame by frame."""
    return max(0, segment_frames(model) - 1) * model.metadata.frontend.hop


def scales(model: QuantizedModel) -> dict[str, Scale]:
    """Quantization of a model's features, mask and phase."""
    ends = {**model.metadata.inputs, **model.metadata.outputs}
    tensors = {name: model.graph.tensors[index] for name, index in ends.items()}
    return {name: Scale(t.scale, t.zero_point, t.dtype) for name, t in tensors.items()}


@dataclass(frozen=True, eq=False)
class Piece:
    """A segment of a recording.

    Attributes:
        start: First sample in the recording.
        keep: Samples of its result that go into the output.
        pcm: int16 samples, padded with zeros where the recording is shorter than a segment.
    """

    start: int
    keep: int
    pcm: NDArray[np.int16]


def check_length(pcm: NDArray[np.int16], model: QuantizedModel) -> None:
    """Refuses recordings shorter than one window.

    Raises:
        AudioError: The recording is too short.
    """
    window = model.metadata.frontend.n_fft
    if len(pcm) < window:
        raise AudioError(
            f"recording of {len(pcm)} samples is shorter than one window ({window} samples)",
            hint="use a longer recording",
        )


def pieces(pcm: NDArray[np.int16], samples: int) -> list[Piece]:
    """Cuts a recording as the authors do; the last segment overlaps the one before.

    Args:
        pcm: int16 samples, shape [n].
        samples: Samples of a segment.
    """
    found = []
    for segment in offline_audio.segments(len(pcm), samples):
        part = pcm[segment.start : segment.start + samples]
        found.append(Piece(segment.start, segment.keep, np.pad(part, (0, samples - len(part)))))
    return found


def recording_gain(pcm: NDArray[np.int16]) -> np.float32:
    """Gain that brings a whole recording to a root mean square of one; 0 for silence."""
    return np.float32(offline_audio.level_factor(pcm.astype(np.float64) / 32768.0))


def float_features(host: HostModel, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """Features of a recording's segments by the definition, not the firmware's roundings.

    Args:
        host: The model.
        pcm: int16 samples, shape [n], not silent.

    Returns:
        ``(segments, frames, bands, 2)``.
    """
    gain = offline_audio.level_factor(pcm.astype(np.float64) / 32768.0)
    found = []
    for piece in pieces(pcm, segment_samples(host.quantized)):
        wave = piece.pcm.astype(np.float64) / 32768.0 * gain
        found.append(offline_audio.features(*offline_audio.magnitude_phase(wave))[0])
    return np.stack(found)


def enhance_integer(
    host: HostModel, pcm: NDArray[np.int16], progress: Progress | None = None
) -> NDArray[np.int16]:
    """Cleans a recording; every sample is the firmware's.

    Args:
        host: The model.
        pcm: Noisy int16 samples, shape [n].
        progress: Called with segments done and segments in all.

    Returns:
        Enhanced int16 samples, shape [n].
    """
    model = host.quantized
    check_length(pcm, model)
    gain, found = recording_gain(pcm), scales(model)
    out = np.zeros(len(pcm), np.int16)
    if gain == 0:
        return out
    cut = pieces(pcm, segment_samples(model))
    for done, piece in enumerate(cut, start=1):
        spectrum = device_segment.spectrum_of(piece.pcm, gain)
        features = device_segment.features_of(
            spectrum, host.frontend.compression, found["features"]
        )
        outputs = host.integers.invoke(features)
        samples = synthesize(host, spectrum, gain, outputs["mask"], outputs["phase"])
        out[piece.start : piece.start + piece.keep] = samples[: piece.keep]
        if progress is not None:
            progress(done, len(cut))
    return out


def synthesize(
    host: HostModel,
    spectrum: NDArray[np.float32],
    gain: np.float32,
    mask: NDArray[np.signedinteger],
    phase: NDArray[np.signedinteger],
) -> NDArray[np.int16]:
    """Samples of a segment that the firmware makes of the network's outputs.

    Args:
        host: The model.
        spectrum: From :func:`keras_imse.device_segment.spectrum_of`.
        gain: Gain before the transform.
        mask: Network output, any shape.
        phase: Network output, any shape.
    """
    found = scales(host.quantized)
    frames, bands = spectrum.shape[:2]
    return device_segment.samples_of(
        spectrum,
        gain,
        mask.reshape(frames, bands),
        phase.reshape(frames, bands, 2),
        (found["mask"], found["phase"]),
        host.frontend.compression,
    )


def enhance_float(
    host: HostModel, samples: NDArray[np.float32], progress: Progress | None = None
) -> NDArray[np.float32]:
    """Cleans a recording with the float model.

    Args:
        host: The model.
        samples: Noisy samples in [-1, 1), shape [n].
        progress: Called with segments done and segments in all.

    Returns:
        Enhanced samples, shape [n].

    Raises:
        AudioError: The recording is shorter than one window.
    """
    from keras_imse.enhance_imse import enhance
    from quantize.calibration import FloatRunner

    runner = FloatRunner(host.float_tflite)
    length = segment_samples(host.quantized)
    return enhance(
        samples, runner.run_frame, ImseConfig(), segment_samples=length, progress=progress
    )
