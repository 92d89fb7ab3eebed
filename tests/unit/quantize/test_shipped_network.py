"""The network that ships: int8 stays close to float on the example recording."""

from __future__ import annotations

import numpy as np
import pytest

from quantize.accuracy import AccuracyLimits, Pair, check_accuracy
from quantize.costs import graph_costs
from quantize.inspect import assert_integer_only
from quantize.streaming import quantize_streaming
from quantize.tflm_host import TflmRunner

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network():
    from keras_imse import audio
    from keras_imse.checkpoint import load_weights
    from keras_imse.models.stream import ImseStream, build_streaming_model
    from keras_imse.presets import load_preset
    from keras_imse.shipped import calibration_recordings, shipped_weights
    from quantize.convert import convert_streaming

    config = load_preset("imse-stream").stream_config()
    model = ImseStream(config)
    load_weights(model, shipped_weights(config.name))
    features = [audio.features_of(w, config.frontend)[0] for w in calibration_recordings()]
    initial = {f"state_{i:02d}": row for i, row in enumerate(model.initial_state_frames())}
    return convert_streaming(build_streaming_model(model)), features, initial


@pytest.mark.parametrize("recipe", ["int8", "mixed"])
def test_int8_stays_close_to_float(network, examples, recipe):
    tflite, features, initial = network
    result = quantize_streaming(
        tflite, features, recipe, model_name="imse-stream", initial_states=initial
    )
    assert_integer_only(result.model.graph)
    costs = graph_costs(result.model.graph)
    assert (costs.int16_macs > 0) == (recipe == "mixed")
    assert costs.int16_macs < 0.05 * costs.macs
    assert len(result.model.metadata.states) == 24
    assert any(state.initial is not None for state in result.model.metadata.states)
    report = check_accuracy(
        TflmRunner(result.model),
        result.float_tflite,
        [Pair("example", examples / "clean.wav", examples / "noisy.wav")],
        initial_states=initial,
        limits=AccuracyLimits(max_pesq_drop=0.1, min_output_sqnr_db=8.0),
        layer_frames=50,
    )
    assert report.passed, report.failures
    assert np.isfinite(report.quantized.si_sdr_db)
