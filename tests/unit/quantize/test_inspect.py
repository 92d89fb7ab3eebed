"""Reading flatbuffers: structure, resolved options, corrupt files, float offenders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantize.errors import ModelFileError, NotIntegerError
from quantize.flatmodel import FlatModel
from quantize.inspect import assert_integer_only, read_graph
from quantize.operator_options import same_pads


def test_graph_has_named_inputs_and_outputs(quantized):
    graph = quantized.graph
    assert list(graph.signature_inputs) == ["features", "state_00", "state_01"]
    assert list(graph.signature_outputs) == ["mask", "phase", "next_state_00", "next_state_01"]
    assert graph.inputs == tuple(graph.signature_inputs.values())
    assert graph.outputs == tuple(graph.signature_outputs.values())
    assert graph.tensors[graph.signature_inputs["features"]].shape == (1, 1, 256, 3)


def test_options_are_resolved(quantized):
    graph = quantized.graph
    by_kind = {op.kind: op.options for op in reversed(graph.ops)}
    first = graph.ops[0]
    assert first.kind == "CONV_2D"
    assert first.options["padding"] == "SAME"
    assert first.options["strides"] == [1, 32]
    assert first.options["pads"] == [0, 0, 0, 1]
    assert by_kind["DEPTHWISE_CONV_2D"]["depth_multiplier"] == 1
    assert by_kind["PAD"]["paddings"] == [[0, 0], [0, 0], [1, 1], [0, 0]]
    assert by_kind["SPLIT"] == {"axis": 3, "sizes": [8, 8]}
    assert by_kind["MEAN"]["axes"] == [2]
    assert by_kind["CONCATENATION"]["axis"] == 1
    transposed = [op.options for op in graph.ops if op.kind == "BATCH_MATMUL"]
    assert {"adj_x": True, "adj_y": False} in transposed


def test_state_slices_have_absolute_bounds(quantized):
    graph = quantized.graph
    state = next(s for s in quantized.metadata.states if s.name == "state_00")
    op = graph.producer(state.output)
    assert op is not None
    assert op.kind == "STRIDED_SLICE"
    assert op.options["begin"] == [0, 1, 0, 0]
    assert op.options["end"] == [1, 3, 8, 16]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "expected"),
    [
        (128, 3, 1, 1, (1, 1)),
        (256, 5, 2, 1, (1, 2)),
        (64, 3, 2, 1, (0, 1)),
        (10, 3, 1, 2, (2, 2)),
        (8, 1, 2, 1, (0, 0)),
    ],
)
def test_same_pads(size, kernel, stride, dilation, expected):
    assert same_pads(size, kernel, stride, dilation) == expected


def test_integer_only_names_the_first_float_operator(result):
    assert_integer_only(result.model.graph)
    with pytest.raises(NotIntegerError, match=r"CONV_2D #0 .*float32 input 0 'features'"):
        assert_integer_only(read_graph(result.float_tflite))


def test_integer_only_names_an_unused_float_tensor(quantized):
    model = FlatModel.from_bytes(quantized.tflite)
    model.inputs["features"].dtype = "float32"
    with pytest.raises(NotIntegerError, match="'features'"):
        assert_integer_only(read_graph(model.to_bytes()))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x00" * 64, b"RIFF" + b"\x00" * 60])
def test_other_files_are_refused(content):
    with pytest.raises(ModelFileError, match=r"x\.tflite: not a TensorFlow Lite model"):
        read_graph(content, source="x.tflite")


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files_are_refused_in_one_line(quantized, fraction):
    cut = quantized.tflite[: int(len(quantized.tflite) * fraction)]
    with pytest.raises(ModelFileError) as caught:
        read_graph(cut, source="cut.tflite")
    assert caught.value.exit_code == 2
    assert "cut.tflite" in caught.value.message
    assert "\n" not in caught.value.message


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_never_raise_anything_else(quantized, data):
    content = bytearray(quantized.tflite)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    message = ""
    try:
        read_graph(bytes(content))
    except ModelFileError as error:
        message = error.message
    assert "\n" not in message
