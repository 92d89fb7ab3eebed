"""Both frameworks compute the same: against stored results of tf-keras, and side by side.

The stored results let either framework be tested where the other is not installed. After a wanted
change of the network: ``IMSE_MCU_UPDATE_GOLDEN=1 pytest tests/unit/keras_imse/torch_twin`` where
TensorFlow is, and review the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_imse.checkpoint import load_arrays, save_arrays

STORED = Path(__file__).resolve().parent / "golden"
UPDATE = os.environ.get("IMSE_MCU_UPDATE_GOLDEN") == "1"
PRESETS = ("imse-stream", "imse-stream-small")


def assert_gradients_equal(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Sums over all frames and bands in another order differ by more than the last bit."""
    scale = max(1e-3, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, atol=5e-4 * scale, rtol=0, err_msg=what)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("side", ["tf-keras", "pytorch"])
def test_a_framework_gives_the_stored_results(
    sides: Any, reference: Any, side: str, preset: str
) -> None:
    path = STORED / f"{preset}.npz"
    found = reference.condensed(sides(side, preset))
    if UPDATE and side == "tf-keras":
        save_arrays(found, path)
    expected = load_arrays(path)
    assert found["names"].tolist() == expected["names"].tolist()
    for name in ("mask", "phase"):
        assert np.std(expected[name]) > 0.05
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-4)
    np.testing.assert_allclose(found["statistics"], expected["statistics"], atol=1e-4, rtol=1e-4)
    assert np.all(expected["gradient_norms"] > 0)
    np.testing.assert_allclose(
        found["gradient_norms"], expected["gradient_norms"], rtol=5e-4, atol=1e-5
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_the_frameworks_agree_in_full(sides: Any, preset: str) -> None:
    expected, found = sides("tf-keras", preset), sides("pytorch", preset)
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        if name.startswith("gradient/"):
            assert_gradients_equal(found[name], value, name)
        else:
            np.testing.assert_allclose(found[name], value, atol=1e-4, rtol=1e-5, err_msg=name)


def test_stored_results_stay_small() -> None:
    sizes = [path.stat().st_size for path in STORED.glob("*.npz")]
    assert len(sizes) == len(PRESETS)
    assert sum(sizes) < 100_000


@pytest.mark.parametrize("preset", PRESETS)
def test_weights_trained_in_pytorch_run_in_tf_keras(
    tmp_path: Path, reference: Any, preset: str
) -> None:
    """Initial weights of PyTorch, through a file, frame by frame with explicit states."""
    torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow and tf-keras")
    from keras_imse.checkpoint import load_weights
    from keras_imse.models.stream import ImseStream
    from keras_imse.torch_twin import bridge
    from keras_imse.torch_twin.stream import TorchStream

    config = reference.config_of(preset)
    torch.manual_seed(1)
    twin = TorchStream(config).eval()
    bridge.save_weights(twin, tmp_path / "weights.npz")
    network = ImseStream(config)
    load_weights(network, tmp_path / "weights.npz")
    features = reference.features(config.frontend)[:, :5]
    with torch.no_grad():
        expected = [value.numpy() for value in twin(torch.from_numpy(features))]
    states = network.initial_states()
    for t in range(features.shape[1]):
        mask, phase, states = network.step(tf.constant(features[:, t : t + 1]), states)
        np.testing.assert_allclose(mask, expected[0][:, t : t + 1], atol=1e-4, rtol=0)
        np.testing.assert_allclose(phase, expected[1][:, t : t + 1], atol=1e-4, rtol=0)
