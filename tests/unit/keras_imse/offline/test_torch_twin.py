"""The PyTorch twin of the published network; needs the extra ``torch``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")


def _twin(config: Any, tensors: dict[str, np.ndarray]) -> Any:
    from keras_imse.torch_twin.imse import TorchImse

    twin = TorchImse(config)
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return twin.eval()


def _run(twin: Any, features: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        return {name: value.numpy() for name, value in twin(torch.from_numpy(features)).items()}


def test_it_has_the_authors_parameters() -> None:
    from keras_imse.imse_config import ImseConfig
    from keras_imse.torch_twin.imse import TorchImse
    from keras_imse.weights.name_map import name_map

    twin = TorchImse()
    assert sum(p.numel() for p in twin.parameters()) == 432_995
    expected = {e.torch_name: e.torch_shape for e in name_map(ImseConfig())}
    assert {name: tuple(value.shape) for name, value in twin.state_dict().items()} == expected


def test_it_equals_the_authors_at_a_small_size(
    small_config: Any, small_tensors: Any, small_recording: Any, small_fixture: Any
) -> None:
    from keras_imse.offline_audio import enhanced_spectrum, features

    magnitude, phase = small_fixture.noisy_input(small_fixture.FRAMES)
    outputs = _run(_twin(small_config, small_tensors), features(magnitude, phase))
    enhanced, angle = enhanced_spectrum(magnitude, outputs["mask"], outputs["phase"], 2.0)
    np.testing.assert_allclose(enhanced, small_recording["mag"], atol=1e-4, rtol=0)
    assert np.abs(np.exp(1j * angle) - np.exp(1j * small_recording["pha"])).max() < 1e-3


def test_it_equals_the_authors(official_weights: Any, golden: Any) -> None:
    from keras_imse.imse_config import ImseConfig
    from keras_imse.offline_audio import enhanced_spectrum, features
    from keras_imse.weights.tensor_files import read_tensors

    twin = _twin(ImseConfig(), read_tensors(official_weights))
    noisy = golden["noisy_mag"][0]
    outputs = _run(twin, features(noisy, golden["noisy_pha"][0]))
    magnitude, _ = enhanced_spectrum(noisy, outputs["mask"], outputs["phase"], 2.0)
    np.testing.assert_allclose(magnitude, golden["mag"][0], atol=1e-4, rtol=0)


def test_it_equals_tf_keras(small_config: Any, small_tensors: Any, small_fixture: Any) -> None:
    pytest.importorskip("tf_keras", reason="needs TensorFlow")
    from keras_imse.models.imse import build_imse
    from keras_imse.offline_audio import features
    from keras_imse.weights import import_tensors

    model = build_imse(small_config)
    import_tensors(model, small_tensors, config=small_config)
    noisy = features(*small_fixture.noisy_input(16))
    outputs = _run(_twin(small_config, small_tensors), noisy)
    for name, value in model(noisy).items():
        np.testing.assert_allclose(outputs[name], value, atol=1e-4, rtol=0)


def test_every_parameter_gets_a_gradient_and_goes_back_to_tf_keras(small_config: Any) -> None:
    from keras_imse.torch_twin.imse import TorchImse
    from keras_imse.weights.checks import check_tensors

    twin = TorchImse(small_config)
    outputs = twin(torch.rand(2, 8, 32, 2))
    (outputs["mask"].sum() + outputs["phase"].square().sum()).backward()
    assert [name for name, p in twin.named_parameters() if p.grad is None] == []
    tensors = {name: value.numpy() for name, value in twin.state_dict().items()}
    check_tensors(tensors, where="twin", config=small_config)


def test_other_lengths_are_refused(small_config: Any) -> None:
    from keras_imse.errors import ConfigError
    from keras_imse.torch_twin.imse import TorchImse

    with pytest.raises(ConfigError, match="segment of 6 frames"):
        TorchImse(small_config)(torch.rand(1, 6, 32, 2))
