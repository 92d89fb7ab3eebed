"""Choices of the user about the firmware, independent of model and target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firmware_gen.errors import OptionError

RUNTIMES = ("aot", "tflm")
KERNELS = ("auto", "portable", "dsp", "mve", "cmsis-nn")
APPS = ("uart", "i2s")
WEIGHTS_IN = ("auto", "flash", "ram")
OPTIMIZATIONS = ("Os", "O2", "O3")

_MIN_STACK_BYTES = 2048
_MAX_STACK_BYTES = 256 * 1024
_STACK_ALIGNMENT = 32


@dataclass(frozen=True)
class FirmwareOptions:
    """Choices about the firmware.

    Attributes:
        kernels: Kernels of the aot runtime; ``auto`` takes the best the core has.
        app: Where audio comes from: ``uart`` (the host), or ``i2s`` (microphone and DAC of the
            board, the host beside them).
        optimization: Optimization level of the compiler.
        stack_bytes: Size of the main stack, without its guard.
        weights_in: ``flash``, or ``ram`` to copy the weights there at start-up; ``auto`` does so
            where the flash is slow (see :attr:`targets.model.MemoryRegion.read_bytes_per_s`) and
            the RAM holds them.
        fuse: Whether the aot runtime joins operators; without, every operator is a kernel of its
            own.
        tflm_arena_used_bytes: What the TFLM interpreter takes of its arena where that was
            measured; ``None`` estimates it.
        cmsis_nn_dir: Folder of Arm's CMSIS-NN for the cmsis-nn kernels; not part of the JSON, as
            it lies elsewhere on every machine.
    """

    kernels: str = "auto"
    app: str = "uart"
    optimization: str = "O2"
    stack_bytes: int = 8192
    weights_in: str = "auto"
    fuse: bool = True
    tflm_arena_used_bytes: int | None = None
    cmsis_nn_dir: str = ""

    def __post_init__(self) -> None:
        if self.kernels not in KERNELS:
            raise OptionError(
                f"unknown kernels {self.kernels!r}", hint=f"known: {', '.join(KERNELS)}"
            )
        if self.app not in APPS:
            raise OptionError(f"unknown application {self.app!r}", hint=f"known: {', '.join(APPS)}")
        if self.optimization not in OPTIMIZATIONS:
            raise OptionError(
                f"unknown optimization level {self.optimization!r}",
                hint=f"known: {', '.join(OPTIMIZATIONS)}",
            )
        if self.weights_in not in WEIGHTS_IN:
            raise OptionError(
                f"weights in {self.weights_in!r}", hint=f"known: {', '.join(WEIGHTS_IN)}"
            )
        if not _MIN_STACK_BYTES <= self.stack_bytes <= _MAX_STACK_BYTES:
            raise OptionError(
                f"a stack of {self.stack_bytes} bytes, "
                f"expected {_MIN_STACK_BYTES} to {_MAX_STACK_BYTES}"
            )
        if self.stack_bytes % _STACK_ALIGNMENT:
            raise OptionError(
                f"a stack of {self.stack_bytes} bytes does not divide by {_STACK_ALIGNMENT}"
            )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        data: dict[str, Any] = {
            "kernels": self.kernels,
            "app": self.app,
            "optimization": self.optimization,
            "stack_bytes": self.stack_bytes,
            "weights_in": self.weights_in,
        }
        if not self.fuse:
            data["fuse"] = False
        if self.tflm_arena_used_bytes is not None:
            data["tflm_arena_used_bytes"] = self.tflm_arena_used_bytes
        return data
