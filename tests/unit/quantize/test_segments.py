"""Networks over whole segments: rewrites, stages, quantization, accuracy per layer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from keras_imse.config import FrontendConfig
from keras_imse.imse_config import ImseConfig, OfflineAudioConfig
from keras_imse.offline_audio import features as features_of
from keras_imse.offline_audio import level_factor, magnitude_phase
from quantize.calibration import FloatRunner
from quantize.costs import graph_costs
from quantize.errors import QuantizeError
from quantize.flatmodel import FlatModel
from quantize.layers import compare_segment_layers, costliest_layers
from quantize.metrics import sqnr_db
from quantize.passes.balance_norms import balance_norms
from quantize.passes.split_channels import split_channels
from quantize.passes.widen_prelu import widen_prelu
from quantize.recipe import RangeRule, Selection, load_recipe
from quantize.runner import quantize_values
from quantize.segments import calibrate_segments, cut_segments, quantize_segments
from quantize.stages import FloatStages, TflmStages, cut_stages
from quantize.streaming import QuantizationResult, prepare_float
from quantize.tflm_host import TflmRunner

FRAMES = 12
AUDIO = OfflineAudioConfig(n_fft=30, hop=10, segment_samples=10 * (FRAMES - 1))
FRONTEND = FrontendConfig(n_fft=30, hop=10, first_bin=0, bands=16)


@dataclass(frozen=True)
class Small:
    """A small network of the published kind, random weights, and features to run it on."""

    tflite: bytes
    sequences: list[np.ndarray]


def _small_network():
    import tf_keras

    from keras_imse.models.imse import build_imse

    tf_keras.utils.set_random_seed(4)
    config = ImseConfig(audio=AUDIO, dense_channels=8, dense_depth=2, stage_blocks=1)
    model = build_imse(config, FRAMES, deploy=True)
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if "norm" in variable.name or "slope" in variable.name:
            variable.assign(variable * rng.uniform(0.3, 2.0, variable.shape))
        elif "bias" in variable.name:
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


@pytest.fixture(scope="module")
def small() -> Small:
    from quantize.convert import convert_streaming

    rng = np.random.default_rng(6)
    sequences = []
    for _ in range(3):
        samples = np.arange(10 * (4 * FRAMES - 1))
        wave = np.sin(samples * rng.uniform(0.1, 0.6)) * (samples % 200 < 120)
        wave = (wave + rng.normal(0, 0.2, samples.size)).astype(np.float32)
        loud = wave * np.float32(level_factor(wave))
        sequences.append(features_of(*magnitude_phase(loud, AUDIO))[0])
    return Small(prepare_float(convert_streaming(_small_network())), sequences)


@pytest.fixture(scope="module")
def result(small: Small) -> QuantizationResult:
    return quantize_segments(
        lambda frames: small.tflite, FRAMES, small.sequences, model_name="imse", frontend=FRONTEND
    )


def _close(first: bytes, second: bytes, segment: np.ndarray) -> None:
    expected, got = (FloatRunner(m).run_frame(segment) for m in (first, second))
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-3, atol=1e-4)


def _kinds(content: bytes) -> set[str]:
    return {op.kind for op in FlatModel.from_bytes(content).ops}


def test_splits_become_convolutions(small: Small):
    model = FlatModel.from_bytes(small.tflite)
    macs = graph_costs(FloatRunner(small.tflite).graph).macs
    assert split_channels(model) > 10
    content = model.to_bytes()
    assert not _kinds(content) & {"SPLIT", "SPLIT_V"}
    assert graph_costs(FloatRunner(content).graph).macs == macs
    _close(small.tflite, content, small.sequences[0][:FRAMES])


def test_prelu_in_operators_with_int16_kernels(small: Small):
    model = FlatModel.from_bytes(small.tflite)
    total = sum(op.kind == "PRELU" for op in model.ops)
    replaced = widen_prelu(model, [Selection("^mask_decoder/")])
    content = model.to_bytes()
    assert 0 < replaced < total
    left = [op.outputs[0].name for op in FlatModel.from_bytes(content).ops if op.kind == "PRELU"]
    assert len(left) == total - replaced
    assert not any(name.startswith("mask_decoder/") for name in left)
    _close(small.tflite, content, small.sequences[0][:FRAMES])


def test_balanced_norms_have_equal_variances(small: Small):
    segments = cut_segments(small.sequences, FRAMES)
    model = FlatModel.from_bytes(small.tflite)
    survey = calibrate_segments(small.tflite, segments)
    assert balance_norms(model, survey) == sum(op.kind == "PRELU" for op in model.ops)
    content = model.to_bytes()
    _close(small.tflite, content, segments[0])
    after = calibrate_segments(content, segments)
    for op in FlatModel.from_bytes(content).ops:
        name = op.outputs[0].name
        if op.kind == "MEAN" and name.endswith("/norm/Mean_1"):
            variances = after[op.outputs[0].key].channel_means
            assert variances.max() < 1.2 * variances.min(), name
        if op.kind == "MEAN" and name.endswith("/norm/Mean"):
            assert np.abs(after[op.outputs[0].key].channel_means).max() < 1e-4, name


def test_float_stages_compute_what_the_whole_graph_computes(small: Small):
    segment = small.sequences[0][:FRAMES]
    whole = FloatRunner(small.tflite, preserve_all=True)
    whole.run_frame(segment)
    assert len(cut_stages(small.tflite)) > 1
    seen = set()
    for key, values in FloatStages(small.tflite).walk(segment):
        np.testing.assert_array_equal(values, whole.tensor(key))
        seen.add(key)
    assert seen == {index for op in whole.graph.ops for index in op.outputs}


def test_integer_stages_end_in_the_interpreters_outputs(small: Small, result):
    runner = TflmRunner(result.model)
    tensor = result.model.graph.tensors[result.model.metadata.inputs["features"]]
    levels = quantize_values(small.sequences[0][:FRAMES], tensor)
    values = dict(TflmStages(result.model.tflite).walk(levels))
    for name, expected in runner.invoke(levels).items():
        got = values[result.model.metadata.outputs[name]]
        np.testing.assert_array_equal(got, expected)


def test_stage_limits(small: Small):
    stages = cut_stages(small.tflite, stage_tensors=50)
    assert all(len(stage.computes) <= 50 for stage in stages)
    total = sum(len(op.outputs) for op in FlatModel.from_bytes(small.tflite).ops)
    assert sum(len(stage.computes) for stage in stages) == total
    assert len(cut_stages(small.tflite, stage_bytes=1)) == len(
        FlatModel.from_bytes(small.tflite).ops
    )


def test_integer_model_follows_float(small: Small, result):
    graph = result.model.graph
    assert {t.dtype for t in graph.tensors} <= {"int8", "int16", "int32", "int64"}
    costs = graph_costs(graph)
    assert 0 < costs.int16_macs < costs.macs
    assert result.model.metadata.macs_per_frame == round(costs.macs / FRAMES)
    reference, runner = FloatRunner(result.float_tflite), TflmRunner(result.model)
    for sequence in small.sequences:
        segment = sequence[FRAMES : 2 * FRAMES]
        exact, got = reference.run_frame(segment), runner.run_frame(segment).values
        for name, floor in (("mask", 25.0), ("phase", 18.0)):
            error = np.sum((got[name] - exact[name]) ** 2)
            assert sqnr_db(np.sum(exact[name] ** 2), error) > floor


def test_same_inputs_same_bytes(small: Small, result):
    again = quantize_segments(
        lambda frames: small.tflite, FRAMES, small.sequences, model_name="imse", frontend=FRONTEND
    )
    assert again.model.tflite == result.model.tflite


def test_costliest_layer_is_named(small: Small):
    recipe = load_recipe("imse")
    broken = "encoder_level1_residual"
    recipe = replace(recipe, ranges=(RangeRule(broken, limit=0.01), *recipe.ranges))
    result = quantize_segments(
        lambda frames: small.tflite,
        FRAMES,
        small.sequences,
        recipe,
        model_name="imse",
        frontend=FRONTEND,
    )
    steps: list[tuple[int, int]] = []
    layers = compare_segment_layers(
        result.model,
        result.float_tflite,
        small.sequences[0][:FRAMES],
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps[-1][0] == steps[-1][1]
    names = [layer.tensor for layer in layers]
    assert "mask" in names
    assert any(name.endswith("/int8") for name in names)
    found = costliest_layers(layers)
    assert len(found) == 10
    assert all(layer.lost_db > 0 for layer in found)
    assert any(broken in layer.tensor for layer in found[:3])
    assert not any(layer.kind == "MEAN" for layer in found)
    assert all(layer.reaches_db >= layer.sqnr_db for layer in layers)
    by_name = {layer.tensor: layer for layer in layers}
    assert by_name["mask"].reaches_db == by_name["mask"].sqnr_db
    # A mean near zero is mostly noise; little of it is left in what it is subtracted from.
    drowned = max(layers, key=lambda layer: layer.reaches_db - layer.sqnr_db)
    assert drowned.reaches_db > drowned.sqnr_db + 10.0
    assert max(layer.saturated for layer in layers if broken in layer.tensor) > 0.5


def test_headroom_and_limit(small: Small, result):
    recipe = load_recipe("imse")
    rules = (RangeRule("^mask_decoder/reduce", headroom=8.0), RangeRule("^phase$", limit=0.5))
    other = quantize_segments(
        lambda frames: small.tflite,
        FRAMES,
        small.sequences,
        replace(recipe, ranges=(*rules, *recipe.ranges)),
        model_name="imse",
        frontend=FRONTEND,
    )

    def scale(found: QuantizationResult, name: str) -> float:
        return next(t.scale for t in found.model.graph.tensors if t.name == name)

    reduce = "mask_decoder/reduce/BiasAdd"
    assert scale(other, reduce) == pytest.approx(4.0 * scale(result, reduce), rel=1e-5)
    assert scale(other, "phase") == pytest.approx(0.5 / 32767, rel=1e-5)


def test_short_and_broken_features_are_refused(small: Small):
    with pytest.raises(QuantizeError, match="no calibration recording is as long as a segment"):
        quantize_segments(
            lambda frames: small.tflite,
            FRAMES,
            [small.sequences[0][: FRAMES - 1]],
            model_name="imse",
            frontend=FRONTEND,
        )
    with pytest.raises(QuantizeError, match="NaN"):
        cut_segments([np.full((FRAMES, 16, 2), np.nan, np.float32)], FRAMES)
