"""Every recorded module of the authors' implementation, reproduced with their weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_imse.imse_config import ImseConfig, OpForms

TOLERANCE = 1e-4


def _nhwc(x: np.ndarray) -> np.ndarray:
    return np.transpose(x, (0, 2, 3, 1))


def _layer(model: Any, *path: str) -> Any:
    """Returns a sub-layer by attribute path below a top-level layer."""
    layer = model.get_layer(path[0])
    for part in path[1:]:
        layer = layer[int(part)] if part.isdigit() else getattr(layer, part)
    return layer


def _mask_conv(model: Any) -> Callable[[Any], Any]:
    decoder = model.get_layer("mask_decoder")
    return lambda x: decoder.final(decoder.before_final(x))


#: Name in the recording → our layer.
BLOCK = "TCFTransformer.encoder_level1.mhca_blks.0.transformer_layers.0"
MODULES: dict[str, tuple[str, ...]] = {
    "dense_encoder.dense_conv_1": ("dense_encoder", "dense_conv_1"),
    "dense_encoder.dense_block.dense_block.0": ("dense_encoder", "dense_block", "units", "0"),
    "dense_encoder.dense_block": ("dense_encoder", "dense_block"),
    "dense_encoder": ("dense_encoder",),
    "TCFTransformer.patch_embed_encoder_level1": ("embed_encoder_level1",),
    f"{BLOCK}.norm1": ("encoder_level1", "blocks", "0", "norm1"),
    f"{BLOCK}.mala": ("encoder_level1", "blocks", "0", "mala"),
    f"{BLOCK}.ffn": ("encoder_level1", "blocks", "0", "gdfn"),
    BLOCK: ("encoder_level1", "blocks", "0"),
    "TCFTransformer.encoder_level1": ("encoder_level1",),
    "TCFTransformer.down1_2": ("down1_2",),
    "TCFTransformer.encoder_level2": ("encoder_level2",),
    "TCFTransformer.down2_3": ("down2_3",),
    "TCFTransformer.latent.mhca_blks.0.transformer_layers.3.mala": (
        "latent",
        "blocks",
        "3",
        "mala",
    ),
    "TCFTransformer.latent": ("latent",),
    "TCFTransformer.up3_2": ("up3_2",),
    "TCFTransformer.decoder_level2": ("decoder_level2",),
    "TCFTransformer.up2_1": ("up2_1",),
    "TCFTransformer.decoder_level1": ("decoder_level1",),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_equals_the_authors(name: str, official: Any, golden: dict[str, Any]) -> None:
    expected = _nhwc(golden.get(f"{name}.out", golden.get(f"{name}.out0")))
    result = _layer(official, *MODULES[name])(_nhwc(golden[f"{name}.in"])).numpy()
    np.testing.assert_allclose(result, expected, atol=TOLERANCE, rtol=0)


def test_every_recorded_module_is_tested(golden: dict[str, Any]) -> None:
    recorded = {name.removesuffix(".in") for name in golden if name.endswith(".in")}
    elsewhere = {"TCFTransformer", "mask_decoder", "mask_decoder.mask_conv", "phase_decoder"}
    assert recorded == set(MODULES) | elsewhere


def test_the_u_net_equals_the_authors(official: Any, golden: dict[str, Any]) -> None:
    import tf_keras

    inner = tf_keras.Model(
        official.get_layer("dense_encoder").output,
        [official.get_layer("mag_residual").output, official.get_layer("pha_residual").output],
    )
    results = inner(_nhwc(golden["TCFTransformer.in"]))
    for index, result in enumerate(results):
        expected = _nhwc(golden[f"TCFTransformer.out{index}"])
        np.testing.assert_allclose(result.numpy(), expected, atol=TOLERANCE, rtol=0)


def test_the_decoders_equal_the_authors(official: Any, golden: dict[str, Any]) -> None:
    decoder = official.get_layer("mask_decoder")
    before = _mask_conv(official)(_nhwc(golden["mask_decoder.mask_conv.in"]))
    expected = _nhwc(golden["mask_decoder.mask_conv.out"])
    np.testing.assert_allclose(before.numpy(), expected, atol=TOLERANCE, rtol=0)
    mask = ImseConfig().mask_limit * decoder(_nhwc(golden["mask_decoder.in"])).numpy()
    np.testing.assert_allclose(mask, _nhwc(golden["mask_decoder.out"]), atol=TOLERANCE, rtol=0)
    parts = official.get_layer("phase_decoder")(_nhwc(golden["phase_decoder.in"])).numpy()
    error = np.arctan2(parts[..., 1], parts[..., 0]) - _nhwc(golden["phase_decoder.out"])[..., 0]
    # The angle of a number near zero is ill-defined in float32: weigh by its magnitude.
    wrapped = np.abs(np.angle(np.exp(1j * error))) * np.minimum(
        np.hypot(*np.moveaxis(parts, -1, 0)), 1
    )
    assert wrapped.max() < TOLERANCE


def _assert_network(model: Any, golden: dict[str, Any]) -> None:
    from keras_imse.offline_audio import enhanced_spectrum, features

    noisy = golden["noisy_mag"][0]
    outputs = model(features(noisy, golden["noisy_pha"][0]))
    magnitude, phase = enhanced_spectrum(noisy, outputs["mask"], outputs["phase"], 2.0)
    np.testing.assert_allclose(magnitude, golden["mag"][0], atol=1e-3, rtol=0)
    expected = golden["mag"][0] * np.exp(1j * golden["pha"][0])
    error = np.linalg.norm(magnitude * np.exp(1j * phase) - expected) / np.linalg.norm(expected)
    assert error < 1e-3


def test_the_network_equals_the_authors(official: Any, golden: dict[str, Any]) -> None:
    _assert_network(official, golden)


@pytest.mark.slow
@pytest.mark.parametrize("division", ["div", "rsqrt"])
def test_the_conditioned_network_equals_the_authors(
    division: Any, official_weights: Path, golden: dict[str, Any]
) -> None:
    from keras_imse.models.imse import build_imse
    from keras_imse.weights import load_imse_weights

    model = build_imse(segment_frames=32, forms=OpForms("conditioned", division=division))
    load_imse_weights(model, official_weights)
    _assert_network(model, golden)


@pytest.mark.slow
def test_the_deploy_form_stays_close(official_weights: Path, golden: dict[str, Any]) -> None:
    from keras_imse.models.imse import build_imse
    from keras_imse.offline_audio import enhanced_spectrum, features
    from keras_imse.weights import load_imse_weights

    model = build_imse(segment_frames=32, deploy=True)
    load_imse_weights(model, official_weights)
    noisy = golden["noisy_mag"][0]
    outputs = model(features(noisy, golden["noisy_pha"][0]))
    magnitude, _ = enhanced_spectrum(noisy, outputs["mask"], outputs["phase"], 2.0)
    # The logistic GELU is within 3e-4 of the exact one in each of 28 blocks.
    np.testing.assert_allclose(magnitude, golden["mag"][0], atol=2e-2, rtol=0)


def test_the_published_size(official: Any) -> None:
    assert sum(int(np.prod(w.shape)) for w in official.trainable_weights) == 432_995
    assert not official.non_trainable_weights


def test_spectra_equal_the_authors(golden: dict[str, Any]) -> None:
    from keras_imse.offline_audio import magnitude_phase, wave_from

    magnitude, phase = magnitude_phase(golden["wave"][0])
    np.testing.assert_allclose(magnitude, golden["noisy_mag"][0], atol=TOLERANCE, rtol=0)
    # Modulo a turn: the first and last frame are symmetric, so the sign of ±pi is random. The
    # reference's float32 transform leaves noise in the phase of the weakest bins.
    wrapped = np.abs(np.angle(np.exp(1j * (phase - golden["noisy_pha"][0].astype(np.float64)))))
    assert wrapped[magnitude > 0.5].max() < TOLERANCE
    assert (wrapped * magnitude ** (1 / 0.3)).max() < TOLERANCE
    wave = wave_from(golden["mag"][0], golden["pha"][0])
    np.testing.assert_allclose(wave, golden["wave_out"][0], atol=TOLERANCE, rtol=0)


@pytest.mark.slow
def test_pesq_on_the_development_pairs(official: Any, data_dir: Path) -> None:
    import soundfile
    import tensorflow as tf
    from pesq import pesq

    from keras_imse.enhance_imse import enhance

    run = tf.function(lambda x: official(x, training=False))
    scores = []
    for noisy in sorted((data_dir / "data" / "vbdemand_dev" / "noisy").glob("*.wav")):
        wave, rate = soundfile.read(noisy, dtype="float32")
        clean, _ = soundfile.read(noisy.parent.parent / "clean" / noisy.name, dtype="float32")
        scores.append(pesq(rate, clean, enhance(wave, run), "wb"))
    assert len(scores) == 26
    assert np.mean(scores) == pytest.approx(3.323, abs=0.01)
