"""What segments of the published network cost on targets, and the longest one that fits.

Every activation grows with the frames of a segment, so that the network for short segments tells
the memory of all others. What short segments cost in quality was measured in float and is said with
every choice that takes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from imse_mcu.core.progress import Reporter
from imse_mcu.quantization import QuantizationRequest
from imse_mcu.segment_host import segment_frames
from imse_mcu.segment_quantization import quantize_offline, segment_length
from imse_mcu.weight_files import imse_config
from keras_imse.imse_config import FRAME_MULTIPLE

if TYPE_CHECKING:
    from firmware_gen.backends.base import BackendMemory
    from firmware_gen.memory import MemoryPlan
    from quantize.artifact import QuantizedModel
    from targets.model import Target

#: Frames of the network that stands for all lengths.
SURVEY_FRAMES = 16

#: Frames of segments that plans show.
SHOWN_FRAMES = (16, 32, 64, 308)

#: PESQ-WB by frames of a segment: the authors' weights in float, mean of six VoiceBank+DEMAND
#: recordings, the last segment overlapping as the authors have it for 308 frames.
QUALITY: Mapping[int, float] = {16: 1.28, 32: 1.65, 64: 1.99, 308: 2.43}


@dataclass(frozen=True)
class SegmentMemory:
    """A segment length on a target.

    Attributes:
        frames: Frames of the segment.
        ram_bytes: RAM of the whole firmware, needed whether or not the target has it.
        fits: Whether the target's memories hold the firmware.
    """

    frames: int
    ram_bytes: int
    fits: bool

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain data."""
        return {"frames": self.frames, "ram_bytes": self.ram_bytes, "fits": self.fits}


