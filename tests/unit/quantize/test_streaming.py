"""Quantization of a whole streaming network, run by the TFLM host interpreter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantize.calibration import Calibration, FloatRunner, calibrate
from quantize.costs import graph_costs
from quantize.errors import QuantizeError, RecipeError
from quantize.flatmodel import FlatModel
from quantize.inspect import read_graph
from quantize.passes.equalize import equalize
from quantize.passes.fold_affine import fold_affine
from quantize.passes.tidy_names import tidy_names
from quantize.recipe import Selection, load_recipe, parse_recipe
from quantize.runner import dequantize_values, quantize_values
from quantize.schemes.ptq import quantize_model
from quantize.streaming import prepare_float, quantize_streaming
from quantize.tflm_host import TflmRunner
from tests.unit.quantize.conftest import small_model, toy_features

SQNR_DB = {"mask": 25.0, "phase": 20.0}


def _sqnr_db(exact: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(exact**2) / np.mean((exact - other) ** 2)))


def _compare(result, features: np.ndarray) -> dict[str, float]:
    exact = FloatRunner(result.float_tflite, result.initial_states).run(features)
    device = TflmRunner(result.model).run(features)
    return {name: _sqnr_db(exact[name], device[name]) for name in exact}


def _quantize(toy, recipe, **options):
    return quantize_streaming(
        toy.tflite,
        options.pop("sequences", toy.sequences),
        recipe,
        model_name="toy",
        initial_states=options.pop("initial_states", toy.initial_states),
    )


def test_toy_has_the_operators_that_matter(toy):
    kinds = {op.kind for op in read_graph(toy.tflite).ops}
    assert {
        *("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU", "CONCATENATION", "STRIDED_SLICE", "PAD"),
        *("SPLIT", "HARD_SWISH", "MUL", "ADD", "ELU", "RESHAPE", "TRANSPOSE", "MEAN"),
        *("BATCH_MATMUL", "RSQRT", "LOGISTIC"),
    } <= kinds


def test_int8_follows_float_over_a_recording(result):
    measured = _compare(result, toy_features(60, 99))
    for name, least in SQNR_DB.items():
        assert measured[name] > least, measured


def test_constraints_of_the_kernels_hold(quantized):
    graph = quantized.graph
    tensors = graph.tensors
    for op in graph.ops:
        output = tensors[op.outputs[0]]
        if op.kind == "LOGISTIC":
            assert (output.scale, output.zero_point) == (1 / 256, -128)
        if op.kind in ("CONCATENATION", "RESHAPE", "TRANSPOSE", "PAD", "STRIDED_SLICE", "SPLIT"):
            tied = [tensors[i] for i in (*op.inputs, *op.outputs) if tensors[i].dtype == "int8"]
            assert len({(t.scales, t.zero_points) for t in tied}) == 1, op
        if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            source, weights, bias = (tensors[i] for i in op.inputs)
            assert weights.axis == (0 if op.kind == "CONV_2D" else 3)
            assert len(weights.scales) == weights.shape[weights.axis] == bias.elements
            assert set(weights.zero_points) == set(bias.zero_points) == {0}
            assert int(weights.data.min()) >= -127
            expected = np.float32(source.scale) * np.array(weights.scales, np.float32)
            np.testing.assert_array_equal(np.array(bias.scales, np.float32), expected)
        if op.kind == "RSQRT":
            assert tensors[op.inputs[0]].zero_point == -128


def test_same_inputs_give_the_same_bytes(toy, result):
    assert _quantize(toy, "int8").model.tflite == result.model.tflite


def test_initial_state_changes_the_first_frames(toy, result):
    without = _quantize(toy, "int8", initial_states={})
    features = toy_features(6, 5)
    first = TflmRunner(result.model).run(features)["mask"]
    second = TflmRunner(without.model).run(features)["mask"]
    assert _sqnr_db(first[:1], second[:1]) < 30


def test_states_are_carried_and_reset(quantized):
    runner = TflmRunner(quantized)
    features = toy_features(8, 7)
    whole = runner.run(features)
    again = runner.run(features)
    np.testing.assert_array_equal(whole["mask"], again["mask"])
    runner.reset()
    frames = [runner.run_frame(frame).values["mask"].reshape(256, 1) for frame in features]
    np.testing.assert_array_equal(whole["mask"], np.stack(frames))
    runner.reset()
    stateless = runner.run_frame(features[-1]).values["mask"].reshape(256, 1)
    assert np.any(stateless != whole["mask"][-1])


def test_runner_refuses_wrong_features(quantized):
    runner = TflmRunner(quantized)
    with pytest.raises(QuantizeError, match="expected int8"):
        runner.invoke(np.zeros((1, 1, 256, 3), np.float32))
    with pytest.raises(QuantizeError, match=r"expected int8 \[1, 1, 256, 3\]"):
        runner.invoke(np.zeros(10, np.int8))
    with pytest.raises(QuantizeError, match="preserve_all"):
        runner.tensor(0)


def test_values_round_half_away_from_zero_and_saturate(quantized):
    tensor = replace(quantized.graph.tensors[0], scales=(0.5,), zero_points=(3,))
    levels = quantize_values(np.array([0.25, -0.25, 0.2, 1e9, -1e9, 0.75]), tensor)
    assert levels.tolist() == [4, 2, 3, 127, -128, 5]
    assert dequantize_values(levels[:2], tensor).tolist() == [0.5, -0.5]


def test_mixed_recipe_puts_the_chosen_operators_in_int16(toy):
    base = load_recipe("int8")
    mixed = _quantize(toy, replace(base, name="own", int16=(Selection("Rsqrt"),)))
    kinds = {
        op.kind: mixed.model.graph.tensors[op.outputs[0]].dtype for op in mixed.model.graph.ops
    }
    assert kinds["RSQRT"] == "int16"
    assert kinds["CONV_2D"] == "int8"
    assert "QUANTIZE" in kinds
    for op in mixed.model.graph.ops:
        tensors = [mixed.model.graph.tensors[i] for i in (*op.inputs, *op.outputs)]
        for tensor in tensors:
            if tensor.dtype == "int16":
                assert tensor.zero_point == 0
    costs = graph_costs(mixed.model.graph)
    assert 0 < costs.int16_activation_bytes < costs.activation_bytes
    assert min(_compare(mixed, toy_features(40, 98)).values()) > 20


def test_matmul_in_int16_runs(toy):
    recipe = replace(load_recipe("int8"), int16=(Selection("", ("BATCH_MATMUL",)),))
    mixed = _quantize(toy, recipe)
    assert graph_costs(mixed.model.graph).int16_macs > 0
    assert min(_compare(mixed, toy_features(40, 97)).values()) > 20


def test_int16_where_there_is_no_kernel_is_refused(toy):
    recipe = replace(load_recipe("int8"), int16=(Selection("", ("HARD_SWISH",)),))
    with pytest.raises(RecipeError, match="int16 in HARD_SWISH"):
        _quantize(toy, recipe)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[int16]]\nname = "nala"', "int16 chooses 'nala', which no operator of the model is"),
        ('[[int16]]\nname = "toy"\nkinds = ["TANH"]', "int16 chooses 'toy' of TANH, which"),
        ('[[int16]]\nname = "^nothing$"\nkinds = ["INPUT"]', "of INPUT, which no operator"),
        ('[[requantize]]\nname = "nala"', "requantize chooses 'nala'"),
        ('[[ranges]]\nname = "nala"', "ranges has 'nala', which no tensor of the model is"),
    ],
)
def test_own_recipes_choose_nothing_that_is_not_there(toy, text, message):
    recipe = parse_recipe("own", f'title = "x"\n{text}', source="own.toml")
    nothing = Calibration({}, 0)
    with pytest.raises(RecipeError, match=message):
        quantize_model(FlatModel.from_bytes(toy.tflite), nothing, recipe)
    # A recipe that ships is for several networks: it gets to the statistics, and there are none.
    with pytest.raises(KeyError):
        quantize_model(FlatModel.from_bytes(toy.tflite), nothing, replace(recipe, shipped=True))


def test_requantize_gives_operands_their_own_scales():
    model = small_model(lambda tf, x: tf.concat([x, 20.0 * tf.nn.elu(x)], axis=-1))
    frames = [np.random.default_rng(0).normal(size=(20, 8, 3)).astype(np.float32)]
    recipe = load_recipe("int8")
    tied = quantize_streaming(model, frames, recipe, model_name="tied")
    cut = quantize_streaming(
        model, frames, replace(recipe, requantize=(Selection("^mask$"),)), model_name="cut"
    )
    features = [
        r.model.graph.tensors[r.model.metadata.inputs["features"]].scale for r in (tied, cut)
    ]
    assert features[1] < 0.5 * features[0]
    casts = [op for op in cut.model.graph.ops if op.kind == "QUANTIZE"]
    assert casts
    assert not any(op.kind == "QUANTIZE" for op in tied.model.graph.ops)
    assert _compare(cut, frames[0])["mask"] > 25


def test_bias_correction_takes_the_offsets_of_rounded_weights_out():
    # 23 weights below half a step, which 1.0 sets, over inputs around 3.
    weights = np.full((1, 1, 24, 4), 0.0037, np.float32)
    weights[..., 0, :] = 1.0
    model = small_model(lambda tf, x: tf.nn.conv2d(x, weights, 1, "SAME"), (1, 1, 8, 24))
    frames = [np.random.default_rng(1).uniform(2, 4, (20, 8, 24)).astype(np.float32)]
    offsets = []
    for corrected in (False, True):
        recipe = replace(load_recipe("int8"), bias_correction=corrected)
        result = quantize_streaming(model, frames, recipe, model_name="offset")
        exact = FloatRunner(result.float_tflite).run(frames[0])["mask"]
        offsets.append(np.abs(np.mean(TflmRunner(result.model).run(frames[0])["mask"] - exact)))
    assert offsets[0] > 0.2
    assert offsets[1] < 0.02


def test_requantize_of_an_operator_with_free_scales_is_refused(toy):
    recipe = replace(load_recipe("int8"), requantize=(Selection("", ("ADD",)),))
    with pytest.raises(RecipeError, match="does not share scales"):
        _quantize(toy, recipe)


@pytest.mark.parametrize("name", ["int8", "int8-minmax"])
def test_pure_int8_recipes_have_no_requantization(toy, name):
    kinds = {op.kind for op in _quantize(toy, name).model.graph.ops}
    assert "QUANTIZE" not in kinds


def test_folding_keeps_the_function_and_removes_the_norm(toy):
    model = FlatModel.from_bytes(toy.tflite)
    before = len(model.ops)
    assert fold_affine(model) == 2
    assert len(model.ops) == before - 2
    features = toy_features(5, 11)
    exact, folded = (FloatRunner(m).run(features) for m in (toy.tflite, model.to_bytes()))
    for name, values in exact.items():
        np.testing.assert_allclose(folded[name], values, atol=2e-5)


def test_equalizing_keeps_the_function(toy):
    prepared = prepare_float(toy.tflite)
    survey = calibrate(prepared, toy.sequences[:1], initial_states=toy.initial_states)
    model = FlatModel.from_bytes(prepared)
    assert equalize(model, survey, ["state_01"]) >= 2
    changed = model.to_bytes()
    assert changed != prepared
    features = toy_features(6, 12)
    runs = [FloatRunner(m, toy.initial_states).run(features) for m in (prepared, changed)]
    for name, values in runs[0].items():
        np.testing.assert_allclose(runs[1][name], values, atol=5e-5)


def test_names_are_short_and_unique(toy):
    model = FlatModel.from_bytes(toy.tflite)
    tidy_names(model)
    names = [tensor.name for tensor in model.tensors()]
    assert len(set(names)) == len(names)
    assert {"features", "mask", "next_state_01"} <= set(names)
    assert not any(";" in name for name in names)


def test_writing_is_stable_and_prunes(toy):
    model = FlatModel.from_bytes(toy.tflite)
    once = model.to_bytes()
    assert FlatModel.from_bytes(once).to_bytes() == once
    reference = FloatRunner(toy.tflite).run(toy.sequences[0][:3])
    written = FloatRunner(once).run(toy.sequences[0][:3])
    np.testing.assert_array_equal(reference["mask"], written["mask"])


def test_calibration_sees_every_frame_with_carried_states(toy):
    calibration = calibrate(toy.tflite, toy.sequences, initial_states=toy.initial_states)
    graph = read_graph(toy.tflite)
    features = calibration[graph.signature_inputs["features"]]
    values = np.stack(toy.sequences)
    assert calibration.frames == 120
    assert features.count == values.size
    assert features.minimum == pytest.approx(values.min())
    assert features.maximum == pytest.approx(values.max())


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "no frames"),
        ([np.zeros((0, 256, 3), np.float32)], "no frames"),
        ([np.zeros((4, 256), np.float32)], "sequence 0 has shape"),
        ([np.full((4, 256, 3), np.nan, np.float32)], "holds NaN"),
        ([np.zeros((4, 128, 3), np.float32)], "features of one frame have shape"),
    ],
)
def test_bad_calibration_sets_are_refused(toy, sequences, message):
    with pytest.raises(QuantizeError, match=message):
        _quantize(toy, "int8", sequences=sequences)


def test_wrong_initial_state_is_refused(toy):
    with pytest.raises(QuantizeError, match="initial value of state_01 has 3 elements"):
        _quantize(toy, "int8", initial_states={"state_01": np.zeros(3)})


def test_progress_names_the_stages(toy):
    seen: list[tuple[str, int, int]] = []
    quantize_streaming(
        toy.tflite,
        toy.sequences,
        model_name="toy",
        progress=lambda *step: seen.append(step),
    )
    assert list(dict.fromkeys(step[0] for step in seen)) == [
        "convert",
        "calibrate",
        "quantize",
    ]
    assert ("calibrate", 120, 120) in seen
