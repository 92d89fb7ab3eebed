"""Float against quantized for a network over whole segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from keras_imse.audio import to_pcm16
from keras_imse.enhance_imse import enhance
from quantize.calibration import FloatRunner
from quantize.layers import LayerAccuracy, compare_segment_layers
from quantize.metrics import output_powers
from quantize.runner import IntegerRunner

_Outputs = Mapping[str, np.ndarray]


class SegmentComparison:
    """Both versions of a network over segments, with the same front end.

    Args:
        runner: What computes the quantized model.
        float_tflite: Its float reference.
    """

    def __init__(self, runner: IntegerRunner, float_tflite: bytes) -> None:
        self._model, self._float_tflite = runner.model, float_tflite
        self._exact, self._integer = FloatRunner(float_tflite), runner
        model = runner.model
        frames = model.graph.tensors[model.metadata.inputs["features"]].shape[1]
        self._samples = (frames - 1) * model.metadata.frontend.hop
        self._first: np.ndarray | None = None

    def enhance(self, noisy: np.ndarray) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Enhance a recording with both.

        Args:
            noisy: Samples in [-1, 1), 16 kHz.

        Returns:
            Samples of float and int8, and powers of signal and error per output.
        """
        outputs: list[list[_Outputs]] = [[], []]

        def exact(features: np.ndarray) -> _Outputs:
            if self._first is None:
                self._first = features
            outputs[0].append(self._exact.run_frame(features))
            return outputs[0][-1]

        def integer(features: np.ndarray) -> _Outputs:
            outputs[1].append(self._integer.run_frame(features).values)
            return outputs[1][-1]

        waves = [enhance(noisy, n, segment_samples=self._samples) for n in (exact, integer)]
        powers: dict[str, np.ndarray] = {}
        for pair in zip(*outputs, strict=True):
            for name, power in output_powers(*pair).items():
                powers[name] = powers.get(name, np.zeros(2)) + power
        return [to_pcm16(wave).astype(np.float32) / np.float32(32768.0) for wave in waves], powers

    def layers(self, progress: Callable[[int, int], None]) -> tuple[LayerAccuracy, ...]:
        """Accuracy per layer on the first segment that was enhanced; none if there was none.

        Args:
            progress: Called with (tensors done, tensors in all).
        """
        if self._first is None:
            return ()
        return compare_segment_layers(
            self._model, self._float_tflite, self._first, progress=progress
        )
