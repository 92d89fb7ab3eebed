"""Weights files: round trip, reproducible bytes, every kind of wrong file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_imse.checkpoint import load_arrays, load_weights, save_arrays, save_weights
from keras_imse.config import StreamConfig
from keras_imse.errors import WeightsError
from keras_imse.models.stream import ImseStream


def test_round_trip(small_model: Any, small_config: StreamConfig, tmp_path: Path) -> None:
    save_weights(small_model, tmp_path / "a.npz")
    other = ImseStream(small_config)
    load_weights(other, tmp_path / "a.npz")
    for a, b in zip(small_model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    save_weights(other, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def _broken(arrays: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    name = sorted(arrays)[0]
    if kind == "lacks":
        del arrays[name]
    elif kind == "unknown":
        arrays["surplus"] = np.zeros(1, np.float32)
    elif kind == "shape":
        arrays[name] = np.zeros((1, 2, 3), np.float32)
    else:
        arrays[name] = np.full_like(arrays[name], np.nan)
    return arrays


@pytest.mark.parametrize("kind", ["lacks", "unknown", "shape", "not finite"])
def test_wrong_arrays_are_named(small_model: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "w.npz"
    save_weights(small_model, path)
    save_arrays(_broken(load_arrays(path), kind), path)
    with pytest.raises(WeightsError, match=kind):
        load_weights(small_model, path)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_unreadable_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        load_arrays(path)
    assert "pickle" not in str(caught.value)


def test_truncated_file(small_model: Any, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    save_weights(small_model, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WeightsError):
        load_weights(small_model, path)
