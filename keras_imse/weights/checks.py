"""Whether tensors are those of an IMSE, said by name (no TensorFlow)."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from keras_imse.errors import WeightsError
from keras_imse.imse_config import ImseConfig
from keras_imse.rotary import angles
from keras_imse.weights.name_map import Entry, name_map

#: Parameters of other networks that users may hand us by mistake.
OTHER_NETWORKS = {513_015: "MUSE (513,015 parameters), the predecessor of IMSE"}


def check_tensors(
    tensors: Mapping[str, Any], *, where: str, config: ImseConfig | None = None
) -> tuple[Entry, ...]:
    """Refuses missing, extra, mis-shaped and not finite tensors by name.

    Args:
        tensors: Arrays by PyTorch name, in PyTorch layout.
        where: What they come from, for messages.
        config: Configuration of the network; the published one by default.

    Returns:
        The name map that they fit.

    Raises:
        WeightsError: A tensor is missing, extra, mis-shaped or not finite.
    """
    entries = name_map(config or ImseConfig())
    known = {entry.torch_name for entry in entries}
    missing = [e.torch_name for e in entries if e.torch_name not in tensors]
    extra = sorted(set(tensors) - known)
    if missing or extra:
        raise _mismatch(missing, extra, tensors, where, len(entries))
    for entry in entries:
        _check_tensor(entry, np.asarray(tensors[entry.torch_name]), where)
    return entries


def _check_tensor(entry: Entry, value: np.ndarray, where: str) -> None:
    """Checks shape and values of one tensor."""
    if value.shape != entry.torch_shape:
        raise WeightsError(
            f"{where}: tensor '{entry.torch_name}' has shape {value.shape}, "
            f"expected {entry.torch_shape}",
            hint="the checkpoint is of an IMSE of another size",
        )
    bad = int(np.count_nonzero(~np.isfinite(value)))
    if bad:
        raise WeightsError(
            f"{where}: tensor '{entry.torch_name}' has NaN or infinity in {bad} "
            f"value{'s' * (bad != 1)}",
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
    missing: list[str], extra: list[str], tensors: Mapping[str, Any], where: str, expected: int
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
        said.append(f"{len(missing)} of {expected} tensors missing, first '{missing[0]}'")
    if extra:
        said.append(f"{len(extra)} not IMSE's, first '{extra[0]}'")
    hint = "give a checkpoint of the published IMSE"
    close = get_close_matches(extra[0], missing, n=1) if missing and extra else []
    if close:
        hint = f"'{extra[0]}' looks like '{close[0]}': was the network renamed or wrapped?"
    return WeightsError(f"{where} ({count:,} values): {'; '.join(said)}", hint=hint)
