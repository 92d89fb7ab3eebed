"""Layers of the published network against plain numpy."""

from __future__ import annotations

from dataclasses import asdict
from math import erf
from typing import Any

import numpy as np
import pytest

from keras_imse.errors import ConfigError
from keras_imse.imse_config import OpForms

RANDOM = np.random.default_rng(7)


def _normal(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def _randomise(layer: Any) -> None:
    layer.set_weights([0.5 * _normal(*w.shape) for w in layer.get_weights()])


def _unshuffle(x: np.ndarray) -> np.ndarray:
    """Pixel unshuffle by 2 with the channel order of PyTorch, ``(B, T, F, C)``."""
    b, t, f, c = x.shape
    x = x.reshape(b, t // 2, 2, f // 2, 2, c)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(b, t // 2, f // 2, 4 * c)


def test_channel_norm_keeps_the_mean() -> None:
    from keras_imse.layers.offline.channel_norm import ChannelNorm

    layer, x = ChannelNorm(), 3.0 + _normal(2, 4, 6, 8)
    layer.build(x.shape)
    _randomise(layer)
    gamma = layer.get_weights()[0]
    expected = x / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gamma
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    np.testing.assert_allclose(layer.normalize(x) * gamma, expected, atol=1e-4)


def test_instance_norm_is_per_item_and_channel() -> None:
    from keras_imse.layers.offline.instance_norm import InstanceNorm

    layer, x = InstanceNorm(), 1.0 + _normal(2, 4, 6, 3)
    layer.build(x.shape)
    _randomise(layer)
    gamma, beta = layer.get_weights()
    mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(var + 1e-5) * gamma + beta, atol=1e-5)


def test_a_strided_convolution_is_centred_on_the_first_band() -> None:
    from keras_imse.layers.offline.convolution import CentredConv

    layer, x = CentredConv(1, (1, 3), freq_stride=2), np.zeros((1, 1, 8, 1), np.float32)
    layer.build(x.shape)
    layer.set_weights([np.array([1, 10, 100], np.float32).reshape(1, 3, 1, 1), np.zeros(1)])
    x[0, 0, :, 0] = [1, 2, 3, 4, 5, 6, 7, 8]
    expected = [10 * 1 + 100 * 2, 2 + 10 * 3 + 400, 4 + 50 + 600, 6 + 70 + 800]
    np.testing.assert_allclose(layer(x)[0, 0, :, 0], expected)


def test_dilation_spreads_the_taps_in_time_only() -> None:
    from keras_imse.layers.offline.convolution import CentredConv

    layer, x = CentredConv(1, (3, 3), dilation=4), np.zeros((1, 16, 8, 1), np.float32)
    x[0, 8, 4, 0] = 1
    layer.build(x.shape)
    layer.set_weights([np.ones((3, 3, 1, 1), np.float32), np.zeros(1)])
    frames, bands = np.nonzero(layer(x).numpy()[0, ..., 0])
    assert set(frames) == {4, 8, 12}
    assert set(bands) == {3, 4, 5}


def test_downsample_is_a_pointwise_convolution_and_an_unshuffle() -> None:
    from keras_imse.layers.offline.resample import Downsample

    layer, x = Downsample(12), _normal(2, 4, 6, 5)
    layer.build(x.shape)
    _randomise(layer)
    expected = _unshuffle(layer.pointwise(layer.depthwise(x)).numpy())
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_upsample_undoes_an_unshuffle_once_the_kernel_is_permuted() -> None:
    from keras_imse.layers.offline.resample import Upsample
    from keras_imse.weights.layouts import SHUFFLED

    layer, x = Upsample(3), _normal(1, 4, 6, 12)
    layer.build(x.shape)
    depthwise = np.zeros((3, 3, 12, 1), np.float32)
    depthwise[1, 1] = 1.0
    identity = np.eye(12, dtype=np.float32)[:, :, None, None]
    layer.set_weights([depthwise, SHUFFLED.to_ours(identity)])
    np.testing.assert_allclose(_unshuffle(layer(x).numpy()), x, atol=1e-6)


def test_freq_upsample_equals_a_full_shuffle_with_every_second_frame() -> None:
    import tensorflow as tf

    from keras_imse.layers.offline.resample import FreqUpsample

    layer, x = FreqUpsample(4), _normal(2, 3, 5, 4)
    layer.build(x.shape)
    _randomise(layer)
    shuffled = tf.nn.depth_to_space(layer.pointwise(x), 2)[:, ::2]
    np.testing.assert_allclose(layer(x), layer.depthwise(shuffled), atol=1e-5)


@pytest.mark.parametrize("division", ["div", "rsqrt"])
@pytest.mark.parametrize(("channels", "head_size"), [(8, 8), (24, 8), (32, 16)])
def test_conditioned_attention_equals_the_published_formula(
    channels: int, head_size: int, division: Any
) -> None:
    from keras_imse.layers.offline.mala import MALA

    x = _normal(2, 6, 5, channels)
    reference = MALA(channels, head_size)
    other = MALA(channels, head_size, forms=OpForms("conditioned", division=division))
    for layer in (reference, other):
        layer.build(x.shape)
    _randomise(reference)
    other.set_weights(reference.get_weights())
    scale = 1.0 + 0.1 * _normal(channels)
    np.testing.assert_allclose(
        other(x, input_scale=scale), reference(x, input_scale=scale), atol=2e-4
    )


def test_rotation_keeps_lengths_and_depends_on_distance_only() -> None:
    from keras_imse.layers.offline.rotary import rotary_tables, rotate

    tables = rotary_tables(9, 7, 16, 8)
    q = np.broadcast_to(_normal(1, 1, 1, 16), (1, 9, 7, 16)).astype(np.float32)
    k = np.broadcast_to(_normal(1, 1, 1, 16), (1, 9, 7, 16)).astype(np.float32)
    q_rot, k_rot = rotate(q, tables).numpy()[0], rotate(k, tables).numpy()[0]
    np.testing.assert_allclose(
        np.linalg.norm(q_rot, axis=-1), np.linalg.norm(q[0], axis=-1), rtol=1e-5
    )
    near, far = q_rot[2, 1] @ k_rot[4, 4], q_rot[6, 3] @ k_rot[8, 6]
    np.testing.assert_allclose(near, far, rtol=1e-4)
    assert abs(near - q_rot[2, 1] @ k_rot[5, 4]) > 1e-3


def test_tables_of_unknown_length_equal_the_constants() -> None:
    import tensorflow as tf

    from keras_imse.layers.offline.rotary import rotary_tables

    known, unknown = rotary_tables(11, 6, 16, 8), rotary_tables(tf.constant(11), 6, 16, 8)
    for name, table in vars(known).items():
        np.testing.assert_allclose(table, getattr(unknown, name), atol=1e-6, err_msg=name)


def test_logistic_gelu_is_within_its_stated_error() -> None:
    from keras_imse.layers.offline.gelu import gelu

    x = np.linspace(-9, 9, 20_001).astype(np.float32)
    exact = np.array([v * 0.5 * (1 + erf(v / 2**0.5)) for v in x.astype(np.float64)])
    np.testing.assert_allclose(gelu(x, "erf"), exact, atol=2e-6)
    error = np.abs(gelu(x, "logistic").numpy() - exact).max()
    assert 1e-4 < error < 3e-4
    with pytest.raises(ConfigError, match="erf and logistic"):
        gelu(x, "tanh")


def test_skff_is_the_identity_and_its_parameters_get_zero_gradients() -> None:
    import tensorflow as tf

    from keras_imse.layers.offline.skff import SinglePathSKFF

    layer, x = SinglePathSKFF(4), tf.constant(_normal(1, 4, 4, 16))
    layer.build(x.shape)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
        loss = tf.reduce_sum(y * y)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer(x), x)
    for gradient in tape.gradient(loss, layer.trainable_weights):
        assert not np.any(gradient.numpy())


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'gelu' is one of erf, logistic, got 'tanh'"):
        OpForms(gelu="tanh")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layer", "channels"),
    [("IDConv", 16), ("GDFN", 16), ("TransformerBlock", 16), ("Stage", 16), ("DenseEncoder", 2)],
)
def test_layers_come_back_from_their_config(layer: str, channels: int) -> None:
    from keras_imse.layers.offline.dense_encoder import DenseEncoder
    from keras_imse.layers.offline.gdfn import GDFN
    from keras_imse.layers.offline.idconv import IDConv
    from keras_imse.layers.offline.stage import Stage
    from keras_imse.layers.offline.transformer_block import TransformerBlock

    forms = OpForms("conditioned", "logistic")
    made: Any = {
        "IDConv": lambda: IDConv(16, 7),
        "GDFN": lambda: GDFN(16, 20, gelu_form="logistic"),
        "TransformerBlock": lambda: TransformerBlock(16, 20, forms=forms),
        "Stage": lambda: Stage(16, 20, blocks=2, forms=asdict(forms)),
        "DenseEncoder": lambda: DenseEncoder(8, 2),
    }[layer]()
    x = _normal(1, 4, 8, channels)
    again = type(made).from_config(made.get_config())
    made.build(x.shape)
    again.build(x.shape)
    again.set_weights(made.get_weights())
    np.testing.assert_allclose(again(x), made(x), atol=1e-6)
