"""Weights of the PyTorch `imse-stream` to and from the ``.npz`` files of tf-keras.

The files are those of :mod:`keras_imse.checkpoint`: an array per weight under its path in the
tf-keras network, norm statistics included. Neither direction needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keras_imse.checkpoint import check_arrays, load_arrays, save_arrays
from keras_imse.errors import WeightsError
from keras_imse.torch_twin.stream import TorchStream
from keras_imse.torch_twin.stream_blocks import CausalDepthwise
from keras_imse.weights.layouts import CONV, DEPTHWISE, SLOPES, VECTOR, Array, Layout

#: Band slopes of the mask: (F,) ↔ (1, 1, F, 1).
BAND_SLOPES = Layout("band slopes", lambda x: x[None, None, :, None], lambda x: x[0, 0, :, 0])


@dataclass(frozen=True)
class Entry:
    """One weight on both sides.

    Attributes:
        name: Name in the ``.npz``.
        torch_name: Name in the state dict.
        torch_shape: Shape in the state dict.
        layout: How it is laid out on both sides.
    """

    name: str
    torch_name: str
    torch_shape: tuple[int, ...]
    layout: Layout

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the ``.npz``."""
        return self.layout.to_ours(np.empty(self.torch_shape, np.float32)).shape


def entries(network: TorchStream) -> list[Entry]:
    """Returns all weights of the network, in the order of its state dict.

    Raises:
        WeightsError: The network has a weight that no rule covers.
    """
    modules = dict(network.named_modules())
    return list(_entries(modules, network.state_dict()))


def _entries(
    modules: Mapping[str, nn.Module], state: Mapping[str, torch.Tensor]
) -> Iterator[Entry]:
    for torch_name, value in state.items():
        path, _, leaf = torch_name.rpartition(".")
        if leaf == "num_batches_tracked":  # counted by PyTorch, used by nothing here
            continue
        name, layout = _rule(modules[path], leaf, torch_name)
        prefix = path.replace(".", "/") + "/" if path else ""
        yield Entry(prefix + name, torch_name, tuple(value.shape), layout)


def _rule(module: nn.Module, leaf: str, torch_name: str) -> tuple[str, Layout]:
    """Returns the name in tf-keras and the layout of a weight, by the kind of its module."""
    rules: dict[str, tuple[str, Layout]] = {}
    if isinstance(module, CausalDepthwise):
        rules = {"weight": ("depthwise_kernel", DEPTHWISE), "bias": ("bias", VECTOR)}
    elif isinstance(module, nn.Conv2d):
        rules = {"weight": ("kernel", CONV), "bias": ("bias", VECTOR)}
    elif isinstance(module, nn.BatchNorm2d):
        names = {
            "weight": "gamma",
            "bias": "beta",
            "running_mean": "moving_mean",
            "running_var": "moving_variance",
        }
        rules = {theirs: (ours, VECTOR) for theirs, ours in names.items()}
    elif isinstance(module, nn.PReLU):
        rules = {"weight": ("alpha", SLOPES)}
    elif isinstance(module, TorchStream):
        rules = {"slope": ("slope", BAND_SLOPES)}
    elif leaf.startswith("prior_"):
        rules = {leaf: (leaf, VECTOR)}
    if leaf not in rules:
        raise WeightsError(
            f"weight '{torch_name}' of {type(module).__name__} has no name in tf-keras",
            hint="add a rule for it to keras_imse/torch_twin/bridge.py",
        )
    return rules[leaf]


def to_arrays(network: TorchStream) -> dict[str, Array]:
    """Returns all weights under the names and in the layouts of tf-keras, as float32 copies."""
    state = network.state_dict()
    return {
        entry.name: np.array(
            entry.layout.to_ours(state[entry.torch_name].detach().float().cpu().numpy())
        )
        for entry in entries(network)
    }


def load_state(network: TorchStream, arrays: Mapping[str, np.ndarray], *, where: str) -> None:
    """Sets all weights of the network from arrays named and laid out as in tf-keras.

    Nothing is changed unless every array fits.

    Args:
        network: The network.
        arrays: All its weights, norm statistics included.
        where: What is being read, for error messages.

    Raises:
        WeightsError: Missing, extra, mis-shaped or non-finite arrays; the first is named.
    """
    known = {entry.name: entry for entry in entries(network)}
    shapes = {name: entry.shape for name, entry in known.items()}
    check_arrays(arrays, shapes, where, network.config.name)
    state = {}
    for name, entry in known.items():
        theirs = np.ascontiguousarray(entry.layout.to_torch(arrays[name].astype(np.float32)))
        state[entry.torch_name] = torch.from_numpy(theirs)
    own = network.state_dict()
    network.load_state_dict({name: state.get(name, value) for name, value in own.items()})


def save_weights(network: TorchStream, path: Path) -> None:
    """Writes all weights as tf-keras would; the file is written whole or not at all."""
    save_arrays(to_arrays(network), path)


def load_weights(network: TorchStream, path: Path) -> None:
    """Sets all weights from a file that either framework wrote.

    Raises:
        WeightsError: The file cannot be read or does not fit, see :func:`load_state`.
    """
    load_state(network, load_arrays(path), where=f"weights file '{path}'")


def load_initial_weights(network: TorchStream, path: Path) -> None:
    """Sets all weights from a file, also one of the same network without long strips.

    Long strips that the file lacks keep their initial weights: as the identity they change nothing.

    Raises:
        WeightsError: The file cannot be read or does not fit, see :func:`load_state`.
    """
    arrays = dict(load_arrays(path))
    for name, value in to_arrays(network).items():
        if "/long_strip/" in name:
            arrays.setdefault(name, value)
    load_state(network, arrays, where=f"weights file '{path}'")
