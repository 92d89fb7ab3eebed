"""What computes an integer model on this machine: the reference, or the firmware's own C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.registry import UnknownNameError
from quantize.runner import IntegerRunner
from quantize.tflm_host import TflmRunner

if TYPE_CHECKING:
    import numpy as np

    from quantize.artifact import QuantizedModel

#: Engines by name, in words; the first is the reference.
ENGINES = {"tflm": "the TFLM interpreter", "aot": "the firmware's C compiled for this machine"}

#: Frames of a network frame by frame that the aot engine also has the interpreter compute.
PROVEN_FRAMES = 250


class EngineMismatchError(ImseMcuError):
    """The compiled network computes something else than the interpreter."""


class AotRunner(IntegerRunner):
    """The network as C compiled for this machine, about 2.5 times as fast as the interpreter.

    The first segment, or the first frames, are also computed by the interpreter, and must be equal
    bit for bit.

    Args:
        model: The quantized model.

    Raises:
        ToolNotFoundError: There is no C compiler for this machine.
        FirmwareError: The network cannot be compiled.
    """

    def __init__(self, model: QuantizedModel) -> None:
        super().__init__(model)
        from firmware_gen.host_network import HostNetwork

        self._network = HostNetwork(model)
        self._reference: TflmRunner | None = TflmRunner(model)
        self._frames = 0

    def reset(self) -> None:
        """Set every state to its initial value."""
        self._network.reset()
        if self._reference is not None:
            self._reference.reset()

    def invoke(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Process one frame, see :meth:`quantize.runner.IntegerRunner.invoke`.

        Raises:
            EngineMismatchError: The result is not the interpreter's.
        """
        features = self.checked_input("features", features)
        outputs = self._network.invoke(features)
        if self._reference is not None:
            self._prove(self._reference, features, outputs)
        return outputs

    def _prove(
        self, reference: TflmRunner, features: np.ndarray, outputs: Mapping[str, np.ndarray]
    ) -> None:
        """Compares with the interpreter, and lets it go when that was done often enough."""
        expected = reference.invoke(features)
        wrong = [name for name in expected if expected[name].tobytes() != outputs[name].tobytes()]
        unit = "segment" if self.model.metadata.family == "imse" else "frame"
        if wrong:
            raise EngineMismatchError(
                f"the network compiled for this machine differs from the TFLM interpreter in "
                f"{' and '.join(wrong)} of {unit} {self._frames}",
                hint="use --engine tflm, and report it with the model",
            )
        self._frames += 1
        if unit == "segment" or self._frames == PROVEN_FRAMES:
            self._reference = None


def integer_runner(model: QuantizedModel, engine: str) -> IntegerRunner:
    """Makes what computes an integer model.

    Args:
        model: The model.
        engine: One of :data:`ENGINES`.

    Raises:
        UnknownNameError: There is no such engine.
        ImseMcuError: The engine does not run the model.
    """
    if engine == "tflm":
        return TflmRunner(model)
    if engine == "aot":
        return AotRunner(model)
    raise UnknownNameError("engine", engine, tuple(ENGINES))


def engine_words(engine: str) -> str:
    """Says what computes the integer model, and what proves it.

    Args:
        engine: One of :data:`ENGINES`.
    """
    if engine == "tflm":
        return ENGINES[engine]
    return (
        f"{ENGINES[engine]}; its first segment, or first {PROVEN_FRAMES} frames, equal the TFLM "
        "interpreter's"
    )
