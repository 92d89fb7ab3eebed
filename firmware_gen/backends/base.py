"""What a runtime is to the rest of the tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from firmware_gen.options import FirmwareOptions
from quantize.artifact import QuantizedModel
from targets.model import Target


@dataclass(frozen=True)
class BackendMemory:
    """Memory a runtime needs for a model on a target, known before compiling.

    Attributes:
        weights_bytes: Constants of the network in flash.
        arena_bytes: Activations in RAM (symbol ``imse_arena``).
        state_bytes: Everything carried from frame to frame in RAM (symbol ``imse_state``).
        code_bytes: Estimate of the runtime's own code in flash.
        stack_bytes: Stack that the runtime's deepest call needs, an upper estimate.
        hot_code_bytes: Upper estimate of the code that runs in every frame, the front end
            included, 0 for a runtime whose code stays in flash.
    """

    weights_bytes: int
    arena_bytes: int
    state_bytes: int
    code_bytes: int
    stack_bytes: int
    hot_code_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            "weights_bytes": self.weights_bytes,
            "arena_bytes": self.arena_bytes,
            "state_bytes": self.state_bytes,
            "code_bytes": self.code_bytes,
            "stack_bytes": self.stack_bytes,
            "hot_code_bytes": self.hot_code_bytes,
        }


@dataclass(frozen=True)
class BackendOutput:
    """The C sources that execute one model.

    Attributes:
        files: Project path -> content: ``model/…``, ``network/…``, ``kernels/…``,
            ``runtime/…``. ``.c`` and ``.cc`` files are compiled when the runtime is selected.
        memory: What the model needs.
        report: Figures for people and reports (per-layer table, plan), JSON-ready.
    """

    files: Mapping[str, bytes]
    memory: BackendMemory
    report: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """A runtime: turns a quantized model into C sources."""

    @property
    def name(self) -> str:
        """``aot`` or ``tflm``; what ``imse_network_runtime`` says."""

    def generate(
        self, model: QuantizedModel, target: Target, options: FirmwareOptions
    ) -> BackendOutput:
        """Make the sources.

        Args:
            model: The integer model.
            target: Where it will run; chooses kernels.
            options: Choices of the user.

        Returns:
            Files and memory figures; the same arguments give the same bytes.

        Raises:
            BackendError: The runtime cannot execute the model.
        """
