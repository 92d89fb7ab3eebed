"""The artifact: metadata inside the file, round trips, what does not belong together."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from imse_mcu.core.errors import ImseMcuError
from quantize.artifact import METADATA_NAME, ModelMetadata, QuantizedModel
from quantize.errors import ModelFileError
from quantize.flatmodel import FlatModel


def _with_metadata(model: QuantizedModel, content: bytes | None) -> bytes:
    flat = FlatModel.from_bytes(model.tflite)
    flat.metadata = {} if content is None else {METADATA_NAME: content}
    return flat.to_bytes()


def test_file_alone_is_enough(quantized, tmp_path):
    path = tmp_path / "model.tflite"
    quantized.save(path)
    loaded = QuantizedModel.load(path)
    assert loaded.metadata == quantized.metadata
    assert loaded.digest == quantized.digest
    assert path.read_bytes() == quantized.tflite


def test_metadata_describes_the_toy(quantized):
    metadata = quantized.metadata
    assert metadata.model == "toy"
    assert metadata.recipe == "int8"
    assert metadata.frontend.frames_per_second == 62.5
    assert [state.name for state in metadata.states] == ["state_00", "state_01"]
    assert metadata.states[0].initial is None
    assert metadata.macs_per_frame > 10_000


def test_initial_state_is_quantized_with_the_tensors_scale(quantized):
    from tests.unit.quantize.conftest import PRIOR

    state = quantized.metadata.states[1]
    tensor = quantized.graph.tensors[state.input]
    values = (np.array(state.initial) - tensor.zero_point) * tensor.scale
    np.testing.assert_allclose(values, PRIOR.ravel(), atol=tensor.scale / 2 + 1e-6)


def test_states_keep_type_and_scale(quantized):
    for state in quantized.metadata.states:
        before = quantized.graph.tensors[state.input]
        after = quantized.graph.tensors[state.output]
        assert (before.dtype, before.scales, before.zero_points) == (
            after.dtype,
            after.scales,
            after.zero_points,
        )


def test_metadata_is_deterministic_json(quantized):
    text = quantized.metadata.to_bytes().decode()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert ModelMetadata.from_json(json.loads(text)) == quantized.metadata


def test_constants_are_aligned(quantized):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(quantized.tflite, 0)
    offsets = []
    for index in range(model.BuffersLength()):
        table = model.Buffers(index)._tab
        field = table.Offset(4)
        if field:
            offsets.append(table.Vector(field))
    assert len(offsets) > 10
    assert all(offset % 16 == 0 for offset in offsets)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no 'imse_mcu' metadata"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"format": 9}', "format 9"),
        (b'{"format": 1}', "incomplete"),
    ],
)
def test_foreign_or_damaged_metadata_is_refused(quantized, content, message):
    with pytest.raises(ModelFileError, match=message):
        QuantizedModel.from_bytes(_with_metadata(quantized, content), source="m.tflite")


def test_metadata_of_another_graph_is_refused(quantized):
    wrong = replace(quantized.metadata, inputs={"features": 3})
    with pytest.raises(ModelFileError, match="metadata names inputs"):
        QuantizedModel.from_bytes(_with_metadata(quantized, wrong.to_bytes()))


def test_state_with_unequal_scales_is_refused(quantized):
    flat = FlatModel.from_bytes(quantized.tflite)
    flat.inputs["state_00"].scales = (0.5,)
    with pytest.raises(ModelFileError, match="state_00 enters as int8"):
        QuantizedModel.from_bytes(flat.to_bytes())


def test_failed_save_leaves_the_old_file(quantized, tmp_path):
    folder = tmp_path / "model.tflite"
    folder.mkdir()
    with pytest.raises(ImseMcuError, match=r"model\.tflite"):
        quantized.save(folder)
    assert folder.is_dir()


def test_load_of_a_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be read"):
        QuantizedModel.load(tmp_path / "missing.tflite")
