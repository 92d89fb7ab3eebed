"""PyTorch checkpoint archives without PyTorch: tensors only, nothing is ever executed.

A ``.pth`` archive is a zip with one pickle and one file per storage. The pickle is read by an
unpickler that knows the handful of names that plain tensors need and refuses every other name
before anything is imported or called.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from keras_imse.errors import WeightsError

#: Largest storage or pickle that is read; the published checkpoint has 2 MB in all.
MAX_ENTRY_BYTES = 1 << 30

_DTYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "BFloat16Storage": "u2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


@dataclass(frozen=True)
class _StorageType:
    """Stands for ``torch.<name>``."""

    name: str


def read_torch_archive(path: Path) -> dict[str, Any]:
    """Reads the object in a PyTorch archive.

    Args:
        path: The archive.

    Returns:
        Nested dictionaries and lists with tensors as numpy arrays, and plain numbers and texts.

    Raises:
        WeightsError: The archive is truncated or damaged, or holds anything but tensors,
            containers, numbers and texts.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [n for n in archive.namelist() if n.split("/")[1:] == ["data.pkl"]]
            if len(pickles) != 1:
                raise WeightsError(
                    f"{path} is a zip but no PyTorch checkpoint: it has no data.pkl",
                    hint="give the checkpoint file itself, as torch.save wrote it",
                )
            root = pickles[0].split("/", 1)[0]
            data = _Unpickler(path, archive, root).load()
    except (zipfile.BadZipFile, EOFError, struct.error, NotImplementedError) as error:
        raise _damaged(path, error) from error
    if not isinstance(data, dict):
        raise WeightsError(f"{path} holds a {type(data).__name__}, expected a dictionary")
    return data


def _damaged(path: Path, error: Exception) -> WeightsError:
    """Returns the error for an archive that cannot be read to its end."""
    return WeightsError(
        f"{path} is truncated or damaged: {error}", hint="download the checkpoint again"
    )


class _Unpickler(pickle.Unpickler):
    """Builds arrays from an archive's pickle and refuses every unknown name."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, root: str) -> None:
        self._path = path
        self._archive = archive
        self._root = root
        self._order: Literal["<", ">"] = "<"
        if f"{root}/byteorder" in archive.namelist():
            order = self._read(f"{root}/byteorder").decode("ascii", "replace").strip()
            if order not in {"little", "big"}:
                raise WeightsError(f"{path}: unknown byte order '{order}'")
            self._order = "<" if order == "little" else ">"
        super().__init__(io.BytesIO(self._read(f"{root}/data.pkl")))

    def load(self) -> Any:
        try:
            return super().load()
        except WeightsError:
            raise
        except Exception as error:  # a damaged pickle raises almost anything
            raise _damaged(self._path, error) from error

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return _StorageType(name)
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        raise WeightsError(
            f"{self._path} holds a '{module}.{name}' object: only tensors are read",
            hint="save only the state dict with torch.save(model.state_dict(), ...)",
        )

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        kind, storage_type, key, _location, size = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise WeightsError(f"{self._path}: unknown reference '{kind}' in the pickle")
        dtype = np.dtype(_DTYPES[storage_type.name]).newbyteorder(self._order)
        raw = self._read(f"{self._root}/data/{key}")
        if len(raw) != size * dtype.itemsize:
            raise WeightsError(
                f"{self._path} is truncated or damaged: storage {key} has {len(raw)} bytes, "
                f"expected {size * dtype.itemsize}",
                hint="download the checkpoint again",
            )
        data = np.frombuffer(raw, dtype)
        if storage_type.name == "BFloat16Storage":
            return (data.astype(np.uint32) << 16).view(np.float32)
        return data

    def _tensor(
        self, storage: NDArray[Any], offset: int, shape: Any, stride: Any, *_rest: Any
    ) -> NDArray[Any]:
        """Cuts a tensor out of its storage; offsets and strides are checked against its size."""
        shape = tuple(int(n) for n in shape)
        stride = tuple(int(n) for n in stride)
        if len(shape) != len(stride) or min((offset, *shape, *stride)) < 0:
            raise WeightsError(f"{self._path}: a tensor has impossible sizes {shape} {stride}")
        last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
        if math.prod(shape) == 0:
            return np.zeros(shape, storage.dtype)
        if last >= storage.size or math.prod(shape) > MAX_ENTRY_BYTES:
            raise WeightsError(f"{self._path}: a tensor reaches past the end of its storage")
        strides = tuple(s * storage.itemsize for s in stride)
        view = np.lib.stride_tricks.as_strided(storage[offset:], shape, strides)
        return np.array(view, dtype=storage.dtype.newbyteorder("="))

    def _read(self, name: str) -> bytes:
        """Reads one file of the archive, checking its checksum."""
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise WeightsError(
                f"{self._path} is truncated or damaged: '{name}' is missing",
                hint="download the checkpoint again",
            ) from None
        if info.file_size > MAX_ENTRY_BYTES:
            raise WeightsError(
                f"{self._path}: '{name}' claims {info.file_size} bytes, "
                f"more than the {MAX_ENTRY_BYTES} that are read"
            )
        return self._archive.read(info)


def _parameter(data: Any, _requires_grad: bool, _hooks: Any) -> Any:
    """Returns the tensor inside a parameter."""
    return data


def torch_archive(tensors: dict[str, NDArray[np.float32]], *, key: str | None) -> bytes:
    """Returns a PyTorch archive of float32 tensors; the same tensors give the same bytes.

    Args:
        tensors: Arrays by name.
        key: Dictionary key that the state dict is stored under, or None for a bare state dict.
    """
    pickled = _pickle_tensors(tensors, key)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        files = {"data.pkl": pickled, "byteorder": b"little", "version": b"3\n"}
        for index, array in enumerate(tensors.values()):
            files[f"data/{index}"] = np.ascontiguousarray(array, "<f4").tobytes()
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"imse/{name}", (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _pickle_tensors(tensors: dict[str, NDArray[np.float32]], key: str | None) -> bytes:
    """Writes the pickle of a state dict, protocol 2, opcode by opcode."""
    out = bytearray(pickle.PROTO + b"\x02")

    def text(value: str) -> bytes:
        data = value.encode("utf-8")
        return pickle.BINUNICODE + struct.pack("<I", len(data)) + data

    def number(value: int) -> bytes:
        return pickle.BININT + struct.pack("<i", value)

    def numbers(values: tuple[int, ...]) -> bytes:
        return pickle.MARK + b"".join(map(number, values)) + pickle.TUPLE

    def name(module: str, attribute: str) -> bytes:
        return pickle.GLOBAL + f"{module}\n{attribute}\n".encode()

    if key is not None:
        out += pickle.EMPTY_DICT + text(key)
    ordered = name("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    out += ordered + pickle.MARK
    for index, (tensor_name, array) in enumerate(tensors.items()):
        strides = tuple(int(np.prod(array.shape[i + 1 :])) for i in range(array.ndim))
        out += text(tensor_name) + name("torch._utils", "_rebuild_tensor_v2") + pickle.MARK
        out += pickle.MARK + text("storage") + name("torch", "FloatStorage") + text(str(index))
        out += text("cpu") + number(array.size) + pickle.TUPLE + pickle.BINPERSID
        out += number(0) + numbers(array.shape) + numbers(strides) + pickle.NEWFALSE
        out += ordered + pickle.TUPLE + pickle.REDUCE
    out += pickle.SETITEMS
    if key is not None:
        out += pickle.SETITEM
    return bytes(out + pickle.STOP)
