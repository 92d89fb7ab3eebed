"""What a model costs on targets before it is trained or built, and where it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imse_mcu.core.progress import Reporter
from imse_mcu.cycles import (
    SEGMENT_WORK,
    STREAM_WORK,
    CycleEstimate,
    add_flash_reads,
    before_build,
)
from imse_mcu.offline_host import is_offline
from imse_mcu.quantization import QuantizationRequest, quantize
from imse_mcu.segment_host import segment_frames
from imse_mcu.segment_planning import (
    SHOWN_FRAMES,
    SegmentMemory,
    segment_verdict,
    survey,
    survey_models,
)

if TYPE_CHECKING:
    from firmware_gen.backends.base import BackendMemory
    from quantize.artifact import QuantizedModel
    from targets.model import Target

#: Share of the processor's time above which real time is not promised.
COMFORTABLE = 0.8


@dataclass(frozen=True)
class Plan:
    """A model on a target.

    Attributes:
        model: Name of the model.
        target: Name of the target.
        title: Title of the target.
        macs_per_frame: Multiply-accumulates per frame.
        flash_bytes: Estimated flash of the whole firmware, None when it does not fit.
        ram_bytes: Estimated RAM of the whole firmware, None when it does not fit.
        flash_available: Flash of the target.
        ram_available: RAM of the target.
        cycles: Estimated cycles per frame.
        real_time_factor: Share of the processor's time, by that estimate.
        problem: Why it does not fit, empty when it does.
        buildable: Whether there is platform code for the chip, so that firmware can be built.
        segments: Memory by segment length, for models that take whole segments.
        largest_segment: Frames of the longest segment that fits, 0 for none; None for models that
            run frame by frame.
    """

    model: str
    target: str
    title: str
    macs_per_frame: int
    flash_bytes: int | None
    ram_bytes: int | None
    flash_available: int
    ram_available: int
    cycles: CycleEstimate
    real_time_factor: float
    problem: str
    buildable: bool
    segments: tuple[SegmentMemory, ...] = ()
    largest_segment: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the target's memory holds the firmware."""
        return not self.problem

    @property
    def verdict(self) -> str:
        """Returns what to expect, in words."""
        if self.problem:
            words = self.problem
        elif self.largest_segment is not None:
            words = segment_verdict(self.largest_segment, self.real_time_factor)
        elif self.real_time_factor > 1:
            words = f"fits, {self.real_time_factor:.1f} times too slow for real time"
        elif self.real_time_factor > COMFORTABLE:
            words = "fits, real time with little to spare"
        else:
            words = "fits, real time"
        return words if self.buildable else f"{words}; no platform code, plan only"

    def to_json(self) -> dict[str, Any]:
        """Returns the plan as plain data."""
        return {
            "model": self.model,
            "target": self.target,
            "title": self.title,
            "macs_per_frame": self.macs_per_frame,
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
            "flash_available": self.flash_available,
            "ram_available": self.ram_available,
            "cycles_per_frame": self.cycles.to_json(),
            "real_time_factor": round(self.real_time_factor, 4),
            "fits": self.fits,
            "buildable": self.buildable,
            "verdict": self.verdict,
            "segments": [segment.to_json() for segment in self.segments],
            "largest_segment_frames": self.largest_segment,
        }


def plan_models(
    models: Sequence[str], targets: Sequence[Target], recipe: str | None, reporter: Reporter
) -> list[Plan]:
    """Estimates every model on every target.

    Sizes come from the memory plan of the aot runtime, cycles from what its images took.
    A model without weights is planned with random ones, which changes neither.

    Args:
        models: Names of models.
        targets: Targets.
        recipe: Quantization recipe; None for the family's own.
        reporter: Progress.

    Returns:
        One plan per pair, targets within models.

    Raises:
        ImseMcuError: If a model or the recipe is unknown, or the model cannot be quantized.
    """
    plans: list[Plan] = []
    for model in models:
        if is_offline(model):
            surveyed = survey_models(model, recipe, reporter)
            known: dict[str, Mapping[int, BackendMemory]] = {}
            plans += [plan_segments(surveyed, target, known) for target in targets]
            continue
        quantized = quantize(
            QuantizationRequest(model=model, recipe=recipe, untrained=True), reporter
        ).quantized
        plans += [plan_one(quantized, target) for target in targets]
    return plans


