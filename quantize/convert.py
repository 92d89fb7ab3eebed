"""Convert a streaming tf_keras model into a float .tflite without any quantization."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from quantize.errors import QuantizeError


def convert_streaming(model: Any) -> bytes:
    """Convert a functional one-frame tf_keras model to a float .tflite.

    Args:
        model: Functional tf_keras model with static shapes and batch size 1: inputs ``features``
            and ``state_00``…, outputs ``mask``, ``phase`` and ``next_state_00``….

    Returns:
        The float flatbuffer. BatchNorm is folded, all tensors are float32.

    Raises:
        QuantizeError: An input has a dynamic shape or the converter refuses the model.
    """
    import tensorflow as tf

    for tensor in model.inputs:
        if any(size is None for size in tensor.shape):
            raise QuantizeError(
                f"input '{tensor.name}' of model '{model.name}' has dynamic shape "
                f"{tuple(tensor.shape)}, expected static sizes",
                hint="build the streaming model with batch_shape (1, frames, bands, channels)",
            )
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        with _quiet_stderr() as captured:
            return bytes(converter.convert())
    except Exception as error:  # the converter raises bare Exception subclasses of many kinds
        detail = (str(error).strip() or captured()).splitlines()
        raise QuantizeError(
            f"TensorFlow Lite cannot convert model '{model.name}': "
            f"{detail[0] if detail else type(error).__name__}",
            hint="the network uses an operator outside the TensorFlow Lite builtins",
        ) from error


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[Any]:
    """Keep the converter's C++ log out of the terminal; yields a function that returns it."""
    with tempfile.TemporaryFile() as log:
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)

        def text() -> str:
            log.seek(0)
            return log.read().decode("utf-8", "replace")

        try:
            yield text
        finally:
            os.dup2(saved, 2)
            os.close(saved)
