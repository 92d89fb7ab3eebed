"""Moving weights between files and the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_imse.errors import WeightsError
from keras_imse.imse_config import ImseConfig
from keras_imse.rotary import angles
from keras_imse.weights.checks import check_tensors
from keras_imse.weights.keras_files import read_keras_weights, write_keras_weights
from keras_imse.weights.name_map import Entry, name_map
from keras_imse.weights.tensor_files import (
    Tensors,
    file_head,
    read_tensors,
    unknown_ending,
    write_tensors,
)

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_keras_file(path: str | Path) -> bool:
    """Tells Keras weights (HDF5) from files of tensors, by content.

    Args:
        path: The file.

    Raises:
        WeightsError: It cannot be read or is empty.
    """
    return file_head(Path(path)).startswith(_HDF5_MAGIC)


def load_imse_weights(model: Any, path: str | Path, config: ImseConfig | None = None) -> None:
    """Loads weights into a network built by :func:`keras_imse.models.imse.build_imse`.

    Args:
        model: The network, in its training or deploy form.
        path: Authors' PyTorch checkpoint, ``.npz`` of its tensors, or Keras weights (HDF5).
            Told apart by content, not by name.
        config: Configuration of the network; the published one by default.

    Raises:
        WeightsError: The file is missing, damaged, of another network or holds values that are
            not finite. The message names the first tensor concerned; the model is unchanged.
    """
    file = Path(path)
    if is_keras_file(file):
        _load_keras(model, file)
    else:
        import_tensors(model, read_tensors(file), where=str(file), config=config)


def import_tensors(
    model: Any,
    tensors: Mapping[str, NDArray[np.float32]],
    *,
    where: str = "weights",
    config: ImseConfig | None = None,
) -> None:
    """Assigns tensors in PyTorch names and layouts to the network's variables.

    Args:
        model: The network.
        tensors: Arrays by PyTorch name.
        where: What they come from, for messages.
        config: Configuration of the network; the published one by default.

    Raises:
        WeightsError: A tensor is missing, extra, mis-shaped or not finite, or the network is of
            another configuration.
    """
    entries = check_tensors(tensors, where=where, config=config)
    variables = _variables(model)
    values = _values(entries, tensors)
    if set(values) != set(variables):
        name = min(set(values) ^ set(variables))
        raise WeightsError(f"the network does not fit its configuration: variable '{name}'")
    for path, value in values.items():
        if tuple(variables[path].shape) != value.shape:
            raise WeightsError(
                f"the network does not fit its configuration: variable '{path}' has shape "
                f"{tuple(variables[path].shape)}, expected {value.shape}"
            )
    for path, value in values.items():
        variables[path].assign(value)


def export_tensors(model: Any, config: ImseConfig | None = None) -> Tensors:
    """Returns the network's weights under PyTorch names and layouts, RoPE angles included.

    Args:
        model: The network.
        config: Its configuration; the published one by default.
    """
    config = config or ImseConfig()
    variables = _variables(model)
    tensors = {}
    for entry in name_map(config):
        if entry.path is None:
            tensors[entry.torch_name] = angles(config.head_size)
            continue
        value = np.asarray(variables[entry.path].numpy(), np.float32)
        if entry.column is not None:
            value = value[..., entry.column : entry.column + 1]
        tensors[entry.torch_name] = np.ascontiguousarray(entry.layout.to_torch(value))
    return tensors


def save_imse_weights(model: Any, path: str | Path, config: ImseConfig | None = None) -> None:
    """Writes the network's weights atomically; the file name chooses the format.

    Args:
        model: The network.
        path: ``*.npz`` (tensors under PyTorch names), ``*.h5`` (Keras weights), or ``*.pth`` /
            ``*.pt`` (PyTorch archive with the authors' ``generator`` key).
        config: Configuration of the network; the published one by default.

    Raises:
        WeightsError: The file name has another ending.
        FileWriteError: The file cannot be written.
    """
    file = Path(path)
    if file.suffix not in {".npz", ".pth", ".pt", ".h5"}:
        raise unknown_ending(file)
    if file.suffix == ".h5":
        write_keras_weights(model, file)
    else:
        write_tensors(export_tensors(model, config), file)


def _values(
    entries: tuple[Entry, ...], tensors: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Returns the tensors in our layouts by variable path."""
    values: dict[str, NDArray[np.float32]] = {}
    columns: dict[str, list[NDArray[np.float32]]] = {}
    for entry in entries:
        if entry.path is None:
            continue
        value = entry.layout.to_ours(np.asarray(tensors[entry.torch_name], np.float32))
        if entry.column is None:
            values[entry.path] = value
        else:
            columns.setdefault(entry.path, []).append(value)
    for path, parts in columns.items():
        values[path] = np.concatenate(parts, axis=-1)
    return values


def _variables(model: Any) -> dict[str, Any]:
    """Returns the network's variables by path."""
    return {variable.name.split(":")[0]: variable for variable in model.weights}


def _load_keras(model: Any, file: Path) -> None:
    """Loads Keras weights and refuses what is not finite; the model stays whole on failure."""
    before = model.get_weights()
    try:
        read_keras_weights(model, file)
        for variable in model.weights:
            if not np.isfinite(variable.numpy()).all():
                raise WeightsError(
                    f"{file}: variable '{variable.name.split(':')[0]}' has NaN or infinity",
                    hint="the training run diverged; use an earlier checkpoint",
                )
    except WeightsError:
        model.set_weights(before)
        raise
