"""Weights of a network as one ``.npz``: an array per weight under its path in the model."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imse_mcu.core.files import write_bytes
from keras_imse.errors import WeightsError


def _key(weight: Any) -> str:
    return str(weight.name).split(":")[0].split("/", 1)[1]


def save_weights(model: Any, path: Path) -> None:
    """Writes all weights of a tf_keras model, norm statistics included.

    Args:
        model: A built model.
        path: Target file; written whole or not at all.
    """
    save_arrays({_key(w): np.asarray(w) for w in model.weights}, path)


def save_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Writes named arrays as ``.npz``, the same bytes for the same values."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(arrays[name]))
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.getvalue())
    write_bytes(path, buffer.getvalue())


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads an ``.npz`` of numeric arrays; never unpickles.

    Raises:
        WeightsError: The file is missing, not an ``.npz`` or damaged.
    """
    if not path.is_file():
        raise WeightsError(f"weights file '{path}' does not exist")
    hint = "use the weights.npz that 'imse-mcu train' wrote"
    if not zipfile.is_zipfile(path):
        raise WeightsError(f"weights file '{path}' is not a readable .npz archive", hint=hint)
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise WeightsError(
            f"weights file '{path}' is not a readable .npz of numbers: {error}", hint=hint
        ) from error


def check_arrays(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Sequence[int]], where: str, model: str
) -> None:
    """Refuses arrays that are not those of a network.

    Args:
        arrays: Arrays of a weights file by name.
        shapes: Shapes that the network needs, by name.
        where: What is being read, for messages.
        model: Name of the network, for messages.

    Raises:
        WeightsError: Missing, extra, mis-shaped or non-finite arrays; the first is named.
    """
    missing, extra = sorted(shapes.keys() - arrays.keys()), sorted(arrays.keys() - shapes.keys())
    if missing or extra:
        kind, name = ("lacks", missing[0]) if missing else ("has the unknown", extra[0])
        raise WeightsError(
            f"{where} {kind} array '{name}' "
            f"({len(missing)} missing, {len(extra)} unknown for model '{model}')",
            hint="the weights belong to another model; choose it with --model",
        )
    for name, shape in shapes.items():
        array = arrays[name]
        if tuple(array.shape) != tuple(shape):
            raise WeightsError(
                f"{where}: array '{name}' has shape {array.shape}, "
                f"model '{model}' needs {tuple(shape)}"
            )
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise WeightsError(f"{where}: array '{name}' has values not finite")


def load_weights(model: Any, path: Path) -> None:
    """Sets all weights of a tf_keras model from a file written by :func:`save_weights`.

    Raises:
        WeightsError: Missing, extra, mis-shaped or non-finite arrays; the first is named.
    """
    arrays = load_arrays(path)
    weights = {_key(w): w for w in model.weights}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    check_arrays(arrays, shapes, f"weights file '{path}'", model.name)
    for name, weight in weights.items():
        weight.assign(arrays[name].astype(np.float32))
