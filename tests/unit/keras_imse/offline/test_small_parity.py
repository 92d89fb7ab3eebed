"""The network at a small size against recorded activations of the authors' implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_imse.imse_config import OpForms


def _nhwc(x: np.ndarray) -> np.ndarray:
    return np.transpose(x, (1, 2, 0))[None]


def _outputs(model: Any, layers: list[str], features: np.ndarray) -> list[np.ndarray]:
    import tf_keras

    inner = tf_keras.Model(model.input, [model.get_layer(name).output for name in layers])
    return [output.numpy() for output in inner(features)]


@pytest.fixture(scope="session")
def features(small_fixture: Any) -> np.ndarray:
    from keras_imse.offline_audio import features as stack

    return stack(*small_fixture.noisy_input(small_fixture.FRAMES))


def test_the_name_map_has_exactly_the_authors_names(
    small_tensors: dict[str, Any], small_recording: dict[str, Any]
) -> None:
    assert sorted(small_tensors) == small_recording["names"].tolist()


def test_modules_equal_the_authors(
    small_model: Any, small_recording: dict[str, Any], features: np.ndarray
) -> None:
    names = ["dense_encoder", "down1_2", "latent", "up3_2", "decoder_level1", "mask_decoder"]
    for name, result in zip(names, _outputs(small_model, names, features), strict=True):
        key = name if name in small_recording else f"TCFTransformer.{name}"
        scale = 2.0 if name == "mask_decoder" else 1.0
        expected = _nhwc(small_recording[key])
        np.testing.assert_allclose(scale * result, expected, atol=1e-4, rtol=0, err_msg=name)


@pytest.mark.parametrize(
    ("forms", "frames"),
    [
        (OpForms(), None),
        (OpForms("conditioned"), None),
        (OpForms("conditioned"), 12),
        (OpForms("conditioned", division="rsqrt"), 12),
    ],
    ids=["reference", "conditioned", "conditioned-12", "conditioned-12-rsqrt"],
)
def test_the_network_equals_the_authors(
    forms: OpForms,
    frames: int | None,
    small_config: Any,
    small_tensors: dict[str, Any],
    small_recording: dict[str, Any],
    features: np.ndarray,
) -> None:
    from keras_imse.models.imse import build_imse
    from keras_imse.offline_audio import enhanced_spectrum
    from keras_imse.weights import import_tensors

    model = build_imse(small_config, frames, forms=forms)
    import_tensors(model, small_tensors, config=small_config)
    outputs = model(features)
    noisy = features[0, ..., 0].T
    magnitude, phase = enhanced_spectrum(noisy, outputs["mask"], outputs["phase"], 2.0)
    np.testing.assert_allclose(magnitude, small_recording["mag"], atol=1e-4, rtol=0)
    error = np.abs(np.exp(1j * phase) - np.exp(1j * small_recording["pha"]))
    assert error.max() < 1e-3
