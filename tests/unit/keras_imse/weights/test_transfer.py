"""Weights into the network and out again, every tensor by name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_imse.errors import WeightsError
from keras_imse.imse_config import ImseConfig
from keras_imse.weights import (
    export_tensors,
    import_tensors,
    load_imse_weights,
    read_tensors,
    save_imse_weights,
)
from keras_imse.weights.name_map import name_map
from keras_imse.weights.torch_archive import torch_archive

Tensors = dict[str, np.ndarray]


def _untouched(model: Any) -> bool:
    return not any(np.any(w) for w in model.get_weights())


def test_the_published_names_and_sizes() -> None:
    entries = name_map(ImseConfig())
    assert len(entries) == len({e.torch_name for e in entries}) == 507
    trainable = sum(int(np.prod(e.torch_shape)) for e in entries if e.path is not None)
    angles = sum(int(np.prod(e.torch_shape)) for e in entries if e.path is None)
    assert (trainable, angles) == (432_995, 112)


def test_the_authors_tensors_are_exactly_the_name_map(official_weights: Path) -> None:
    expected = {e.torch_name: e.torch_shape for e in name_map(ImseConfig())}
    assert {n: v.shape for n, v in read_tensors(official_weights).items()} == expected


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".pt", ".h5", ".weights.h5"])
def test_every_format_round_trips(
    model: Any, tensors: Tensors, tiny_config: Any, tmp_path: Path, suffix: str
) -> None:
    import_tensors(model, tensors, config=tiny_config)
    path = tmp_path / f"weights{suffix}"
    save_imse_weights(model, path, tiny_config)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    load_imse_weights(model, path, tiny_config)
    exported = export_tensors(model, tiny_config)
    assert list(exported) == [e.torch_name for e in name_map(tiny_config)]
    for name, value in tensors.items():
        np.testing.assert_array_equal(exported[name], value, err_msg=name)


def test_files_are_deterministic(model: Any, tiny_config: Any, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz", "a.pth", "b.pth"):
        save_imse_weights(model, tmp_path / name, tiny_config)
    for suffix in (".npz", ".pth"):
        first, second = (tmp_path / f"{n}{suffix}" for n in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_the_name_does_not_matter_when_reading(
    model: Any, tensors: Tensors, tiny_config: Any, tmp_path: Path
) -> None:
    path = tmp_path / "g_best_pesq_3.399"
    path.write_bytes(torch_archive(tensors, key="generator"))
    load_imse_weights(model, path, tiny_config)
    np.testing.assert_array_equal(
        export_tensors(model, tiny_config)["mask_decoder.lsigmoid.slope"],
        tensors["mask_decoder.lsigmoid.slope"],
    )


def test_a_bare_state_dict_is_read(
    model: Any, tensors: Tensors, tiny_config: Any, tmp_path: Path
) -> None:
    path = tmp_path / "state.pth"
    path.write_bytes(torch_archive(tensors, key=None))
    load_imse_weights(model, path, tiny_config)
    assert not _untouched(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.pop("TCFTransformer.latent.aggregate.conv_du.1.weight"),
            "1 of 210 tensors missing, first 'TCFTransformer.latent.aggregate.conv_du.1.weight'",
        ),
        (lambda t: t.update(extra=np.zeros(3)), "1 not IMSE's, first 'extra'"),
        (
            lambda t: t.update({"mask_decoder.lsigmoid.slope": np.zeros((5, 1))}),
            r"'mask_decoder.lsigmoid.slope' has shape \(5, 1\), expected \(8, 1\)",
        ),
        (
            lambda t: t["phase_decoder.phase_conv_r.bias"].fill(np.nan),
            "'phase_decoder.phase_conv_r.bias' has NaN or infinity in 1 value",
        ),
        (
            lambda t: t["dense_encoder.dense_conv_1.0.weight"].__setitem__(0, np.inf),
            "'dense_encoder.dense_conv_1.0.weight' has NaN or infinity in 2 values",
        ),
        (
            lambda t: t.update(
                {
                    "TCFTransformer.latent.mhca_blks.0.transformer_layers.0.rope.angle": np.array(
                        [1, 1, 0.1, 0.1]
                    )
                }
            ),
            "rope.angle' holds other angles than IMSE's",
        ),
    ],
    ids=["missing", "extra", "shape", "nan", "inf", "angles"],
)
def test_tensors_that_do_not_fit_are_refused_by_name(
    model: Any, tensors: Tensors, tiny_config: Any, change: Any, message: str
) -> None:
    changed = {name: value.copy() for name, value in tensors.items()}
    change(changed)
    with pytest.raises(WeightsError, match=message):
        import_tensors(model, changed, where="w.npz", config=tiny_config)
    assert _untouched(model)


def test_a_wrapped_network_gets_a_hint(model: Any, tensors: Tensors, tiny_config: Any) -> None:
    wrapped = {f"module.{name}": value for name, value in tensors.items()}
    with pytest.raises(WeightsError, match="was the network renamed or wrapped"):
        import_tensors(model, wrapped, config=tiny_config)


def test_muse_is_recognised_by_its_size(model: Any) -> None:
    muse = {"TCFTransformer.x.attn.temperature": np.zeros(513_015, np.float32)}
    with pytest.raises(WeightsError, match=r"checkpoint of MUSE \(513,015 parameters\)"):
        import_tensors(model, muse, where="g_best")


def test_objects_other_than_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(WeightsError, match="something other than plain arrays"):
        read_tensors(path)
    np.savez(path, x=np.array(["text"]))
    with pytest.raises(WeightsError, match="'x' is a <U4 array, expected a tensor of numbers"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"RIFF....WAVE", "is no checkpoint"),
        (pickle.dumps({"x": 1}, 2), "bare pickle or a checkpoint of PyTorch before 1.6"),
        (b"PK\x03\x04 and nothing more", "truncated or damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_tensors(path)


def test_files_that_are_not_there(model: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read weights .*No such file"):
        load_imse_weights(model, tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="cannot read weights .*directory"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".h5", ".weights.h5"])
def test_truncated_files_leave_the_model_alone(
    model: Any, tensors: Tensors, tiny_config: Any, tmp_path: Path, suffix: str
) -> None:
    import_tensors(model, tensors, config=tiny_config)
    path = tmp_path / f"w{suffix}"
    save_imse_weights(model, path, tiny_config)
    path.write_bytes(path.read_bytes()[:-2_000])
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    with pytest.raises(WeightsError):
        load_imse_weights(model, path, tiny_config)
    assert _untouched(model)


def test_keras_weights_with_nan_are_refused(
    model: Any, tensors: Tensors, tiny_config: Any, tmp_path: Path
) -> None:
    import_tensors(model, tensors, config=tiny_config)
    model.get_layer("mag_output").kernel.assign(np.full((3, 3, 8, 8), np.nan))
    path = tmp_path / "w.h5"
    model.save_weights(str(path), save_format="h5")
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    with pytest.raises(WeightsError, match="'mag_output/kernel' has NaN"):
        load_imse_weights(model, path, tiny_config)
    assert _untouched(model)


def test_unknown_endings_are_refused_when_writing(model: Any, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot tell the format"):
        save_imse_weights(model, tmp_path / "weights.bin")
    assert list(tmp_path.iterdir()) == []
