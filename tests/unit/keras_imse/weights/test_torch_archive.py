"""PyTorch archives read without PyTorch: plain tensors come out, everything else is refused."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_imse.errors import WeightsError
from keras_imse.weights.torch_archive import read_torch_archive, torch_archive


def _archive(path: Path, pickled: bytes, files: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("any/data.pkl", pickled)
        for name, data in (files or {}).items():
            archive.writestr(f"any/{name}", data)
    return path


def _tensor_pickle(
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *,
    offset: int = 0,
    size: int = 6,
    kind: str = "FloatStorage",
) -> bytes:
    """Pickle of ``{"x": tensor}`` over storage 0, as PyTorch writes it."""
    put = pickle.dumps
    body = lambda value: put(value, 2)[2:-1]  # noqa: E731 - opcodes between header and stop
    storage = b"(" + body("storage") + f"ctorch\n{kind}\n".encode() + body("0") + body("cpu")
    storage += body(size) + b"tQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + body(offset)
    rebuild += body(shape) + body(stride) + b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02}" + body("x") + rebuild + b"s."


def test_tensors_come_back(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    tensors = {
        "a.weight": random.standard_normal((3, 4, 1, 2)).astype(np.float32),
        "b": np.zeros((0, 2), np.float32),
        "c": np.array(2.5, np.float32),
    }
    for key in (None, "generator"):
        path = tmp_path / "w.pth"
        path.write_bytes(torch_archive(tensors, key=key))
        data = read_torch_archive(path)
        data = data if key is None else data[key]
        assert list(data) == list(tensors)
        for name, value in tensors.items():
            np.testing.assert_array_equal(data[name], value)
            assert data[name].shape == value.shape


def test_the_same_tensors_give_the_same_bytes() -> None:
    tensors = {"x": np.arange(5, dtype=np.float32)}
    assert torch_archive(tensors, key="generator") == torch_archive(tensors, key="generator")


def test_strided_views_and_offsets(tmp_path: Path) -> None:
    storage = {"data/0": np.arange(6, dtype="<f4").tobytes()}
    path = _archive(tmp_path / "t.pth", _tensor_pickle((2, 2), (1, 2), offset=1), storage)
    np.testing.assert_array_equal(read_torch_archive(path)["x"], [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("DoubleStorage", np.arange(6, dtype="<f8").tobytes()),
        ("HalfStorage", np.arange(6, dtype="<f2").tobytes()),
        ("LongStorage", np.arange(6, dtype="<i8").tobytes()),
        ("BFloat16Storage", (np.arange(6, dtype="<f4").view("<u4") >> 16).astype("<u2").tobytes()),
    ],
)
def test_other_number_types(tmp_path: Path, kind: str, raw: bytes) -> None:
    path = _archive(tmp_path / "t.pth", _tensor_pickle((6,), (1,), kind=kind), {"data/0": raw})
    np.testing.assert_array_equal(read_torch_archive(path)["x"], np.arange(6))


def test_big_endian_archives(tmp_path: Path) -> None:
    files = {"byteorder": b"big", "data/0": np.arange(6, dtype=">f4").tobytes()}
    path = _archive(tmp_path / "t.pth", _tensor_pickle((6,), (1,)), files)
    np.testing.assert_array_equal(read_torch_archive(path)["x"], np.arange(6))


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (b"cposix\nsystem\n(X\x0b\x00\x00\x00touch owned\x85R.", "posix.system"),
        (b"cbuiltins\neval\n(X\x01\x00\x00\x001\x85R.", "builtins.eval"),
        (b"ctorch.nn.modules.conv\nConv2d\n)R.", "torch.nn.modules.conv.Conv2d"),
        (b"cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar"),
    ],
)
def test_other_objects_are_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: bytes, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = _archive(tmp_path / "evil.pth", b"\x80\x02" + reference)
    with pytest.raises(WeightsError, match=f"holds a '{name}' object: only tensors are read"):
        read_torch_archive(path)
    assert os.listdir(tmp_path) == ["evil.pth"]


@pytest.mark.parametrize(
    ("shape", "stride", "offset", "message"),
    [
        ((7,), (1,), 0, "past the end"),
        ((2, 3), (3, 1), 1, "past the end"),
        ((2, 2), (100_000, 1), 0, "past the end"),
        ((2,), (-1,), 3, "impossible sizes"),
        ((2,), (1, 1), 0, "impossible sizes"),
        ((-2,), (1,), 0, "impossible sizes"),
    ],
)
def test_tensors_never_reach_outside_their_storage(
    tmp_path: Path, shape: tuple[int, ...], stride: tuple[int, ...], offset: int, message: str
) -> None:
    storage = {"data/0": np.arange(6, dtype="<f4").tobytes()}
    pickled = _tensor_pickle(shape, stride, offset=offset)
    with pytest.raises(WeightsError, match=message):
        read_torch_archive(_archive(tmp_path / "t.pth", pickled, storage))


def test_storages_of_another_size_are_refused(tmp_path: Path) -> None:
    path = _archive(tmp_path / "t.pth", _tensor_pickle((6,), (1,)), {"data/0": b"\0" * 20})
    with pytest.raises(WeightsError, match="storage 0 has 20 bytes, expected 24"):
        read_torch_archive(path)


def test_missing_storages_are_refused(tmp_path: Path) -> None:
    path = _archive(tmp_path / "t.pth", _tensor_pickle((6,), (1,)))
    with pytest.raises(WeightsError, match="'any/data/0' is missing"):
        read_torch_archive(path)


def test_every_truncation_is_one_clear_error(tmp_path: Path) -> None:
    whole = torch_archive({"x": np.arange(50, dtype=np.float32)}, key="generator")
    for length in range(0, len(whole), 37):
        path = tmp_path / "cut.pth"
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="truncated or damaged"):
            read_torch_archive(path)


def test_every_damaged_byte_is_found_or_harmless(tmp_path: Path) -> None:
    tensors = {"x": np.arange(8, dtype=np.float32)}
    whole = torch_archive(tensors, key=None)
    for position in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path = tmp_path / "bad.pth"
        path.write_bytes(bytes(damaged))
        try:
            data = read_torch_archive(path)
        except WeightsError:
            continue
        np.testing.assert_array_equal(data["x"], tensors["x"])


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("holiday.jpg", b"")
    path = tmp_path / "z.zip"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match=r"no PyTorch checkpoint: it has no data\.pkl"):
        read_torch_archive(path)


def test_a_checkpoint_that_is_no_dictionary(tmp_path: Path) -> None:
    path = _archive(tmp_path / "list.pth", pickle.dumps([1, 2], 2))
    with pytest.raises(WeightsError, match="holds a list, expected a dictionary"):
        read_torch_archive(path)


def test_archives_that_pytorch_reads(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the optional PyTorch")
    tensors = {"x.y": np.arange(6, dtype=np.float32).reshape(2, 3), "z": np.ones((), np.float32)}
    path = tmp_path / "w.pth"
    path.write_bytes(torch_archive(tensors, key="generator"))
    data = torch.load(path, weights_only=True)["generator"]
    for name, value in tensors.items():
        np.testing.assert_array_equal(data[name].numpy(), value)
    torch.save({"generator": {"w": torch.arange(6.0).reshape(2, 3).t()}}, path)
    np.testing.assert_array_equal(
        read_torch_archive(path)["generator"]["w"], np.arange(6.0).reshape(2, 3).T
    )
