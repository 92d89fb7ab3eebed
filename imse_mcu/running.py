"""Streaming a recording through the built image and comparing it with this machine."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.progress import Reporter
from imse_mcu.device import CycleMeaning, Device, open_device
from imse_mcu.host import HostModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from targets.link import DeviceLink
    from targets.protocol import AudioStatus, DeviceInfo, FrameResult

_TOP_FUNCTIONS = 40
_LAYER = re.compile(r"layer_\d+_\w+$")
# Functions around the layers, by the one that calls them: frame by frame, and segment by segment.
_STEPS = {
    "imse_pipeline_process": (
        "imse_frontend_analyze",
        "imse_frontend_synthesize",
        "imse_network_invoke",
    ),
    "imse_segment_process": (
        "imse_segment_analyze",
        "imse_segment_synthesize",
        "imse_network_invoke",
    ),
}


@dataclass(frozen=True)
class Spread:
    """Smallest, mean and largest of a count per frame."""

    minimum: int
    mean: float
    maximum: int

    def to_json(self) -> dict[str, Any]:
        """Returns the spread as plain data."""
        return {"min": self.minimum, "mean": round(self.mean, 1), "max": self.maximum}


@dataclass(frozen=True)
class MeasuredCycles:
    """What a board's own cycle counter says.

    Attributes:
        frame: Cycles per frame, analysis and synthesis included.
        frames: Frames that were measured.
        frames_per_second: Frames per second of audio.
        clock_hz: Processor clock that the board states.
    """

    frame: Spread
    frames: int
    frames_per_second: float
    clock_hz: int

    def to_json(self) -> dict[str, Any]:
        """Returns the measurement as plain data, in the form of ``report.json``."""
        per_second = self.frames_per_second / self.clock_hz
        return {
            "cycles_per_frame": {
                "value": round(self.frame.mean),
                "method": f"measured: the board's cycle counter, mean of {self.frames} frames, "
                f"largest {self.frame.maximum}",
            },
            "real_time_factor": round(self.frame.mean * per_second, 4),
            "worst_real_time_factor": round(self.frame.maximum * per_second, 4),
        }


@dataclass(frozen=True)
class RunReport:
    """What a run of the image showed.

    Attributes:
        place: ``unicorn``, ``qemu`` or ``serial``.
        runtime: Runtime that the image says it has.
        model_digest: SHA-256 of the model that the image says it has.
        build_id: Hash of the whole image that the image says it has.
        frames: Frames streamed.
        duration_s: Length of the recording in seconds.
        mismatching_frames: Frames whose mask or phase differs from the TFLM host interpreter.
        first_mismatch: Index of the first of them, or None.
        feature_differences: Features that the front end in C rounds the other way than the
            double-precision one.
        audio_snr_db: SNR of the device's audio against the double-precision analysis and
            synthesis with the device's masks: what the front end in C costs.
        differing_samples: Output samples that are not exactly those of this machine's own way from
            noisy to enhanced samples (``imse-mcu enhance``).
        counts: What ``network`` and ``frame`` count: instructions on an emulator, cycles on a
            board.
        clock_hz: Processor clock that the image states.
        frames_per_second: Frames per second of audio.
        network: Count per frame of the network alone.
        frame: Count per frame of analysis, network and synthesis.
        frame_counts: The same of every frame.
        stack_bytes: Size of the stack.
        peak_stack_bytes: Most of it used, as the image itself sees it.
        audio_stream: How the board's own stream from microphone to DAC fared until this run took
            the network; None where the image has none.
        line: Repairs on the line (requests, retries, damaged packets).
        functions: Instructions per frame by function, most first; empty on a board.
        layers: Instructions per frame by layer of the compiled network, kernels included, in
            their order; empty where layers are no functions of the image.
    """

    place: str
    runtime: str
    model_digest: str
    build_id: str
    frames: int
    duration_s: float
    mismatching_frames: int
    first_mismatch: int | None
    feature_differences: int
    audio_snr_db: float
    differing_samples: int
    counts: CycleMeaning
    clock_hz: int
    frames_per_second: float
    network: Spread
    frame: Spread
    frame_counts: tuple[int, ...]
    stack_bytes: int
    peak_stack_bytes: int
    audio_stream: AudioStatus | None = None
    line: Mapping[str, int] = field(default_factory=dict)
    functions: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, float] = field(default_factory=dict)

    @property
    def bit_exact(self) -> bool:
        """Whether every frame's network output equals the TFLM host interpreter's."""
        return self.mismatching_frames == 0

    @property
    def cycles(self) -> MeasuredCycles | None:
        """Cycles that a board measured, None where instructions were counted."""
        if self.counts != "cycles":
            return None
        return MeasuredCycles(self.frame, self.frames, self.frames_per_second, self.clock_hz)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain data."""
        return {
            "place": self.place,
            "runtime": self.runtime,
            "model_digest": self.model_digest,
            "build_id": self.build_id,
            "frames": self.frames,
            "duration_s": round(self.duration_s, 4),
            "bit_exact": self.bit_exact,
            "mismatching_frames": self.mismatching_frames,
            "first_mismatch": self.first_mismatch,
            "feature_differences": self.feature_differences,
            "audio_snr_db": round(self.audio_snr_db, 2),
            "differing_samples": self.differing_samples,
            "counts": self.counts,
            "clock_hz": self.clock_hz,
            "network_per_frame": self.network.to_json(),
            "frame_per_frame": self.frame.to_json(),
            "frame_counts": list(self.frame_counts),
            "measured": self.cycles.to_json() if self.cycles else None,
            "stack_bytes": self.stack_bytes,
            "peak_stack_bytes": self.peak_stack_bytes,
            "audio_stream": self.audio_stream.to_json() if self.audio_stream else None,
            "line": dict(self.line),
            "functions_per_frame": {k: round(v, 1) for k, v in self.functions.items()},
            "layers_per_frame": {k: round(v, 1) for k, v in self.layers.items()},
        }


