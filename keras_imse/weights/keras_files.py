"""Keras weights in HDF5, in the format that each file name stands for."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from imse_mcu.core.files import write_bytes
from keras_imse.errors import WeightsError

#: Keras takes ``*.weights.h5`` for its newer format and any other ``*.h5`` for the older one.
_NEWER, _OLDER = "w.weights.h5", "w.h5"


def read_keras_weights(model: Any, file: Path) -> None:
    """Loads weights in either format, whatever the file is called.

    Args:
        model: The network; it may be half loaded on failure.
        file: HDF5 file.

    Raises:
        WeightsError: The file is damaged or of another network.
    """
    import h5py  # type: ignore[import-untyped]

    try:
        with h5py.File(file, "r") as content, tempfile.TemporaryDirectory() as folder:
            link = Path(folder) / (_OLDER if "layer_names" in content.attrs else _NEWER)
            link.symlink_to(file.absolute())
            model.load_weights(str(link))
    except Exception as error:  # h5py and Keras raise many kinds for damaged or foreign files
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{file} holds no weights of this network: {first}",
            hint="write it with imse-mcu import-weights",
        ) from error


def write_keras_weights(model: Any, file: Path) -> None:
    """Writes weights atomically; a name ending in ``.weights.h5`` gets the newer format.

    Args:
        model: The network.
        file: File to write.

    Raises:
        FileWriteError: The file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (_NEWER if file.name.endswith(".weights.h5") else _OLDER)
        model.save_weights(str(path))
        write_bytes(file, path.read_bytes())
