"""Sending a recording through an image that works on segments, and comparing with this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.progress import Reporter
from imse_mcu.device import open_device
from imse_mcu.host import HostModel
from imse_mcu.running import (
    DeviceRun,
    RunReport,
    counted,
    explained,
    prepare_counts,
    snr_db,
    spread,
)
from imse_mcu.segment_host import (
    Piece,
    check_length,
    pieces,
    recording_gain,
    scales,
    segment_frames,
    segment_samples,
    synthesize,
)
from keras_imse import device_segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from targets.segments import SegmentResult


def run_segments(
    build: BuildFolder,
    host: HostModel,
    pcm: NDArray[np.int16],
    *,
    on: str = "emulator",
    reporter: Reporter,
) -> DeviceRun:
    """Sends a recording through the image of a build, segment by segment.

    Every segment's features, network outputs and samples are compared with this machine.

    Args:
        build: The build.
        host: Its model on this machine.
        pcm: Noisy int16 samples, shape [n].
        on: Where it runs, see :func:`imse_mcu.device.open_device`.
        reporter: Progress.

    Returns:
        Enhanced audio and report; counts per frame are a segment's count over its frames.

    Raises:
        ImseMcuError: If the image fails, is another one, or cannot be reached.
    """
    from targets.segments import process_segment

    frames, samples = segment_frames(host.quantized), segment_samples(host.quantized)
    check_length(pcm, host.quantized)
    cut, gain = pieces(pcm, samples), recording_gain(pcm)
    results: list[SegmentResult] = []
    enhanced = np.zeros(len(pcm), np.int16)
    with open_device(build, on) as device:
        with reporter.stage(f"starting the image on {on}"):
            info = device.greet(host.quantized.digest)
        prepare_counts(device)
        title = f"sending {len(cut)} segments of {samples / 16000:.2f} s through the image"
        with reporter.stage(title) as stage:
            for index, piece in enumerate(cut):

                def update(done: int, layers: int, before: int = index) -> None:
                    stage.update(before * layers + done, len(cut) * layers)

                data = piece.pcm.astype("<i2").tobytes()
                with explained(device.link):
                    result = process_segment(
                        device.link, data, float(gain), tensors=True, on_progress=update
                    )
                out = np.frombuffer(result.pcm, "<i2")
                enhanced[piece.start : piece.start + piece.keep] = out[: piece.keep]
                results.append(result)
        state = device.link.state()
        functions, layers = counted(device, frames * len(results))
        place, counts, scale = device.place, device.counts, device.counts_per_tick
        line = device.link.counters.to_json()
    with reporter.stage("comparing with this machine"):
        wrong, features, reference = _compare(host, cut, gain, results, len(pcm))
    network = [result.network_cycles / frames for result in results]
    whole = [result.segment_cycles / frames for result in results]
    report = RunReport(
        place=place,
        runtime=info.runtime,
        build_id=info.build_id,
        model_digest=host.quantized.digest,
        frames=frames * len(results),
        duration_s=len(pcm) / host.frontend.sample_rate_hz,
        mismatching_frames=len(wrong),
        first_mismatch=wrong[0] if wrong else None,
        feature_differences=features,
        audio_snr_db=snr_db(reference, enhanced),
        differing_samples=int(np.sum(reference != enhanced)),
        counts=counts,
        clock_hz=info.clock_hz,
        frames_per_second=host.frontend.frames_per_second,
        network=spread(network, scale),
        frame=spread(whole, scale),
        frame_counts=tuple(round(count * scale) for count in whole),
        stack_bytes=state.stack_bytes,
        peak_stack_bytes=state.stack_peak_bytes,
        line=line,
        functions=functions,
        layers=layers,
    )
    return DeviceRun(enhanced, report)


def _compare(
    host: HostModel,
    cut: list[Piece],
    gain: np.float32,
    results: list[SegmentResult],
    samples: int,
) -> tuple[list[int], int, NDArray[np.int16]]:
    """Compares what the device returned with the interpreter and the front end's twin.

    Returns:
        Frames whose mask or phase differs, how many features differ, and this machine's samples.
    """
    from quantize.tflm_host import TflmRunner

    runner, found = TflmRunner(host.quantized), scales(host.quantized)
    frames = segment_frames(host.quantized)
    wrong: list[int] = []
    differing = 0
    reference = np.zeros(samples, np.int16)
    for index, (piece, result) in enumerate(zip(cut, results, strict=True)):
        if result.tensors is None:
            raise ValueError("the results hold no tensors")
        spectrum = device_segment.spectrum_of(piece.pcm, gain)
        own = device_segment.features_of(spectrum, host.frontend.compression, found["features"])
        features = np.frombuffer(result.tensors.features, own.dtype).reshape(own.shape)
        differing += int(np.sum(own != features))
        outputs = runner.invoke(features)
        equal = np.ones(frames, bool)
        for name in ("mask", "phase"):
            data = np.frombuffer(getattr(result.tensors, name), outputs[name].dtype)
            same = data.reshape(frames, -1) == outputs[name].reshape(frames, -1)
            equal &= same.all(axis=1)
        wrong += [index * frames + int(frame) for frame in np.flatnonzero(~equal)]
        whole = synthesize(host, spectrum, gain, outputs["mask"], outputs["phase"])
        reference[piece.start : piece.start + piece.keep] = whole[: piece.keep]
    return wrong, differing, reference