@dataclass(frozen=True, eq=False)
class DeviceRun:
    """A recording that went through the image.

    Attributes:
        pcm: Enhanced int16 samples, shape [n], aligned with the input.
        report: What the run showed.
    """

    pcm: NDArray[np.int16]
    report: RunReport


def run_recording(
    build: BuildFolder,
    host: HostModel,
    pcm: NDArray[np.int16],
    *,
    on: str = "emulator",
    reporter: Reporter,
) -> DeviceRun:
    """Streams a recording through the image of a build, frame by frame.

    Every frame's network output is compared with the TFLM host interpreter fed with the features
    of the device, and the audio with the host's own pipeline.

    Args:
        build: The build.
        host: Its model on this machine.
        pcm: Noisy int16 samples, shape [n].
        on: Where it runs, see :func:`imse_mcu.device.open_device`.
        reporter: Progress.

    Returns:
        Enhanced audio and report.

    Raises:
        ImseMcuError: If the image fails, is another one, or cannot be reached.
    """
    if host.quantized.metadata.family == "imse":
        from imse_mcu.segment_running import run_segments

        return run_segments(build, host, pcm, on=on, reporter=reporter)
    with open_device(build, on) as device:
        with reporter.stage(f"starting the image on {on}"):
            info = device.greet(host.quantized.digest)
        prepare_counts(device)
        with reporter.stage(f"streaming {len(pcm) / 16000:.1f} s through the image") as stage:
            enhanced, results = stream(device, pcm, host.frontend.hop, stage.update)
        with reporter.stage("comparing with this machine"):
            report = _compare(device, host, pcm, enhanced, results, info)
    return DeviceRun(enhanced, report)


@contextlib.contextmanager
def explained(link: DeviceLink) -> Iterator[None]:
    """Has a network that fails say why.

    Args:
        link: The device on which it runs.

    Raises:
        ArenaError: In place of the device's "the network failed".
    """
    from imse_mcu.arena import failure
    from targets.link import DeviceFaultError
    from targets.protocol import ErrorCode, NetworkState

    try:
        yield
    except DeviceFaultError as error:
        if error.error.code != ErrorCode.NETWORK_FAILED:
            raise
        state = link.state()
        if state.network is NetworkState.READY:
            raise
        raise failure(state) from error


