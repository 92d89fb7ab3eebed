"""IDConv's long strip: a dilated strip over time in the place of an eighth of the identity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_imse.layers.depthwise import CausalDepthwiseConv
from keras_imse.layers.idconv import CausalIDConv


def test_dilated_strip_sees_every_third_frame() -> None:
    layer = CausalDepthwiseConv(2, (4, 1), dilation=3)
    layer.build((None, None, 5, 2))
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(4, 1, 2, 1)).astype(np.float32)
    layer.kernel.assign(kernel)
    x = rng.normal(size=(1, 12, 5, 2)).astype(np.float32)
    (state,) = layer.initial_states(1, 5)
    assert state.shape == (1, 9, 5, 2)
    y, _ = layer(x, [state])
    padded = np.concatenate([np.zeros((1, 9, 5, 2), np.float32), x], axis=1)
    expected = sum(padded[:, 3 * i : 3 * i + 12] * kernel[i, 0, :, 0] for i in range(4))
    np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("dilation", [0, 3])
def test_frames_one_by_one_equal_the_batch(dilation: int) -> None:
    tf.random.set_seed(2)
    layer = CausalIDConv(16, 5, dilation, name="idconv")
    layer.build((None, None, 6, 16))
    for weight in layer.weights:
        weight.assign(weight + 0.1 * tf.random.normal(weight.shape))
    layer.norm.moving_variance.assign(np.ones(16))
    x = tf.random.normal((2, 20, 6, 16))
    expected, _ = layer(x, layer.initial_states(2, 6))
    states = layer.initial_states(2, 6)
    assert len(states) == (3 if dilation else 2)
    for t in range(20):
        y, states = layer(x[:, t : t + 1], states)
        np.testing.assert_allclose(y[:, 0], expected[:, t], atol=1e-5)


def test_long_strip_starts_as_the_identity() -> None:
    """So weights of a network without long strips can be carried on."""
    layers = []
    for dilation in (0, 3):
        layer = CausalIDConv(16, 5, dilation, name="idconv")
        layer.build((None, None, 6, 16))
        layers.append(layer)
    plain, long = layers
    for name in ("pointwise", "norm", "square", "band_strip", "time_strip"):
        for source, target in zip(
            getattr(plain, name).weights, getattr(long, name).weights, strict=True
        ):
            target.assign(source)
    x = tf.random.normal((1, 9, 6, 16))
    before, _ = plain(x, plain.initial_states(1, 6))
    after, _ = long(x, long.initial_states(1, 6))
    np.testing.assert_allclose(after, before, atol=1e-6)
