"""Weights of the PyTorch `imse-stream` to and from the files of tf-keras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")

from keras_imse.checkpoint import load_arrays  # noqa: E402
from keras_imse.config import StreamConfig  # noqa: E402
from keras_imse.errors import WeightsError  # noqa: E402
from keras_imse.presets import load_preset  # noqa: E402
from keras_imse.shipped import shipped_weights  # noqa: E402
from keras_imse.torch_twin import bridge  # noqa: E402
from keras_imse.torch_twin.stream import TorchStream  # noqa: E402


def test_the_shipped_weights_come_back_byte_for_byte(tmp_path: Path) -> None:
    network = TorchStream(load_preset("imse-stream").stream_config())
    shipped = shipped_weights("imse-stream")
    bridge.load_weights(network, shipped)
    bridge.save_weights(network, tmp_path / "again.npz")
    expected, found = load_arrays(shipped), load_arrays(tmp_path / "again.npz")
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_every_trained_tensor_has_a_name_and_no_two_share_one(small_config: StreamConfig) -> None:
    network = TorchStream(small_config)
    entries = bridge.entries(network)
    state = network.state_dict()
    kept = {name for name in state if not name.endswith("num_batches_tracked")}
    assert {entry.torch_name for entry in entries} == kept
    assert len({entry.name for entry in entries}) == len(entries)
    shapes = {entry.name: entry.shape for entry in entries}
    assert shapes["down1/conv/kernel"] == (1, 5, 3, 8)
    assert shapes["encode2/idconv/square/depthwise_kernel"] == (3, 3, 1, 1)
    assert shapes["down1/act/alpha"] == (1, 1, 8)
    assert shapes["slope"] == (1, 1, 64, 1)


def _drop(arrays: dict[str, np.ndarray]) -> None:
    del arrays["up3/bias"]


def _add(arrays: dict[str, np.ndarray]) -> None:
    arrays["up9/bias"] = np.zeros(3, np.float32)


def _reshape(arrays: dict[str, np.ndarray]) -> None:
    arrays["middle0/mala/prior_kv"] = arrays["middle0/mala/prior_kv"][:-1]


def _poison(arrays: dict[str, np.ndarray]) -> None:
    arrays["merge1/norm/moving_variance"][0] = np.inf


def _text(arrays: dict[str, np.ndarray]) -> None:
    arrays["up3/bias"] = np.full(arrays["up3/bias"].shape, "x")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop, r"here lacks array 'up3/bias' \(1 missing, 0 unknown for model 'imse-stream-test'"),
        (_add, r"here has the unknown array 'up9/bias' \(0 missing, 1 unknown"),
        (_reshape, r"'middle0/mala/prior_kv' has shape \(127,\), model .* needs \(128,\)"),
        (_poison, "'merge1/norm/moving_variance' has values not finite"),
        (_text, "'up3/bias' has values not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_and_change_nothing(
    small_config: StreamConfig, damage: Any, message: str
) -> None:
    network = TorchStream(small_config)
    before = bridge.to_arrays(network)
    arrays = {name: value + 1.0 for name, value in before.items()}
    damage(arrays)
    with pytest.raises(WeightsError, match=message):
        bridge.load_state(network, arrays, where="here")
    for name, value in bridge.to_arrays(network).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_weights_of_another_size_are_refused(small_config: StreamConfig, tmp_path: Path) -> None:
    wider = replace(small_config, channels=(16, 8, 16))
    bridge.save_weights(TorchStream(wider), tmp_path / "wider.npz")
    with pytest.raises(WeightsError, match=r"wider\.npz': array .* has shape"):
        bridge.load_weights(TorchStream(small_config), tmp_path / "wider.npz")


def test_training_goes_on_from_weights_without_long_strips(
    small_config: StreamConfig, tmp_path: Path
) -> None:
    """The strips start as the identity, so the results are those of the weights."""
    plain = TorchStream(small_config).eval()
    bridge.save_weights(plain, tmp_path / "plain.npz")
    network = TorchStream(replace(small_config, long_strip_dilation=3)).eval()
    bridge.load_initial_weights(network, tmp_path / "plain.npz")
    features = torch.randn(1, 20, small_config.frontend.bands, 3)
    with torch.no_grad():
        for found, expected in zip(network(features), plain(features), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_weights_of_another_model_are_refused() -> None:
    network = TorchStream(load_preset("imse-stream-small").stream_config())
    with pytest.raises(WeightsError, match="unknown array 'decode2/idconv/long_strip/bias'"):
        bridge.load_weights(network, shipped_weights("imse-stream"))


def test_a_kind_of_weight_without_a_rule_is_refused(small_config: StreamConfig) -> None:
    network = TorchStream(small_config)
    network.down1.extra = torch.nn.Parameter(torch.zeros(2))
    with pytest.raises(WeightsError, match=r"'down1\.extra' of ConvNormAct has no name"):
        bridge.entries(network)
