"""The model on this machine: recordings in, recordings out, float or int8.

Int8 runs in the TensorFlow Lite Micro interpreter, which is what the firmware must equal bit for
bit, or as the firmware's C compiled for this machine. No TensorFlow is imported.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imse_mcu.core.errors import ImseMcuError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from keras_imse.config import FrontendConfig
    from quantize.artifact import QuantizedModel
    from quantize.calibration import FloatRunner
    from quantize.runner import IntegerRunner

Precision = Literal["float", "int8"]
Progress = Callable[[int, int], None]

#: Files of a model in a cache entry or below a build folder's ``reference/``.
INT8_FILE = "int8.tflite"
FLOAT_FILE = "float.tflite"
STATES_FILE = "states.npz"


class ModelReferenceError(ImseMcuError):
    """The stored reference of a model is missing or damaged."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class HostModel:
    """A model in both precisions.

    Attributes:
        quantized: The integer model.
        float_tflite: The float .tflite that it was made from.
        initial_states: State name to one time row [F, C] of the float model before the first
            frame; states that are not listed start at zero.
        engine: What computes int8, see :data:`imse_mcu.engines.ENGINES`.
    """

    quantized: QuantizedModel
    float_tflite: bytes
    initial_states: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    engine: str = "tflm"

    @property
    def frontend(self) -> FrontendConfig:
        """Constants of analysis and synthesis."""
        return self.quantized.metadata.frontend

    @cached_property
    def integers(self) -> IntegerRunner:
        """What computes the integer model; one for all recordings, reset it before each."""
        from imse_mcu.engines import integer_runner

        return integer_runner(self.quantized, self.engine)

    def runner(self, precision: Precision) -> FloatRunner | IntegerRunner:
        """Returns what computes the model, in its initial state.

        Args:
            precision: ``float`` or ``int8``.
        """
        if precision == "int8":
            self.integers.reset()
            return self.integers
        from quantize.calibration import FloatRunner

        return FloatRunner(self.float_tflite, self.initial_states)

    def enhance(
        self,
        samples: NDArray[np.float32],
        precision: Precision,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.int16]:
        """Cleans a recording.

        Args:
            samples: Noisy samples in [-1, 1), shape [n].
            precision: ``float`` or ``int8``.
            progress: Called with frames done and frames in all.

        Returns:
            Enhanced int16 samples, shape [n], aligned with the input.

        Raises:
            ImseMcuError: If the model returns values that are no numbers.
        """
        import numpy as np

        from keras_imse import audio

        if self.quantized.metadata.family == "imse":
            return self._enhance_segments(samples, precision, progress)
        if precision == "int8":
            return self._enhance_as_device(samples, progress)
        features, spectrum = audio.features_of(samples.astype(np.float32), self.frontend)
        runner = self.runner(precision)
        masks = np.empty((len(features), self.frontend.bands), np.float32)
        phases = np.empty((len(features), self.frontend.bands, 2), np.float32)
        for index, frame in enumerate(features):
            outputs = runner.run_frame(frame)
            values = outputs if isinstance(outputs, Mapping) else outputs.values
            masks[index] = values["mask"].reshape(-1)
            phases[index] = values["phase"].reshape(-1, 2)
            if progress is not None:
                progress(index + 1, len(features))
        enhanced = audio.apply_mask(spectrum, masks, phases, self.frontend)
        return self._checked(audio.synthesize(enhanced, len(samples), self.frontend), precision)

    def _checked(self, wave: NDArray[np.float32], precision: Precision) -> NDArray[np.int16]:
        """Returns samples as int16 after checking that they are numbers."""
        import numpy as np

        from keras_imse.audio import to_pcm16

        if not np.isfinite(wave).all():
            raise ImseMcuError(
                f"model {self.quantized.metadata.model} ({precision}) returned values that are "
                "no numbers",
                hint="its weights are damaged; use others with --weights",
            )
        return to_pcm16(wave)

    def _enhance_segments(
        self, samples: NDArray[np.float32], precision: Precision, progress: Progress | None
    ) -> NDArray[np.int16]:
        """Cleans a recording segment by segment."""
        from imse_mcu import segment_host
        from keras_imse.audio import to_pcm16

        if precision == "int8":
            return segment_host.enhance_integer(self, to_pcm16(samples), progress)
        return self._checked(segment_host.enhance_float(self, samples, progress), precision)

    def _enhance_as_device(
        self, samples: NDArray[np.float32], progress: Progress | None
    ) -> NDArray[np.int16]:
        """Cleans a recording with the integer model; every sample is the firmware's."""
        import numpy as np

        from keras_imse import audio, device_audio

        metadata, tensors = self.quantized.metadata, self.quantized.graph.tensors
        scales = {
            name: device_audio.Scale(tensors[index].scale, tensors[index].zero_point)
            for name, index in {**metadata.inputs, **metadata.outputs}.items()
        }
        pcm = audio.to_pcm16(samples)
        features, spectrum = device_audio.analyze(pcm, self.frontend, scales["features"])
        runner = self.integers
        runner.reset()
        masks, phases = [], []
        for index, frame in enumerate(features):
            outputs = runner.invoke(frame)
            masks.append(outputs["mask"].reshape(-1))
            phases.append(outputs["phase"].reshape(-1, 2))
            if progress is not None:
                progress(index + 1, len(features))
        return device_audio.synthesize(
            spectrum,
            np.stack(masks),
            np.stack(phases),
            (scales["mask"], scales["phase"]),
            len(samples),
        )

    def to_files(self) -> dict[str, bytes]:
        """Returns the model as files: the same model gives the same bytes."""
        return {
            INT8_FILE: self.quantized.tflite,
            FLOAT_FILE: self.float_tflite,
            STATES_FILE: _pack(self.initial_states),
        }

    @classmethod
    def from_files(
        cls, files: Mapping[str, bytes], *, source: str, model_source: str = ""
    ) -> HostModel:
        """Builds the model from what :meth:`to_files` returned.

        Args:
            files: Content by file name.
            source: Where they come from, for messages.
            model_source: Where the integer model comes from, when that is elsewhere.

        Raises:
            ModelReferenceError: If a file is missing or damaged.
            ModelFileError: If the integer model is damaged.
        """
        from quantize.artifact import QuantizedModel

        missing = {INT8_FILE, FLOAT_FILE, STATES_FILE} - files.keys()
        if missing:
            raise ModelReferenceError(
                f"{source} lacks {', '.join(sorted(missing))}", hint="build again"
            )
        quantized = QuantizedModel.from_bytes(
            files[INT8_FILE], source=model_source or f"{source}/{INT8_FILE}"
        )
        return cls(quantized, files[FLOAT_FILE], _unpack(files[STATES_FILE], source))


def read_files(paths: Mapping[str, Path]) -> dict[str, bytes]:
    """Reads named files.

    Raises:
        ModelReferenceError: If one cannot be read.
    """
    files = {}
    for name, path in paths.items():
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            raise ModelReferenceError(
                f"cannot read {path}: {error.strerror}", hint="build again with imse-mcu build"
            ) from error
    return files


def _pack(arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Returns arrays as an archive without dates."""
    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            entry = io.BytesIO()
            np.save(entry, np.ascontiguousarray(arrays[name], np.float32), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())
    return buffer.getvalue()


def _unpack(data: bytes, source: str) -> dict[str, NDArray[np.float32]]:
    """Reads what :func:`_pack` returned."""
    import numpy as np

    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name].astype(np.float32) for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelReferenceError(
            f"{source}/{STATES_FILE} is damaged: {error}", hint="build again"
        ) from error
