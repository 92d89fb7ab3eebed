"""Moving weights between files and the network, with every tensor checked by name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imse_mcu.core.files import atomic_file, write_bytes
from keras_imse.errors import WeightsError
from keras_imse.imse_config import ImseConfig
from keras_imse.layers.offline.rotary import angles
from keras_imse.weights.name_map import Entry, name_map
from keras_imse.weights.torch_archive import read_torch_archive, torch_archive

Tensors = dict[str, NDArray[np.float32]]

#: Parameters of other networks that users may hand us by mistake.
OTHER_NETWORKS = {513_015: "MUSE (513,015 parameters), the predecessor of IMSE"}
#: Key of the generator's state dict in the authors' checkpoints.
STATE_KEY = "generator"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_PICKLE_MAGIC = b"\x80"


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
    if _head(file).startswith(_HDF5_MAGIC):
        _load_keras(model, file)
    else:
        import_tensors(model, read_tensors(file), where=str(file), config=config)


def read_tensors(path: str | Path) -> Tensors:
    """Reads the tensors of a checkpoint under their PyTorch names.

    Args:
        path: Authors' PyTorch checkpoint or a ``.npz`` of its tensors.

    Returns:
        float32 arrays by name, in PyTorch layout.

    Raises:
        WeightsError: The file is missing, damaged or holds something that is not a tensor.
    """
    file = Path(path)
    head = _head(file)
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
        WeightsError: A tensor is missing, extra, mis-shaped or not finite.
    """
    entries = name_map(config or ImseConfig())
    _check(entries, tensors, where)
    variables = _variables(model)
    values: dict[str, NDArray[np.float32]] = {}
    for entry in entries:
        value = entry.layout.to_ours(np.asarray(tensors[entry.torch_name], np.float32))
        if entry.path is None:
            continue
        if entry.path not in variables:
            raise WeightsError(f"the network has no variable '{entry.path}'")
        if entry.column is None:
            values[entry.path] = value
        else:
            shape = tuple(variables[entry.path].shape)
            whole = values.setdefault(entry.path, np.empty(shape, np.float32))
            whole[..., entry.column] = value[..., 0]
    unfilled = sorted(set(variables) - set(values))
    if unfilled:
        raise WeightsError(f"the network's variable '{unfilled[0]}' is not in the name map")
    for path, value in values.items():
        if tuple(variables[path].shape) != value.shape:
            raise WeightsError(
                f"variable '{path}' has shape {tuple(variables[path].shape)}, "
                f"{where} gives {value.shape}"
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
    if file.suffix == ".npz":
        write_bytes(file, npz_bytes(export_tensors(model, config)))
    elif file.suffix in {".pth", ".pt"}:
        write_bytes(file, torch_archive(export_tensors(model, config), key=STATE_KEY))
    elif file.suffix == ".h5":
        with atomic_file(file) as temporary:
            model.save_weights(str(temporary), save_format="h5")
    else:
        raise WeightsError(
            f"cannot tell the format of {file} from its name",
            hint="end it in .npz, .pth or .h5",
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


def _head(file: Path) -> bytes:
    """Returns the first bytes of a file."""
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
            raise WeightsError(
                f"{file}: '{name}' is a {type(value).__name__}, expected a tensor of numbers",
                hint=f"give a state dict, or a dictionary with one under '{STATE_KEY}'",
            )
        tensors[str(name)] = value.astype(np.float32)
    return tensors


def _check(entries: tuple[Entry, ...], tensors: Mapping[str, Any], where: str) -> None:
    """Refuses missing, extra, mis-shaped and not finite tensors by name."""
    known = {entry.torch_name for entry in entries}
    missing = [e.torch_name for e in entries if e.torch_name not in tensors]
    extra = sorted(set(tensors) - known)
    if missing or extra:
        raise _mismatch(missing, extra, tensors, where)
    for entry in entries:
        value = np.asarray(tensors[entry.torch_name])
        if value.shape != entry.torch_shape:
            raise WeightsError(
                f"{where}: tensor '{entry.torch_name}' has shape {value.shape}, "
                f"expected {entry.torch_shape}",
                hint="the checkpoint is of an IMSE of another size",
            )
        bad = int(np.count_nonzero(~np.isfinite(value)))
        if bad:
            raise WeightsError(
                f"{where}: tensor '{entry.torch_name}' holds {bad} values that are no finite "
                "numbers",
                hint="the training run diverged; use an earlier checkpoint",
            )
        if entry.path is None:
            expected = angles(2 * entry.torch_shape[0])
            if not np.allclose(value, expected, atol=1e-6):
                raise WeightsError(
                    f"{where}: tensor '{entry.torch_name}' holds other angles than IMSE's: "
                    f"{value.tolist()}, expected {expected.tolist()}"
                )


def _mismatch(
    missing: list[str], extra: list[str], tensors: Mapping[str, Any], where: str
) -> WeightsError:
    """Says which tensors do not fit, and which network the checkpoint is of where known."""
    count = sum(int(np.asarray(value).size) for value in tensors.values())
    network = OTHER_NETWORKS.get(count)
    if network is not None:
        return WeightsError(
            f"{where} is a checkpoint of {network}, not of IMSE",
            hint="give an IMSE checkpoint (432,995 parameters)",
        )
    said = []
    if missing:
        said.append(f"{len(missing)} tensors are missing, first '{missing[0]}'")
    if extra:
        said.append(f"{len(extra)} are not IMSE's, first '{extra[0]}'")
    hint = "give a checkpoint of the published IMSE (507 tensors)"
    close = get_close_matches(extra[0], missing, n=1) if missing and extra else []
    if close:
        hint = f"'{extra[0]}' looks like '{close[0]}': was the network renamed or wrapped?"
    return WeightsError(f"{where} ({count:,} values): {'; '.join(said)}", hint=hint)


def _variables(model: Any) -> dict[str, Any]:
    """Returns the network's variables by path."""
    return {variable.name.split(":")[0]: variable for variable in model.weights}


def _load_keras(model: Any, file: Path) -> None:
    """Loads Keras weights (HDF5) and refuses what does not fit; the model stays whole."""
    before = model.get_weights()
    try:
        model.load_weights(str(file))
    except Exception as error:  # h5py and Keras raise many kinds for damaged or foreign files
        model.set_weights(before)
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{file} holds no weights of this network: {first}",
            hint="write it with imse-mcu import-weights",
        ) from error
    for variable in model.weights:
        if not np.isfinite(variable.numpy()).all():
            model.set_weights(before)
            raise WeightsError(
                f"{file}: variable '{variable.name.split(':')[0]}' holds values that are no "
                "finite numbers",
                hint="the training run diverged; use an earlier checkpoint",
            )
