"""The model on this machine: recordings in, recordings out, float or int8.

Int8 runs in the TensorFlow Lite Micro interpreter, which is what the firmware must equal bit for
bit. No TensorFlow is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from imse_mcu.core.errors import ImseMcuError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from keras_imse.config import FrontendConfig
    from quantize.artifact import ModelMetadata, QuantizedModel

Precision = Literal["float", "int8"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class HostModel:
    """A model in both precisions.

    Attributes:
        quantized: The integer model.
        float_tflite: The float .tflite that it was made from.
    """

    quantized: QuantizedModel
    float_tflite: bytes

    @property
    def frontend(self) -> FrontendConfig:
        """Constants of analysis and synthesis."""
        return frontend_config(self.quantized.metadata)

    def enhance(
        self,
        samples: NDArray[np.float32],
        precision: Precision,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Cleans a recording.

        Args:
            samples: Noisy samples in [-1, 1), shape [n].
            precision: ``float`` or ``int8``.
            progress: Called with frames done and frames in all.

        Returns:
            Enhanced samples, shape [n], aligned with the input.
        """
        runner = self.runner(precision)
        return enhance_with(runner, samples, self.frontend, progress=progress)

    def runner(self, precision: Precision) -> FrameRunner:
        """Returns a frame-by-frame runner with its own state.

        Args:
            precision: ``float`` or ``int8``.
        """
        if precision == "int8":
            return Int8Runner(self.quantized)
        return FloatRunner(self.float_tflite, self.quantized)


class FrameRunner:
    """Runs one frame of features at a time and carries the state."""

    def reset(self) -> None:
        """Goes back to the state before the first frame."""
        raise NotImplementedError

    def frame(self, features: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Runs one frame.

        Args:
            features: Features [bands, 3].

        Returns:
            ``mask`` [bands] and ``phase`` [bands, 2].
        """
        raise NotImplementedError


class Int8Runner(FrameRunner):
    """The integer model in the TensorFlow Lite Micro interpreter."""

    def __init__(self, model: QuantizedModel) -> None:
        from quantize.tflm_host import TflmRunner

        self._runner = TflmRunner(model)

    def reset(self) -> None:
        self._runner.reset()

    def frame(self, features: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return _shaped(self._runner.run_frame(features).values)


class FloatRunner(FrameRunner):
    """The float model in the LiteRT interpreter."""

    def __init__(self, tflite: bytes, model: QuantizedModel) -> None:
        from quantize.calibration import FloatRunner as Interpreter

        self._runner = Interpreter(tflite, float_initial_states(model))

    def reset(self) -> None:
        self._runner.reset()

    def frame(self, features: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return _shaped(self._runner.run_frame(features))


def _shaped(outputs: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Brings the network's outputs to [bands] and [bands, 2]."""
    return {"mask": outputs["mask"].reshape(-1), "phase": outputs["phase"].reshape(-1, 2)}


def float_initial_states(model: QuantizedModel) -> dict[str, NDArray[np.float32]]:
    """Returns the real values of the states before the first frame.

    Args:
        model: The quantized model that states them.

    Returns:
        State name to one time row [F, C]; states that start at zero are left out.
    """
    import numpy as np

    states = {}
    for state in model.metadata.states:
        if state.initial is not None:
            tensor = model.graph.tensors[state.input]
            row = np.array(state.initial, np.float32).reshape(tensor.shape[2:])
            states[state.name] = (row - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
    return states


def frontend_config(metadata: ModelMetadata) -> FrontendConfig:
    """Returns the front end that a model's metadata states."""
    from dataclasses import asdict

    from keras_imse.config import FrontendConfig, LevelConfig

    values = asdict(metadata.frontend)
    level = LevelConfig(**values.pop("level"))
    return FrontendConfig(level=level, **values)


def enhance_with(
    runner: FrameRunner,
    samples: NDArray[np.float32],
    frontend: FrontendConfig,
    *,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Cleans a recording with any frame runner, from the state before the first frame.

    Args:
        runner: Runs the network.
        samples: Noisy samples in [-1, 1), shape [n].
        frontend: Constants of analysis and synthesis.
        progress: Called with frames done and frames in all.

    Returns:
        Enhanced samples, shape [n].
    """
    import numpy as np

    from keras_imse import audio

    features, spectrum = audio.features_of(samples.astype(np.float32), frontend)
    masks = np.empty((len(features), frontend.bands), np.float32)
    phases = np.empty((len(features), frontend.bands, 2), np.float32)
    runner.reset()
    for index, frame in enumerate(features):
        outputs = runner.frame(frame)
        masks[index], phases[index] = outputs["mask"], outputs["phase"]
        if progress is not None:
            progress(index + 1, len(features))
    enhanced = audio.apply_mask(spectrum, masks, phases, frontend)
    result: NDArray[np.float32] = audio.synthesize(enhanced, len(samples), frontend)
    if not np.isfinite(result).all():
        raise ImseMcuError(
            "the model returned values that are no numbers",
            hint="its weights are damaged; use others with --weights",
        )
    return result
