"""The published network and recorded activations of the authors' implementation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SMALL = Path(__file__).parent / "small"


@pytest.fixture(scope="session")
def official_weights(data_dir: Path) -> Path:
    """Tensors of the authors' checkpoint; skips where they are absent."""
    path = data_dir / "weights" / "imse_official_pesq3399_weights.npz"
    if not path.is_file():
        pytest.skip(f"no official weights at {path} (set IMSE_MCU_DATA)")
    return path


@pytest.fixture(scope="session")
def golden(data_dir: Path) -> dict[str, Any]:
    """Activations of the authors' implementation with those weights; skips where absent."""
    path = data_dir / "golden" / "imse_official_forward_32frames.npz"
    if not path.is_file():
        pytest.skip(f"no recorded activations at {path} (set IMSE_MCU_DATA)")
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="session")
def official(official_weights: Path) -> Any:
    """The published network with the authors' weights."""
    from keras_imse.models.imse import build_imse
    from keras_imse.weights import load_imse_weights

    model = build_imse()
    load_imse_weights(model, official_weights)
    return model


@pytest.fixture(scope="session")
def small_recording() -> dict[str, Any]:
    """Activations of the authors' implementation at a small size; ships with the project."""
    with np.load(SMALL / "activations.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="session")
def small_fixture() -> Any:
    """Module that makes the weights and input of that recording."""
    spec = importlib.util.spec_from_file_location("imse_small_fixture", SMALL / "fixture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small_config() -> Any:
    """Configuration of that recording."""
    from keras_imse.imse_config import ImseConfig, OfflineAudioConfig

    audio = OfflineAudioConfig(n_fft=62, hop=10, segment_samples=310)
    return ImseConfig(name="imse_small", audio=audio, dense_channels=8, stage_blocks=1)


@pytest.fixture(scope="session")
def small_tensors(small_config: Any, small_fixture: Any) -> dict[str, np.ndarray]:
    """Weights of that recording under PyTorch names."""
    from keras_imse.rotary import angles
    from keras_imse.weights.name_map import name_map

    return {
        e.torch_name: angles(8)
        if e.path is None
        else small_fixture.small_tensor(e.torch_name, e.torch_shape)
        for e in name_map(small_config)
    }


@pytest.fixture(scope="session")
def small_model(small_config: Any, small_tensors: dict[str, np.ndarray]) -> Any:
    """The small network with those weights, any number of frames."""
    from keras_imse.models.imse import build_imse
    from keras_imse.weights import import_tensors

    model = build_imse(small_config)
    import_tensors(model, small_tensors, config=small_config)
    return model
