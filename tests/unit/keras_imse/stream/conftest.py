"""A small streaming network that builds fast and has every kind of layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_imse.config import FrontendConfig, StreamConfig

SMALL = StreamConfig(
    name="imse-stream-test",
    frontend=FrontendConfig(n_fft=128, hop=64, bands=64),
    channels=(8, 8, 16),
    middle_blocks=1,
    strip=5,
    long_strip_dilation=3,
    window_frames=6,
)


def randomized(model: Any, seed: int = 3) -> Any:
    """Gives every weight, norm statistics included, a value that is not its initial one."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shift = rng.normal(0.0, 0.1, weight.shape)
        weight.assign(weight + (np.abs(shift) if "variance" in weight.name else shift))
    return model


@pytest.fixture(scope="session")
def small_config() -> StreamConfig:
    return SMALL


@pytest.fixture(scope="session")
def small_model() -> Any:
    import tf_keras

    from keras_imse.models.stream import ImseStream

    # The same weights whatever tests ran before: tolerances hold for them.
    tf_keras.utils.set_random_seed(3)
    return randomized(ImseStream(SMALL), seed=5)
