"""Streaming MALA against the published formula over an explicit window of tokens."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras

from keras_imse.layers.mala import StreamingMALA

HEADS, HEAD, WINDOW, FREQ = 2, 4, 3, 5
CHANNELS = HEADS * HEAD


def _published_mala(layer: StreamingMALA, x: np.ndarray) -> np.ndarray:
    """MALA as printed, token by token, with the prior as the frames before the first.

    ``(q KV)(1 + 1/z) - z mean(v)``, rotary embedding as complex multiplication.
    """
    x = np.asarray(layer.norm(x))[0]

    def conv(part: object) -> np.ndarray:
        return x @ part.kernel.numpy()[0, 0] + part.bias.numpy()  # type: ignore[attr-defined]

    def elu_plus_one(a: np.ndarray) -> np.ndarray:
        return np.where(a > 0, a + 1.0, np.exp(np.minimum(a, 0)))

    query, key = elu_plus_one(conv(layer.query)), elu_plus_one(conv(layer.key))
    value, gate = conv(layer.value), conv(layer.gate)
    pairs = HEAD // 2
    rates = 10000.0 ** -np.linspace(0, 1, pairs) if layer.rope else np.zeros(pairs)

    def head_of(a: np.ndarray, h: int) -> np.ndarray:
        index = [half * CHANNELS // 2 + h * pairs + j for half in range(2) for j in range(pairs)]
        return a[..., index]

    def rotated(a: np.ndarray) -> np.ndarray:
        turn = np.exp(1j * np.arange(FREQ)[:, None] * rates)
        z = (a[..., :pairs] + 1j * a[..., pairs:]) * turn
        return np.concatenate([z.real, z.imag], axis=-1)

    s = HEAD**-0.5
    result = np.zeros_like(query)
    prior_kv = layer.prior_kv.numpy().reshape(HEADS, HEAD, HEAD)
    prior_k = layer.prior_k.numpy().reshape(HEADS, HEAD)
    prior_v = layer.prior_v.numpy().reshape(HEADS, HEAD)
    for h in range(HEADS):
        q, k, v = head_of(query, h), head_of(key, h), head_of(value, h)
        qr, kr = rotated(q), rotated(k)
        for t in range(len(x)):
            past = range(t - WINDOW + 1, t + 1)
            kv = np.mean([kr[u].T @ v[u] / FREQ if u >= 0 else prior_kv[h] for u in past], 0)
            km = np.mean([k[u].mean(0) if u >= 0 else prior_k[h] for u in past], 0)
            vm = np.mean([v[u].mean(0) if u >= 0 else prior_v[h] for u in past], 0)
            z = s * q[t] @ km + layer.floor
            out = (s * qr[t] @ kv) * (1 + 1 / z)[:, None] - (z * 1.0)[:, None] * vm
            # The layer adds the floor only under the division, not where z multiplies.
            attended = (s * qr[t] @ kv) / z[:, None]
            out -= layer.floor * (attended - vm)
            index = [i * CHANNELS // 2 + h * pairs + j for i in range(2) for j in range(pairs)]
            result[t][:, index] = out
    position = np.asarray(
        layer.position(value[None].astype(np.float32), [np.zeros((1, 2, FREQ, CHANNELS), "f")])[0]
    )[0]
    y = (result + position) * gate
    return y @ layer.project.kernel.numpy()[0, 0] + layer.project.bias.numpy()


@pytest.mark.parametrize("rope", [True, False])
def test_equals_published_form(rope: bool) -> None:
    layer = StreamingMALA(CHANNELS, HEAD, WINDOW, rope=rope, floor=1e-3, name="mala")
    layer.build((None, None, FREQ, CHANNELS))
    rng = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    layer.prior_k.assign(np.abs(layer.prior_k))
    x = rng.normal(size=(1, 7, FREQ, CHANNELS)).astype(np.float32)
    got, _ = layer(x, layer.initial_states(1, FREQ))
    np.testing.assert_allclose(np.asarray(got)[0], _published_mala(layer, x), atol=2e-4)


def test_prior_keys_stay_positive() -> None:
    """Training may push the prior of the keys down, but not below zero, where z has no root."""
    layer = StreamingMALA(CHANNELS, HEAD, WINDOW, rope=True, floor=1e-3, name="mala")
    layer.build((None, None, FREQ, CHANNELS))
    optimizer = tf_keras.optimizers.SGD(1.0)
    optimizer.build([layer.prior_k])
    optimizer.apply_gradients([(np.full(CHANNELS, 5.0, np.float32), layer.prior_k)])
    assert float(np.min(layer.prior_k)) == 0.0
