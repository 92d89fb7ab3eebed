"""Files of tensors under PyTorch names: PyTorch archives and ``.npz`` (no TensorFlow)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imse_mcu.core.files import write_bytes
from keras_imse.errors import WeightsError
from keras_imse.weights.torch_archive import read_torch_archive, torch_archive

Tensors = dict[str, NDArray[np.float32]]

#: Key of the generator's state dict in the authors' checkpoints.
STATE_KEY = "generator"
_PICKLE_MAGIC = b"\x80"


def read_tensors(path: str | Path) -> Tensors:
    """Reads the tensors of a checkpoint under their PyTorch names.

    Args:
        path: Authors' PyTorch checkpoint or a ``.npz`` of its tensors; told apart by content.

    Returns:
        float32 arrays by name, in PyTorch layout.

    Raises:
        WeightsError: The file is missing, damaged or holds something that is not a tensor.
    """
    file = Path(path)
    head = file_head(file)
    if head.startswith(b"PK"):
        return _floats(_read_zip(file), file)
    if head.startswith(_PICKLE_MAGIC):
        raise WeightsError(
            f"{file} is a bare pickle or a checkpoint of PyTorch before 1.6: it is not read, "
            "because that could run code",
            hint="load it with a recent PyTorch and torch.save its state dict again",
        )
    raise WeightsError(
        f"{file} is no checkpoint: expected a PyTorch zip archive or a .npz file",
        hint="give the authors' checkpoint (for example g_best_pesq_3.399)",
    )


def write_tensors(tensors: Mapping[str, NDArray[np.float32]], path: str | Path) -> None:
    """Writes tensors atomically; the file name chooses the format.

    Args:
        tensors: Arrays by PyTorch name, in PyTorch layout.
        path: ``*.npz``, or ``*.pth`` / ``*.pt`` (archive with the authors' ``generator`` key).

    Raises:
        WeightsError: The file name has another ending.
        FileWriteError: The file cannot be written.
    """
    file = Path(path)
    if file.suffix == ".npz":
        write_bytes(file, npz_bytes(tensors))
    elif file.suffix in {".pth", ".pt"}:
        write_bytes(file, torch_archive(dict(tensors), key=STATE_KEY))
    else:
        raise unknown_ending(file)


def unknown_ending(file: Path) -> WeightsError:
    """Returns the error for a file to write whose name says no format."""
    return WeightsError(
        f"cannot tell the format of {file} from its name", hint="end it in .npz, .pth or .h5"
    )


def npz_bytes(tensors: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Returns a compressed ``.npz``; the same tensors give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in tensors.items():
            data = io.BytesIO()
            np.save(data, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data.getvalue())
    return buffer.getvalue()


def file_head(file: Path) -> bytes:
    """Returns the first bytes of a file.

    Args:
        file: The file.

    Raises:
        WeightsError: It cannot be read or is empty.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise WeightsError(
            f"cannot read weights {file}: {error.strerror}", hint="check the path"
        ) from error
    if not head:
        raise WeightsError(f"{file} is empty (0 bytes)", hint="download the checkpoint again")
    return head


def _read_zip(file: Path) -> Mapping[str, Any]:
    """Reads a PyTorch archive or a ``.npz``."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise WeightsError(
            f"{file} is truncated or damaged: {error}", hint="download the checkpoint again"
        ) from error
    if any(name.endswith("data.pkl") for name in names):
        data = read_torch_archive(file)
        inner = data.get(STATE_KEY, data)
        if not isinstance(inner, dict):
            raise WeightsError(f"{file}: '{STATE_KEY}' is no dictionary of tensors")
        return inner
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise WeightsError(
            f"{file} holds something other than plain arrays, or is damaged: {error}",
            hint="save plain float arrays with numpy.savez",
        ) from error


def _floats(data: Mapping[str, Any], file: Path) -> Tensors:
    """Checks that everything is a tensor of numbers and returns float32 arrays."""
    tensors = {}
    for name, value in data.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            kind = f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
            raise WeightsError(
                f"{file}: '{name}' is a {kind}, expected a tensor of numbers",
                hint=f"give a state dict, or a dictionary with one under '{STATE_KEY}'",
            )
        tensors[str(name)] = value.astype(np.float32)
    return tensors
