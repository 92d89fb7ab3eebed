"""Integer forms of weights and biases."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.flatmodel import OpNode, TensorNode
from quantize.quantized_constants import corrected_bias, quantize_weights


def _constant(values: np.ndarray) -> TensorNode:
    return TensorNode("constant", values.shape, "float32", np.asarray(values, np.float32))


@pytest.mark.parametrize(
    ("kind", "shape", "axis"),
    [
        ("CONV_2D", (5, 3, 2, 6), 0),
        ("DEPTHWISE_CONV_2D", (1, 3, 2, 12), 3),
        ("FULLY_CONNECTED", (5, 6), 0),
    ],
)
def test_corrected_bias_takes_the_offset_of_rounded_weights_out(kind, shape, axis):
    rng = np.random.default_rng(8)
    # One large weight per channel leaves few steps for the others.
    weights = rng.normal(0, 0.02, shape)
    np.moveaxis(weights, axis, 0)[:, ..., 0] = 1.0
    bias = rng.normal(0, 0.5, shape[axis])
    op = OpNode(kind, [None, _constant(weights), _constant(bias)], [_constant(np.zeros(1))])
    quantized = quantize_weights(op, 1, axis, search=False)
    means = rng.normal(0, 3.0, 6)
    taps = (1000, *shape[1:-1]) if kind != "FULLY_CONNECTED" else (1000,)
    noise = rng.normal(0, 1.0, (*taps, 6))
    inputs = means + noise - noise.mean(axis=0)
    scales = np.array(quantized.scales).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    exact = _mean_output(kind, inputs, weights) + bias
    rounded = _mean_output(kind, inputs, np.asarray(quantized.data) * scales)
    before = np.abs(rounded + bias - exact)
    after = np.abs(rounded + corrected_bias(op, quantized, 1, 2, means) - exact)
    assert before.max() > 0.01
    assert after.max() < 1e-5


def _mean_output(kind: str, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean result per output channel of inputs (samples, taps…, channels)."""
    if kind == "DEPTHWISE_CONV_2D":
        repeated = np.repeat(inputs, weights.shape[-1] // inputs.shape[-1], axis=-1)
        return np.einsum("nhwc,hwc->nc", repeated, weights[0]).mean(axis=0)
    flat = inputs.reshape(len(inputs), -1)
    return (flat @ weights.reshape(len(weights), -1).T).mean(axis=0)
