"""``model/imse_model_config.h``: sizes, scales and front-end constants of a model."""

from __future__ import annotations

import numpy as np

from firmware_gen.backends.errors import BackendError
from quantize.artifact import QuantizedModel
from quantize.inspect import Tensor

CONFIG_PATH = "model/imse_model_config.h"


def config_header(model: QuantizedModel) -> bytes:
    """Write the header.

    Args:
        model: The quantized model.

    Returns:
        The file's content.

    Raises:
        BackendError: Features, mask or phase are missing or of another type than the front end's.
    """
    frontend, level = model.metadata.frontend, model.metadata.frontend.level
    frames = segment_frames(model)
    known = ("int8", "int16") if frames else ("int8",)
    features = _end(model, "features", model.metadata.inputs.get("features"), known)
    mask = _end(model, "mask", model.metadata.outputs.get("mask"), known)
    phase = _end(model, "phase", model.metadata.outputs.get("phase"), known)
    values: list[tuple[str, str]] = [
        ("IMSE_SAMPLE_RATE_HZ", str(frontend.sample_rate_hz)),
        ("IMSE_N_FFT", str(frontend.n_fft)),
        ("IMSE_HOP", str(frontend.hop)),
        ("IMSE_BANDS", str(frontend.bands)),
        ("IMSE_FIRST_BIN", str(frontend.first_bin)),
        ("IMSE_SEGMENT_FRAMES", str(frames)),
        ("IMSE_FEATURE_CHANNELS", str(features.shape[-1])),
        ("IMSE_FEATURE_BYTES", str(features.nbytes)),
        ("IMSE_MASK_BYTES", str(mask.nbytes)),
        ("IMSE_PHASE_BYTES", str(phase.nbytes)),
        ("IMSE_FEATURE_BITS", features.dtype.removeprefix("int")),
        ("IMSE_MASK_BITS", mask.dtype.removeprefix("int")),
        ("IMSE_PHASE_BITS", phase.dtype.removeprefix("int")),
        ("IMSE_FEATURE_SCALE", _float(features.scale)),
        ("IMSE_FEATURE_ZERO_POINT", _integer(features.zero_point)),
        ("IMSE_MASK_SCALE", _float(mask.scale)),
        ("IMSE_MASK_ZERO_POINT", _integer(mask.zero_point)),
        ("IMSE_PHASE_SCALE", _float(phase.scale)),
        ("IMSE_PHASE_ZERO_POINT", _integer(phase.zero_point)),
        ("IMSE_MAGNITUDE_FLOOR", _float(frontend.magnitude_floor)),
        ("IMSE_COMPRESSION", _float(frontend.compression)),
        ("IMSE_LEVEL_TARGET_RMS", _float(level.target_rms)),
        ("IMSE_LEVEL_ATTACK", _float(level.attack)),
        ("IMSE_LEVEL_FLOOR", _float(level.floor)),
        ("IMSE_LEVEL_MIN_UPDATE", _float(level.min_update)),
        ("IMSE_MODEL_DIGEST", digest_initializer(model.digest)),
    ]
    width = max(len(name) for name, _ in values)
    lines = [
        f"/* Constants of the model '{model.metadata.model}'. Generated, do not edit. */",
        "#ifndef IMSE_MODEL_CONFIG_H",
        "#define IMSE_MODEL_CONFIG_H",
        "",
        *(f"#define {name:<{width}} {text}" for name, text in values),
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines).encode()


def digest_initializer(digest: str) -> str:
    """A digest as an initializer of an array of bytes: the firmware sends it as it is.

    Args:
        digest: Hexadecimal digits.
    """
    return "{" + ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(digest)) + "}"


def segment_frames(model: QuantizedModel) -> int:
    """Frames that the network takes at a time, 0 for one that runs frame by frame."""
    if model.metadata.family != "imse":
        return 0
    return model.graph.tensors[model.metadata.inputs["features"]].shape[1]


def segment_tensor_bytes(model: QuantizedModel) -> int:
    """Bytes per frame of the features, mask and phase of a network over segments."""
    ends = (*model.metadata.inputs.values(), *model.metadata.outputs.values())
    return sum(model.graph.tensors[index].nbytes for index in ends) // segment_frames(model)


def _end(model: QuantizedModel, name: str, index: int | None, known: tuple[str, ...]) -> Tensor:
    if index is None:
        raise BackendError(
            f"the model has no '{name}' tensor in its metadata", hint="build the model again"
        )
    tensor = model.graph.tensors[index]
    if tensor.dtype not in known:
        raise BackendError(
            f"the model's '{name}' tensor is {tensor.dtype}, expected {' or '.join(known)}"
        )
    return tensor


def _float(value: float) -> str:
    """A single precision constant that reads back to the same bits."""
    text = f"{float(np.float32(value)):.8e}"
    return f"{text}f" if value >= 0 else f"({text}f)"


def _integer(value: int) -> str:
    return str(value) if value >= 0 else f"({value})"
