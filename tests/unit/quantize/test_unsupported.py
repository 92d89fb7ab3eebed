"""Networks that cannot be quantized are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.convert import convert_streaming
from quantize.errors import ModelFileError, QuantizeError
from quantize.streaming import quantize_streaming
from quantize.tflm_host import TflmRunner
from tests.unit.quantize.conftest import small_model


def _quantize(function):
    frames = [np.random.default_rng(0).normal(size=(5, 8, 3))]
    return quantize_streaming(small_model(function), frames, model_name="odd")


def test_operator_without_integer_kernel_is_named():
    with pytest.raises(QuantizeError, match=r"operator EXP .* has no integer form"):
        _quantize(lambda tf, x: tf.exp(x))


def test_negative_operand_of_rsqrt_is_found_in_calibration():
    with pytest.raises(QuantizeError, match=r"RSQRT .* negative value|is not finite"):
        _quantize(lambda tf, x: tf.math.rsqrt(tf.nn.elu(x) + 1.5 - 2.0))


def test_dynamic_shape_is_refused():
    with pytest.raises(QuantizeError, match="dynamic shape"):
        convert_streaming(small_model(lambda tf, x: tf.nn.elu(x), shape=(1, None, 8, 3)))


def test_operator_outside_the_builtins_is_refused_in_one_line():
    with pytest.raises(QuantizeError, match="cannot convert model 'odd'") as caught:
        convert_streaming(small_model(lambda tf, x: tf.linalg.inv(x[..., :3, :])))
    assert "\n" not in caught.value.message


def test_corrupt_float_model_is_refused(toy):
    with pytest.raises(ModelFileError, match="float model"):
        quantize_streaming(toy.tflite[:2000], toy.sequences, model_name="toy")


def test_stateless_network_works():
    result = _quantize(lambda tf, x: tf.nn.elu(x))
    output = TflmRunner(result.model).run(np.ones((2, 8, 3), np.float32))["mask"]
    np.testing.assert_allclose(output, 1.0, atol=0.05)