@dataclass(frozen=True, eq=False)
class SegmentSurvey:
    """What the network needs for every segment length, on one target.

    Attributes:
        target: The target.
        memory: Memory of the network for :attr:`frames`.
        frames: Frames that the network was made for.
    """

    target: Target
    memory: BackendMemory
    frames: int

    def needs(self, frames: int) -> BackendMemory:
        """Memory of the network for a segment length."""
        arena = -(-self.memory.arena_bytes * frames // self.frames)
        return replace(self.memory, arena_bytes=arena)

    def plan(self, frames: int) -> MemoryPlan:
        """The memory plan of firmware for a segment length.

        Raises:
            ModelTooBigError: It does not fit.
        """
        from firmware_gen.memory import plan_memory, segment_buffer_bytes
        from firmware_gen.options import FirmwareOptions

        buffers = segment_buffer_bytes(frames)
        return plan_memory(self.target, self.needs(frames), FirmwareOptions(), buffers)

    def fits(self, frames: int) -> bool:
        """Whether firmware for a segment length fits."""
        from firmware_gen.errors import ModelTooBigError

        try:
            self.plan(frames)
        except ModelTooBigError:
            return False
        return True

    def largest(self, most: int) -> int:
        """Frames of the longest segment that fits, 0 for none.

        Args:
            most: Longest segment of interest, a multiple of 4.
        """
        low, high = 0, most // FRAME_MULTIPLE
        while low < high:
            middle = (low + high + 1) // 2
            if self.fits(FRAME_MULTIPLE * middle):
                low = middle
            else:
                high = middle - 1
        return FRAME_MULTIPLE * low

    def problem(self) -> str:
        """Why not even the shortest segment fits; empty when it does."""
        from firmware_gen.errors import ModelTooBigError

        try:
            self.plan(FRAME_MULTIPLE)
        except ModelTooBigError as error:
            return error.message
        return ""

    def at(self, frames: int) -> SegmentMemory:
        """Figures of a segment length."""
        from firmware_gen.memory import memory_items, segment_buffer_bytes
        from firmware_gen.options import FirmwareOptions

        buffers = segment_buffer_bytes(frames)
        items = memory_items(self.needs(frames), FirmwareOptions(), buffers)
        ram = sum(item.size_bytes for item in items if item.kind == "ram")
        return SegmentMemory(frames, ram, self.fits(frames))


def survey_model(model: str, recipe: str | None, reporter: Reporter) -> QuantizedModel:
    """The network for short segments with random weights: enough to know sizes and costs.

    Args:
        model: Name of the model.
        recipe: Quantization recipe; None for the family's own.
        reporter: Progress.
    """
    request = QuantizationRequest(
        model=model, recipe=recipe, untrained=True, segment_frames=SURVEY_FRAMES
    )
    return quantize_offline(request, reporter).quantized


def survey(
    model: QuantizedModel,
    target: Target,
    kernels: str = "auto",
    known: dict[str, BackendMemory] | None = None,
) -> SegmentSurvey:
    """What a network needs on a target.

    Args:
        model: The network for any segment length.
        target: Where it would run.
        kernels: Kernels of the aot runtime.
        known: Memory of the network by kernel set, where it is known already; what is found is
            added, so that many targets take one compilation per kernel set.
    """
    from firmware_gen.backends.aot.backend import AotBackend
    from firmware_gen.backends.aot.kernel_sets import choose_kernels
    from firmware_gen.options import FirmwareOptions

    known = {} if known is None else known
    chosen = choose_kernels(target, kernels)
    if chosen not in known:
        known[chosen] = (
            AotBackend().generate(model, target, FirmwareOptions(kernels=kernels)).memory
        )
    return SegmentSurvey(target, known[chosen], segment_frames(model))


def segment_verdict(largest: int, real_time_factor: float) -> str:
    """What to expect of a target that holds segments, in words.

    Args:
        largest: Frames of the longest segment that fits.
        real_time_factor: Time to compute over time of audio.
    """
    speed = (
        f"{real_time_factor:.1f} times too slow for real time"
        if real_time_factor > 1
        else f"{1 / real_time_factor:.1f} times as fast as real time"
    )
    best = max(QUALITY)
    if largest >= best:
        return f"fits whole segments of {best} frames, for offline clips: {speed}"
    return f"fits segments of {largest} frames only, which ruins the quality; {speed}"


def quality_words(frames: int) -> str:
    """What a segment length costs in quality, in words."""
    best = max(QUALITY)
    if frames >= best:
        return ""
    nearest = min((known for known in QUALITY if known >= frames), default=best)
    return (
        f"segments of {frames} frames hear too little around them: PESQ-WB {QUALITY[nearest]:.2f} "
        f"at {nearest} frames against {QUALITY[best]:.2f} at {best} (float, six recordings)"
    )


def check_fit(model: QuantizedModel, frames: int, target: Target, kernels: str) -> None:
    """Refuses a segment that does not fit.

    Args:
        model: The network for any segment length.
        frames: Frames of the segment that is wanted.
        target: Where it is to run.
        kernels: Kernels of the aot runtime.

    Raises:
        ModelTooBigError: It does not fit; the hint names the longest segment that does, and what
            it costs in quality.
    """
    from firmware_gen.errors import ModelTooBigError

    found = survey(model, target, kernels)
    try:
        found.plan(frames)
    except ModelTooBigError as error:
        largest = found.largest(frames)
        hint = (
            f"--segment-frames {largest} is the longest segment that fits, but "
            f"{quality_words(largest)}"
            if largest
            else "no segment fits: choose a target with external RAM ('imse-mcu plan --model imse')"
        )
        message = f"{error.message} (segments of {frames} frames)"
        raise ModelTooBigError(message, table=error.table, hint=hint) from error


def check_early(
    request: QuantizationRequest, target: Target, kernels: str, reporter: Reporter
) -> None:
    """Refuses a long segment that does not fit, before the long way to its integer model.

    Args:
        request: What is to be built.
        target: Where it is to run.
        kernels: Kernels of the aot runtime.
        reporter: Told what a short segment costs in quality.

    Raises:
        ModelTooBigError: It does not fit, see :func:`check_fit`.
        ConfigError: The segment length does not suit the network.
    """
    frames = segment_length(request, imse_config(request.model))
    words = quality_words(frames)
    if words:
        reporter.note(f"warning: {words}")
    if frames > 2 * SURVEY_FRAMES:
        model = survey_model(request.model, request.recipe, reporter)
        check_fit(model, frames, target, kernels)
