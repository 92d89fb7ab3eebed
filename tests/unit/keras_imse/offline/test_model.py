"""The network as a whole: sizes, lengths, forms, conversion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_imse.errors import ConfigError
from keras_imse.imse_config import ImseConfig, OfflineAudioConfig, imse_config_from_dict

#: Operators of TensorFlow Lite Micro that a converted deploy form may use.
TFLM_OPERATORS = {
    "ADD", "BATCH_MATMUL", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE",
    "DIV", "ELU", "LOGISTIC", "MEAN", "MUL", "PAD", "PRELU", "RESHAPE", "RSQRT", "SPLIT",
    "SPLIT_V", "SQUARED_DIFFERENCE", "SUB",
}  # fmt: skip


def _features(frames: int, bands: int = 32) -> np.ndarray:
    random = np.random.default_rng(3)
    return random.uniform(0, 1, (1, frames, bands, 2)).astype(np.float32)


@pytest.mark.parametrize("frames", [4, 8, 20])
def test_any_multiple_of_four_runs(small_model: Any, frames: int) -> None:
    outputs = small_model(_features(frames))
    assert outputs["mask"].shape == (1, frames, 32, 1)
    assert outputs["phase"].shape == (1, frames, 32, 2)
    assert np.all((outputs["mask"] > 0) & (outputs["mask"] < 1))


@pytest.mark.parametrize("frames", [1, 6])
def test_other_lengths_are_refused(small_model: Any, small_config: Any, frames: int) -> None:
    import tensorflow as tf

    from keras_imse.models.imse import build_imse

    with pytest.raises((ConfigError, tf.errors.InvalidArgumentError), match="4"):
        small_model(_features(frames))
    run = tf.function(small_model, input_signature=[tf.TensorSpec((1, None, 32, 2), tf.float32)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="divides by 4"):
        run(_features(frames))
    with pytest.raises(ConfigError, match=f"segment of {frames} frames"):
        build_imse(small_config, frames)


def test_items_of_a_batch_do_not_see_each_other(small_model: Any) -> None:
    batch = np.concatenate([_features(8), _features(8)[:, ::-1]])
    together = small_model(batch)["mask"].numpy()
    alone = [small_model(item[None])["mask"].numpy() for item in batch]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_deploy_form_takes_the_same_weights(small_model: Any, small_config: Any) -> None:
    from keras_imse.models.imse import build_imse

    deploy = build_imse(small_config, 12, deploy=True)
    assert [w.name for w in deploy.weights] == [w.name for w in small_model.weights]
    deploy.set_weights(small_model.get_weights())
    assert deploy.input_shape == (1, 12, 32, 2)
    np.testing.assert_allclose(
        deploy(_features(12))["mask"], small_model(_features(12))["mask"], atol=1e-2
    )


def test_training_computes_the_same(small_model: Any) -> None:
    for name, value in small_model(_features(12), training=True).items():
        np.testing.assert_allclose(value, small_model(_features(12))[name], atol=1e-4)


def test_every_parameter_gets_a_gradient(small_model: Any) -> None:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = small_model(_features(8), training=True)
        loss = tf.reduce_sum(outputs["mask"]) + tf.reduce_sum(outputs["phase"] ** 2)
    gradients = tape.gradient(loss, small_model.trainable_weights)
    assert [w.name for w, g in zip(small_model.weights, gradients, strict=True) if g is None] == []
    assert all(np.isfinite(g.numpy()).all() for g in gradients)


@pytest.mark.slow
def test_the_converted_deploy_form_runs_in_tflm_with_its_operators_only(
    small_model: Any, small_config: Any
) -> None:
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter
    from tflite_micro.python.tflite_micro import runtime

    from keras_imse.models.imse import build_imse
    from quantize.inspect import read_graph

    deploy = build_imse(small_config, 12, deploy=True)
    deploy.set_weights(small_model.get_weights())
    content = tf.lite.TFLiteConverter.from_keras_model(deploy).convert()
    assert {op.kind for op in read_graph(content).ops} <= TFLM_OPERATORS
    signature = Interpreter(model_content=content).get_signature_list()["serving_default"]
    assert signature["inputs"] == ["features"]
    assert sorted(signature["outputs"]) == ["mask", "phase"]
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=8_000_000)
    interpreter.set_input(_features(12), 0)
    interpreter.invoke()
    expected = deploy(_features(12))
    results = [interpreter.get_output(i) for i in range(2)]
    assert {r.shape[-1] for r in results} == {1, 2}
    for result in results:
        name = "mask" if result.shape[-1] == 1 else "phase"
        np.testing.assert_allclose(result, expected[name], atol=2e-4)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"dense_channels": 12}, "head_size must be"),
        ({"audio": {"n_fft": 512}}, "must divide by 8, got 257"),
        ({"audio": {"segment_samples": 30_000}}, "frames per segment must divide by 4, got 301"),
        ({"blocks": 3}, "unexpected keyword argument 'blocks'"),
    ],
)
def test_configurations_that_cannot_be_built_are_refused(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        imse_config_from_dict(config, where="test")


def test_the_published_configuration() -> None:
    config = imse_config_from_dict({}, where="test")
    assert config == ImseConfig()
    assert config.audio == OfflineAudioConfig()
    assert config.audio.bands == 256
    assert config.audio.segment_frames == 308
    assert [config.hidden_channels(level) for level in range(3)] == [42, 85, 127]
    assert config.to_json()["audio"]["hop"] == 100