def stream(
    device: Device, pcm: NDArray[np.int16], hop: int, progress: Callable[[int, int], None]
) -> tuple[NDArray[np.int16], list[FrameResult]]:
    """Sends a recording through the image and takes back what it returns.

    Args:
        device: The running image, greeted and reset.
        pcm: Noisy int16 samples, shape [n].
        hop: Samples per frame.
        progress: Called with (frames done, frames in all).

    Returns:
        ``(enhanced, results)``: int16 samples [n] aligned with the input, and what the device
        said of every frame, tensors included.
    """
    import numpy as np

    frames = -(-len(pcm) // hop) + 1
    padded = np.zeros(frames * hop, np.int16)
    padded[: len(pcm)] = pcm
    results = []
    for index in range(frames):
        block = padded[index * hop : (index + 1) * hop].astype("<i2").tobytes()
        with explained(device.link):
            results.append(device.link.process(block, tensors=True))
        progress(index + 1, frames)
    out = np.frombuffer(b"".join(r.pcm for r in results), "<i2").astype(np.int16)
    return out[hop : hop + len(pcm)], results


def _compare(
    device: Device,
    host: HostModel,
    pcm: NDArray[np.int16],
    enhanced: NDArray[np.int16],
    results: list[FrameResult],
    info: DeviceInfo,
) -> RunReport:
    """Compares what the device returned with this machine."""
    import numpy as np

    from targets.protocol import AudioState

    samples = pcm.astype(np.float32) / np.float32(32768.0)
    wrong = mismatching_frames(host, results)
    state = device.link.state()
    functions, layers = counted(device, len(results))
    return RunReport(
        place=device.place,
        runtime=info.runtime,
        build_id=info.build_id,
        model_digest=host.quantized.digest,
        frames=len(results),
        duration_s=len(pcm) / host.frontend.sample_rate_hz,
        mismatching_frames=len(wrong),
        first_mismatch=wrong[0] if wrong else None,
        feature_differences=_feature_differences(host, samples, results),
        audio_snr_db=snr_db(_with_device_masks(host, samples, results), enhanced),
        differing_samples=int(np.sum(host.enhance(samples, "int8") != enhanced)),
        counts=device.counts,
        clock_hz=info.clock_hz,
        frames_per_second=host.frontend.frames_per_second,
        network=spread([r.network_cycles for r in results], device.counts_per_tick),
        frame=spread([r.frame_cycles for r in results], device.counts_per_tick),
        frame_counts=tuple(round(r.frame_cycles * device.counts_per_tick) for r in results),
        stack_bytes=state.stack_bytes,
        peak_stack_bytes=state.stack_peak_bytes,
        audio_stream=None if state.audio.state is AudioState.NONE else state.audio,
        line=device.link.counters.to_json(),
        functions=functions,
        layers=layers,
    )


def counted(device: Device, frames: int) -> tuple[dict[str, float], dict[str, float]]:
    """Returns instructions per frame by function and by layer; none on a board.

    Args:
        device: The running image.
        frames: Frames since its profile was reset.
    """
    if device.machine is None:
        return {}, {}
    device.machine.stats()  # incomplete counts are an error
    profile = list(device.machine.profile().items())[:_TOP_FUNCTIONS]
    watched = device.machine.watched().items()
    functions = {name: total / frames for name, total in profile}
    return functions, {n: total / frames for n, total in watched if n not in _STEPS}


def prepare_counts(device: Device) -> None:
    """Has an emulator count, from here on, functions, layers and what is around them."""
    if device.machine is None:
        return
    names = {function.name for function in device.machine.image.functions}
    layers = sorted((n for n in names if _LAYER.match(n)), key=lambda n: int(n.split("_")[1]))
    if layers:
        (caller,) = names & _STEPS.keys()
        device.machine.watch([*_STEPS[caller], *layers, caller])
    device.machine.reset_profile()


def mismatching_frames(host: HostModel, results: list[FrameResult]) -> list[int]:
    """Returns the frames whose network output is not the TFLM host interpreter's."""
    import numpy as np

    from quantize.tflm_host import TflmRunner

    runner = TflmRunner(host.quantized)
    wrong = []
    for index, result in enumerate(results):
        if result.tensors is None:
            raise ValueError("the results hold no tensors")
        outputs = runner.invoke(np.frombuffer(result.tensors.features, np.int8))
        same = (
            outputs["mask"].tobytes() == result.tensors.mask
            and outputs["phase"].tobytes() == result.tensors.phase
        )
        if not same:
            wrong.append(index)
    return wrong


def _with_device_masks(
    host: HostModel, samples: NDArray[np.float32], results: list[FrameResult]
) -> NDArray[np.int16]:
    """Returns the host's own analysis and synthesis around the device's masks, int16 [n]."""
    import numpy as np

    from keras_imse import audio
    from quantize.runner import dequantize_values

    model = host.quantized
    tensors = [result.tensors for result in results if result.tensors is not None]
    values = {}
    for name in ("mask", "phase"):
        data = b"".join(getattr(t, name) for t in tensors)
        tensor = model.graph.tensors[model.metadata.outputs[name]]
        integers = np.frombuffer(data, np.int8).reshape(len(tensors), *tensor.shape[2:])
        values[name] = dequantize_values(integers, tensor)
    spectrum = audio.analyze(samples, host.frontend)
    masked = audio.apply_mask(spectrum, values["mask"][..., 0], values["phase"], host.frontend)
    return audio.to_pcm16(audio.synthesize(masked, len(samples), host.frontend))


def _feature_differences(
    host: HostModel, samples: NDArray[np.float32], results: list[FrameResult]
) -> int:
    """Counts int8 features that differ between the device's front end and the host's."""
    import numpy as np

    from keras_imse import audio
    from quantize.runner import quantize_values

    model = host.quantized
    tensor = model.graph.tensors[model.metadata.inputs["features"]]
    features, _ = audio.features_of(samples, host.frontend)
    expected = quantize_values(features, tensor).reshape(len(features), -1)
    total = 0
    for row, result in zip(expected, results, strict=True):
        if result.tensors is not None:
            total += int(np.count_nonzero(row != np.frombuffer(result.tensors.features, np.int8)))
    return total


def snr_db(reference: NDArray[np.generic], estimate: NDArray[np.generic]) -> float:
    """Signal-to-noise ratio in dB of an estimate; at most 200 dB.

    Args:
        reference: What it should be, any shape.
        estimate: What it is, same shape.
    """
    import numpy as np

    exact = np.asarray(reference, np.float64).ravel()
    error = np.asarray(estimate, np.float64).ravel() - exact
    noise = float(error @ error)
    if noise == 0.0:
        return 200.0
    return float(10 * np.log10(max(float(exact @ exact), 1e-12) / noise))


def spread(ticks: Sequence[float], counts_per_tick: float) -> Spread:
    """Returns the spread of a counter's differences in what a tick stands for.

    Args:
        ticks: Differences of the counter.
        counts_per_tick: What one tick stands for.
    """
    values = [tick * counts_per_tick for tick in ticks]
    return Spread(round(min(values)), sum(values) / len(values), round(max(values)))
