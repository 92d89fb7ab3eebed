"""A small streaming network with every kind of operator that the quantizer must handle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from quantize.artifact import QuantizedModel
from quantize.streaming import QuantizationResult, quantize_streaming

BANDS = 256
FREQ = 8
CHANNELS = 8
HEADS = 2
WINDOW = 4
PRIOR = np.linspace(0.2, 1.0, CHANNELS, dtype=np.float32)[None, :]


@dataclass(frozen=True)
class Toy:
    """The float network and features to run it on."""

    tflite: bytes
    sequences: list[np.ndarray]
    initial_states: Mapping[str, np.ndarray]


def _extend(state, x):
    import tensorflow as tf

    extended = tf.concat([state, x], axis=1)
    return extended, extended[:, -state.shape[1] :]


def build_toy():
    """Concat state, valid convolutions, MALA-like attention, gates and a mask head."""
    import tensorflow as tf
    import tf_keras

    rng = np.random.default_rng(3)

    def weight(*shape: int) -> np.ndarray:
        return rng.normal(0, np.prod(shape[:-1]) ** -0.5, shape).astype(np.float32)

    def depthwise(*shape: int) -> np.ndarray:
        return rng.normal(0, (shape[0] * shape[1]) ** -0.5, (*shape, 1)).astype(np.float32)

    parameters = {
        "down": weight(1, 33, 3, CHANNELS),
        "widen": weight(1, 1, CHANNELS, 2 * CHANNELS),
        "time": depthwise(3, 3, 2 * CHANNELS),
        "narrow": weight(1, 1, CHANNELS, CHANNELS),
        "qkv": [weight(1, 1, CHANNELS, CHANNELS) for _ in range(4)],
        "up": weight(1, 1, CHANNELS, 32 * 3),
        "alpha": rng.uniform(0.1, 0.4, (1, 1, CHANNELS)).astype(np.float32),
        "scale": rng.uniform(0.5, 2.0, CHANNELS).astype(np.float32),
        "shift": rng.normal(0, 0.3, CHANNELS).astype(np.float32),
    }

    class ToyLayer(tf_keras.layers.Layer):
        def call(self, inputs):
            features, gate_state, summary_state = inputs
            conv = tf.nn.conv2d
            x = conv(features, parameters["down"], [1, 1, 32, 1], "SAME")
            x = tf.nn.relu(x) + -parameters["alpha"] * tf.nn.relu(-x)
            normed = x * parameters["scale"] + parameters["shift"]
            wide = conv(normed, parameters["widen"], 1, "SAME")
            extended, next_gate = _extend(gate_state, wide)
            extended = tf.pad(extended, [[0, 0], [0, 0], [1, 1], [0, 0]])
            wide = tf.nn.depthwise_conv2d(extended, parameters["time"], [1] * 4, "VALID")
            a, b = tf.split(wide, 2, axis=-1)
            gated = a * tf.nn.relu6(a + 3.0) * (1.0 / 6.0) * b
            x = x + conv(gated, parameters["narrow"], 1, "SAME")
            query, key, value, gate = (conv(x, w, 1, "SAME") for w in parameters["qkv"])
            query, key = tf.nn.elu(query) + 1.0, tf.nn.elu(key) + 1.0

            def heads(t):
                t = tf.reshape(t, (1, FREQ, HEADS, CHANNELS // HEADS))
                return tf.transpose(t, (0, 2, 1, 3))

            query, key, value = heads(query), heads(key), heads(value)
            summary = tf.reshape(tf.reduce_mean(key, axis=2), (1, 1, 1, CHANNELS))
            extended, next_summary = _extend(summary_state, summary)
            taps = tf.fill((WINDOW, 1, CHANNELS, 1), 1.0 / WINDOW)
            mean_key = tf.nn.depthwise_conv2d(extended, taps, [1] * 4, "VALID")
            mean_key = tf.reshape(mean_key, (1, HEADS, CHANNELS // HEADS, 1))
            z = tf.matmul(query, mean_key)
            inverse = tf.math.rsqrt(z + 0.01)
            result = tf.matmul(query, tf.matmul(key, value, transpose_a=True) * (1.0 / FREQ))
            result = result * (inverse * inverse)
            result = tf.reshape(tf.transpose(result, (0, 2, 1, 3)), (1, 1, FREQ, CHANNELS))
            x = x + result * gate
            x = tf.reshape(conv(x, parameters["up"], 1, "SAME"), (1, 1, BANDS, 3))
            return tf.sigmoid(x[..., :1]), x[..., 1:], next_gate, next_summary

    features = tf_keras.Input(batch_shape=(1, 1, BANDS, 3), name="features")
    gate_state = tf_keras.Input(batch_shape=(1, 2, FREQ, 2 * CHANNELS), name="state_00")
    summary_state = tf_keras.Input(batch_shape=(1, WINDOW - 1, 1, CHANNELS), name="state_01")
    results = ToyLayer(name="toy")([features, gate_state, summary_state])
    names = ("mask", "phase", "next_state_00", "next_state_01")
    outputs = {
        name: tf_keras.layers.Activation("linear", name=name)(result)
        for name, result in zip(names, results, strict=True)
    }
    return tf_keras.Model([features, gate_state, summary_state], outputs, name="toy_frame")


def small_model(function, shape=(1, 1, 8, 3)):
    """A stateless network of one expression ``function(tf, features)``."""
    import tensorflow as tf
    import tf_keras

    class Layer(tf_keras.layers.Layer):
        def call(self, x):
            return function(tf, x)

    features = tf_keras.Input(batch_shape=shape, name="features")
    output = tf_keras.layers.Activation("linear", name="mask")(Layer()(features))
    return tf_keras.Model(features, {"mask": output}, name="odd")


def toy_features(frames: int, seed: int) -> np.ndarray:
    """Compressed spectra of noise whose level changes."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.normal(0, 0.5, (frames, 1)))
    spectrum = (rng.normal(size=(frames, BANDS)) + 1j * rng.normal(size=(frames, BANDS))) * level
    magnitude = np.abs(spectrum)
    parts = [
        magnitude**0.3,
        spectrum.real * magnitude**-0.7,
        spectrum.imag * magnitude**-0.7,
    ]
    return np.stack(parts, axis=-1).astype(np.float32)


@pytest.fixture(scope="session")
def toy() -> Toy:
    from quantize.convert import convert_streaming

    return Toy(
        tflite=convert_streaming(build_toy()),
        sequences=[toy_features(40, seed) for seed in range(3)],
        initial_states={"state_01": PRIOR},
    )


@pytest.fixture(scope="session")
def result(toy: Toy) -> QuantizationResult:
    return quantize_streaming(
        toy.tflite,
        toy.sequences,
        "int8",
        model_name="toy",
        initial_states=toy.initial_states,
    )


@pytest.fixture(scope="session")
def quantized(result: QuantizationResult) -> QuantizedModel:
    return result.model