def plan_segments(
    models: Sequence[QuantizedModel],
    target: Target,
    known: dict[str, Mapping[int, BackendMemory]] | None = None,
) -> Plan:
    """Estimates a network over segments on one target, for every segment length that is shown.

    Flash and RAM are those of the longest segment that fits, up to the authors'.

    Args:
        models: The network for short segments, see :func:`segment_planning.survey_models`.
        target: Where it would run.
        known: Memory of the networks by kernel set, see :func:`segment_planning.survey`.
    """
    from firmware_gen.platforms import platform_families

    model = models[0]
    found = survey(models, target, known=known)
    longest = max(SHOWN_FRAMES)
    largest = found.largest(longest)
    memory = found.plan(largest) if largest else None
    macs = model.metadata.macs_per_frame
    cycles = planned_cycles(model, target)
    return Plan(
        model=model.metadata.model,
        target=target.name,
        title=target.title,
        macs_per_frame=macs,
        flash_bytes=memory.flash_bytes if memory else None,
        ram_bytes=memory.ram_bytes if memory else None,
        flash_available=target.mcu.flash_bytes,
        ram_available=target.mcu.ram_bytes,
        cycles=cycles,
        real_time_factor=cycles.real_time_factor(
            model.metadata.frontend.frames_per_second, target.mcu.clock_hz
        ),
        problem="" if memory else found.problem(),
        buildable=target.mcu.family in platform_families(),
        segments=tuple(found.at(frames) for frames in SHOWN_FRAMES),
        largest_segment=largest,
    )


def plan_one(model: QuantizedModel, target: Target) -> Plan:
    """Estimates one model on one target.

    Args:
        model: The integer model.
        target: Where it would run.
    """
    from firmware_gen.backends.aot.backend import AotBackend
    from firmware_gen.errors import ModelTooBigError
    from firmware_gen.memory import plan_memory
    from firmware_gen.options import FirmwareOptions
    from firmware_gen.platforms import platform_families

    macs = model.metadata.macs_per_frame
    cycles = planned_cycles(model, target)
    flash = ram = None
    problem = ""
    try:
        needs = AotBackend().generate(model, target, FirmwareOptions()).memory
        memory = plan_memory(target, needs, FirmwareOptions())
        flash, ram = memory.flash_bytes, memory.ram_bytes
        cycles = add_flash_reads(cycles, memory, target.mcu)
    except ModelTooBigError as error:
        problem = error.message
    return Plan(
        model=model.metadata.model,
        target=target.name,
        title=target.title,
        macs_per_frame=macs,
        flash_bytes=flash,
        ram_bytes=ram,
        flash_available=target.mcu.flash_bytes,
        ram_available=target.mcu.ram_bytes,
        cycles=cycles,
        real_time_factor=cycles.real_time_factor(
            model.metadata.frontend.frames_per_second, target.mcu.clock_hz
        ),
        problem=problem,
        buildable=target.mcu.family in platform_families(),
    )


def planned_cycles(model: QuantizedModel, target: Target, kernels: str = "auto") -> CycleEstimate:
    """Estimates cycles per frame of the aot runtime before an image is built and run.

    Args:
        model: The integer model.
        target: Where it would run.
        kernels: Kernels of the aot runtime.
    """
    from firmware_gen.backends.aot.kernel_sets import choose_kernels

    works = SEGMENT_WORK if segment_frames(model) else STREAM_WORK
    work = works.get(choose_kernels(target, kernels))
    return before_build(model.metadata.macs_per_frame, work, target.mcu)
