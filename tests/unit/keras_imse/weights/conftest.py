"""A tiny IMSE with random weights, and the authors' tensors where they are present."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def tiny_config() -> Any:
    """The smallest IMSE: 8 channels, one block per stage, 8 bands."""
    from keras_imse.imse_config import ImseConfig, OfflineAudioConfig

    audio = OfflineAudioConfig(n_fft=14, hop=2, segment_samples=22)
    return ImseConfig(
        name="tiny", audio=audio, dense_channels=8, dense_depth=1, stage_blocks=1, strip=3
    )


@pytest.fixture(scope="session")
def tensors(tiny_config: Any) -> dict[str, np.ndarray]:
    """Random weights under PyTorch names."""
    from keras_imse.rotary import angles
    from keras_imse.weights.name_map import name_map

    random = np.random.default_rng(2)
    return {
        e.torch_name: angles(8)
        if e.path is None
        else random.standard_normal(e.torch_shape).astype(np.float32)
        for e in name_map(tiny_config)
    }


@pytest.fixture(scope="session")
def tiny_network(tiny_config: Any) -> Any:
    """The network, built once."""
    from keras_imse.models.imse import build_imse

    return build_imse(tiny_config)


@pytest.fixture
def model(tiny_network: Any) -> Any:
    """The network with all weights at zero."""
    tiny_network.set_weights([np.zeros_like(w) for w in tiny_network.get_weights()])
    return tiny_network


@pytest.fixture(scope="session")
def official_weights(data_dir: Path) -> Path:
    """Tensors of the authors' checkpoint; skips where they are absent."""
    path = data_dir / "weights" / "imse_official_pesq3399_weights.npz"
    if not path.is_file():
        pytest.skip(f"no official weights at {path} (set IMSE_MCU_DATA)")
    return path
