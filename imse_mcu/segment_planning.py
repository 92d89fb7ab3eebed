"""What segments of the published network cost on targets, and the longest one that fits.

Activations grow with the frames of a segment, their borders do not, so that the networks for two
short segments tell the memory of all others. What short segments cost in quality was measured in
float and is said with every choice that takes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from firmware_gen.backends.base import BackendMemory
from imse_mcu.core.progress import Reporter
from imse_mcu.quantization import QuantizationRequest
from imse_mcu.segment_host import segment_frames
from imse_mcu.segment_quantization import quantize_offline, segment_length
from imse_mcu.weight_files import imse_config
from keras_imse.imse_config import FRAME_MULTIPLE

if TYPE_CHECKING:
    from firmware_gen.memory import RegionPlan
    from firmware_gen.options import FirmwareOptions
    from quantize.artifact import QuantizedModel
    from targets.model import Target

#: Frames of the networks that stand for all lengths.
SURVEY_FRAMES = (16, 32)

#: Frames of segments that plans show.
SHOWN_FRAMES = (16, 32, 64, 308)

#: PESQ-WB by frames of a segment: the authors' weights in float, mean of six VoiceBank+DEMAND
#: recordings, the last segment overlapping as the authors have it for 308 frames.
QUALITY: Mapping[int, float] = {16: 1.28, 32: 1.65, 64: 1.99, 308: 2.43}


#: More than the network takes with any recipe; of the arena, per frame. Recipe ``imse`` with DSP
#: kernels takes 47,424 bytes of arena per frame, 1,638,088 of weights and 173,868 of code.
GENEROUS_ARENA_BYTES_PER_FRAME = 96 * 1024
_GENEROUS_WEIGHTS_BYTES = 2560 * 1024
_GENEROUS_CODE_BYTES = 512 * 1024
_GENEROUS_TENSOR_BYTES = 8 * 1024
_STACK_BYTES = 1024


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
        known: Memory of the networks for two segment lengths, by frames.
        tensor_bytes: Bytes of features, mask and phase of a frame.
    """

    target: Target
    known: Mapping[int, BackendMemory]
    tensor_bytes: int

    def needs(self, frames: int) -> BackendMemory:
        """Memory of the network for a segment length."""
        (few, short), (many, long) = sorted(self.known.items())

        def at_length(name: str) -> int:
            """On the line through both lengths, in whole multiples of 8 bytes."""
            low, high = getattr(short, name), getattr(long, name)
            return -(-(low + (high - low) * (frames - few) / (many - few)) // 8) * 8

        return replace(
            short,
            arena_bytes=int(at_length("arena_bytes")),
            weights_bytes=int(at_length("weights_bytes")),
        )

    def plan(self, frames: int) -> RegionPlan:
        """The memory plan of firmware for a segment length.

        Raises:
            ModelTooBigError: It does not fit.
        """
        from firmware_gen.memory import plan_memory, segment_buffer_bytes
        from firmware_gen.options import FirmwareOptions

        buffers = segment_buffer_bytes(frames, self.tensor_bytes)
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
        # A shorter segment can fail where a longer one fits: what it leaves free may be too small
        # for the next item. So every length is asked.
        lengths = range(most, 0, -FRAME_MULTIPLE)
        return next((frames for frames in lengths if self.fits(frames)), 0)

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

        buffers = segment_buffer_bytes(frames, self.tensor_bytes)
        items = memory_items(self.needs(frames), FirmwareOptions(), buffers)
        ram = sum(item.size_bytes for item in items if item.kind == "ram" and not item.optional)
        return SegmentMemory(frames, ram, self.fits(frames))


def survey_models(model: str, recipe: str | None, reporter: Reporter) -> tuple[QuantizedModel, ...]:
    """The network for two short segments, random weights: enough to know sizes and costs.

    Args:
        model: Name of the model.
        recipe: Quantization recipe; None for the family's own.
        reporter: Progress.
    """
    return tuple(
        quantize_offline(
            QuantizationRequest(model, recipe, untrained=True, segment_frames=frames), reporter
        ).quantized
        for frames in SURVEY_FRAMES
    )


def survey(
    models: Sequence[QuantizedModel],
    target: Target,
    options: FirmwareOptions | None = None,
    known: dict[str, Mapping[int, BackendMemory]] | None = None,
) -> SegmentSurvey:
    """What a network needs on a target.

    Args:
        models: The network for two segment lengths, see :func:`survey_models`.
        target: Where it would run.
        options: Choices about the firmware, such as the kernels; None for the usual ones.
        known: Memory of the networks by kernel set, where it is known already; what is found is
            added, so that many targets take one compilation per kernel set.
    """
    from firmware_gen.backends.aot.kernel_sets import choose_kernels
    from firmware_gen.backends.config_header import segment_tensor_bytes
    from firmware_gen.options import FirmwareOptions

    options = options or FirmwareOptions()
    known = {} if known is None else known
    chosen = choose_kernels(target, options.kernels)
    if chosen not in known:
        known[chosen] = {segment_frames(m): _memory_of(m, target, options) for m in models}
    return SegmentSurvey(target, known[chosen], segment_tensor_bytes(models[0]))


def _memory_of(model: QuantizedModel, target: Target, options: FirmwareOptions) -> BackendMemory:
    """What the aot runtime needs for a network."""
    from firmware_gen.backends.aot.backend import AotBackend

    return AotBackend().generate(model, target, options).memory


def surely_fits(frames: int, target: Target) -> bool:
    """Whether a segment fits even if the network takes far more than it does.

    Args:
        frames: Frames of the segment.
        target: Where it would run.
    """
    most = BackendMemory(
        weights_bytes=_GENEROUS_WEIGHTS_BYTES,
        arena_bytes=frames * GENEROUS_ARENA_BYTES_PER_FRAME,
        state_bytes=0,
        code_bytes=_GENEROUS_CODE_BYTES,
        stack_bytes=_STACK_BYTES,
    )
    return SegmentSurvey(target, {0: most, 1: most}, _GENEROUS_TENSOR_BYTES).fits(frames)


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
    ruins = largest <= max(frames for frames in QUALITY if frames < best)
    cost = "ruins" if ruins else "lowers"
    return f"fits segments of {largest} frames only, which {cost} the quality; {speed}"


def quality_words(frames: int) -> str:
    """What a segment length costs in quality, in words."""
    best = max(QUALITY)
    if frames >= best:
        return ""
    above = min(known for known in QUALITY if known >= frames)
    below = max((known for known in QUALITY if known <= frames), default=above)
    # Between two lengths the quality is at least that of the shorter one.
    nearest = above if above < best else below
    return (
        f"segments of {frames} frames hear too little around them: PESQ-WB {QUALITY[nearest]:.2f} "
        f"at {nearest} frames against {QUALITY[best]:.2f} at {best} (float, six recordings)"
    )


def check_fit(
    request: QuantizationRequest, target: Target, options: FirmwareOptions, reporter: Reporter
) -> None:
    """Refuses a segment that does not fit, before the long way to its integer model.

    Args:
        request: What is to be built.
        target: Where it is to run.
        options: Choices about the firmware, such as the kernels.
        reporter: Told what a short segment costs in quality.

    Raises:
        ModelTooBigError: It does not fit; the hint names the longest segment that does, and what
            it costs in quality.
        ConfigError: The segment length does not suit the network.
    """
    from firmware_gen.errors import ModelTooBigError

    frames = segment_length(request, imse_config(request.model))
    words = quality_words(frames)
    if words:
        reporter.note(f"warning: {words}")
    if surely_fits(frames, target):
        return  # the networks of a survey take as long to make as the one that is built
    found = survey(survey_models(request.model, request.recipe, reporter), target, options)
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
