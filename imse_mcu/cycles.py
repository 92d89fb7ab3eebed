"""From work to time: a cycle model with its source. Never a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware_gen.memory import RegionPlan
    from targets.model import Mcu

_M7_SOURCE = (
    "TFLM with CMSIS-NN executes 2.35 to 3.91 instructions per MAC in convolutions (counted) and "
    "0.4 to 0.6 MAC per cycle on STM32H743 (from TinyEngine's published table), which is 0.4 to "
    "1.1 cycles per instruction; 1.0 is taken"
)
_M4_SOURCE = (
    "CMSIS-NN executes 2.35 to 3.91 instructions per MAC in convolutions (counted) and 0.21 to "
    "0.27 MAC per cycle on Cortex-M4 (MLPerf Tiny results of microTVM), which is 0.9 to 2.0 "
    "cycles per instruction; 1.5 is taken"
)
_M33_SOURCE = f"as Cortex-M4, whose DSP instructions it shares: {_M4_SOURCE}"


@dataclass(frozen=True)
class InstructionRate:
    """Cycles per instruction of int8 networks on one core.

    Attributes:
        value: Cycles per instruction.
        source: Where the figure comes from.
    """

    value: float
    source: str


CYCLES_PER_INSTRUCTION: dict[str, InstructionRate] = {
    "cortex-m4": InstructionRate(1.5, _M4_SOURCE),
    "cortex-m7": InstructionRate(1.0, _M7_SOURCE),
    "cortex-m33": InstructionRate(1.5, _M33_SOURCE),
}
"""Core -> rate; cores without a published figure have none."""


@dataclass(frozen=True)
class CountedWork:
    """Instructions of a frame as a line over the network's work.

    Attributes:
        fixed: Instructions per frame that do not grow with the network.
        per_mac: Instructions per multiply-accumulate.
        source: What was counted.
    """

    fixed: int
    per_mac: float
    source: str

    def instructions(self, macs_per_frame: int) -> float:
        """Instructions of a frame of a network with so many multiply-accumulates."""
        return self.fixed + self.per_mac * macs_per_frame


STREAM_WORK: dict[str, CountedWork] = {
    "dsp": CountedWork(
        542_000, 1.046, "a line through imse-stream and imse-stream-small in int8, STM32H743 images"
    )
}
"""Kernel set -> work of networks that run frame by frame."""

SEGMENT_WORK: dict[str, CountedWork] = {
    "dsp": CountedWork(0, 1.68, "imse with recipe imse, image of mps2_an500 for 16 frames")
}
"""Kernel set -> work of networks over segments; int16 operators and norms are in it."""


@dataclass(frozen=True)
class CycleEstimate:
    """Cycles per frame from a model.

    Attributes:
        value: Cycles per frame.
        method: The model and its source, in words.
    """

    value: int
    method: str

    def to_json(self) -> dict[str, Any]:
        """Returns the estimate as plain data."""
        return {"value": self.value, "method": self.method}

    def real_time_factor(self, frames_per_second: float, clock_hz: int) -> float:
        """Returns the share of the processor's time that the work takes.

        Args:
            frames_per_second: Frames per second of audio.
            clock_hz: Processor clock in Hz.
        """
        return self.value * frames_per_second / clock_hz


def from_macs(macs_per_frame: int, mcu: Mcu) -> CycleEstimate:
    """Estimates cycles before anything is built, from MACs alone.

    Args:
        macs_per_frame: Multiply-accumulates per frame.
        mcu: Processor; its file states MAC per cycle and the source.
    """
    rate = mcu.macs_per_cycle
    return CycleEstimate(
        round(macs_per_frame / rate.value),
        f"model: {macs_per_frame} MAC per frame at {rate.value:g} MAC per cycle ({rate.source})",
    )


def before_build(macs_per_frame: int, work: CountedWork | None, mcu: Mcu) -> CycleEstimate:
    """Estimates cycles of the aot runtime before anything is built.

    Args:
        macs_per_frame: Multiply-accumulates per frame.
        work: What networks of this kind took with these kernels; None if none was counted.
        mcu: Processor. Without a figure of cycles per instruction for its core, or without
            ``work``, MAC per cycle decides, as in :func:`from_instructions`.
    """
    rate = CYCLES_PER_INSTRUCTION.get(mcu.core)
    if rate is None or work is None:
        return from_macs(macs_per_frame, mcu)
    fixed = f"{work.fixed} + " if work.fixed else ""
    return CycleEstimate(
        round(work.instructions(macs_per_frame) * rate.value),
        f"model: {macs_per_frame} MAC per frame at {fixed}{work.per_mac:g} instructions per MAC "
        f"(counted: {work.source}) and {rate.value:g} cycles per instruction ({rate.source})",
    )


def from_instructions(
    instructions_per_frame: float, macs_per_frame: int, mcu: Mcu
) -> CycleEstimate:
    """Estimates cycles from the instructions of the image, counted on the emulator.

    Args:
        instructions_per_frame: Instructions of one frame, all of it.
        macs_per_frame: Multiply-accumulates per frame, for cores without a figure.
        mcu: Processor.
    """
    rate = CYCLES_PER_INSTRUCTION.get(mcu.core)
    if rate is None:
        return from_macs(macs_per_frame, mcu)
    return CycleEstimate(
        round(instructions_per_frame * rate.value),
        f"model: {instructions_per_frame:.0f} instructions per frame, counted on the emulator, "
        f"at {rate.value:g} cycles per instruction ({rate.source})",
    )


def add_flash_reads(estimate: CycleEstimate, plan: RegionPlan, mcu: Mcu) -> CycleEstimate:
    """Adds the time that weights take out of slow flash: every frame reads them all once.

    Args:
        estimate: Cycles of the work itself.
        plan: Where the weights are.
        mcu: Processor; its file states how fast such a flash is.
    """
    region = mcu.region(plan.places["weights"])
    rate = region.read_bytes_per_s
    if region.kind != "flash" or not rate:
        return estimate
    (use,) = (use for use in plan.regions if use.region == region.name)
    weights_bytes = use.items["weights"]
    return CycleEstimate(
        estimate.value + round(weights_bytes * mcu.clock_hz / rate),
        f"{estimate.method}; and {weights_bytes} bytes of weights once per frame out of "
        f"{region.name} at {rate / 1e6:g} MB/s at best ({region.source})",
    )
