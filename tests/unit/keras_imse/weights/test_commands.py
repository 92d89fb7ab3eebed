"""``imse-mcu import-weights`` and ``export-weights``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imse_mcu.cli.main import main
from keras_imse.imse_config import ImseConfig
from keras_imse.rotary import angles
from keras_imse.weights import read_tensors
from keras_imse.weights.name_map import name_map
from keras_imse.weights.torch_archive import torch_archive


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    """Random weights of the published size under PyTorch names."""
    random = np.random.default_rng(4)
    return {
        e.torch_name: angles(8)
        if e.path is None
        else random.standard_normal(e.torch_shape).astype(np.float32)
        for e in name_map(ImseConfig())
    }


@pytest.fixture
def checkpoint(tensors: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """A PyTorch checkpoint of those weights."""
    path = tmp_path / "g_best"
    path.write_bytes(torch_archive(tensors, key="generator"))
    return path


def test_there_and_back(
    checkpoint: Path,
    tensors: dict[str, np.ndarray],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    npz, pth = tmp_path / "imse.npz", tmp_path / "imse.pth"
    assert main(["import-weights", str(checkpoint), "-o", str(npz), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tensors"], said["parameters"]) == (507, 432_995)
    assert main(["export-weights", str(npz), "-o", str(pth)]) == 0
    assert "432,995 parameters, all as expected" in capsys.readouterr().out
    assert pth.read_bytes() == checkpoint.read_bytes()
    assert list(read_tensors(npz)) == list(tensors)


@pytest.mark.slow
def test_keras_weights_there_and_back(checkpoint: Path, tmp_path: Path) -> None:
    h5, pth = tmp_path / "imse.weights.h5", tmp_path / "imse.pth"
    assert main(["import-weights", str(checkpoint), "-o", str(h5)]) == 0
    assert main(["export-weights", str(h5), "-o", str(pth)]) == 0
    assert pth.read_bytes() == checkpoint.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import-weights", "none.pth", "-o", "w.npz"], "cannot read weights none.pth"),
        (["import-weights", "CHECKPOINT", "-o", "w.pth"], "must end in .npz or .h5"),
        (["export-weights", "CHECKPOINT", "-o", "w.onnx"], "must end in .pth or .pt or .npz"),
        (
            ["import-weights", "CHECKPOINT", "-o", "w.npz", "--model", "imse-stream"],
            "is of family 'imse-stream'",
        ),
        (["import-weights", "CHECKPOINT", "-o", "w.npz", "--model", "imsee"], "unknown model"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str],
    message: str,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    code = main([str(checkpoint) if a == "CHECKPOINT" else a for a in arguments])
    error = capsys.readouterr().err
    assert code in {1, 2}
    assert message in error
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 2
    assert sorted(tmp_path.iterdir()) == before


def test_converting_needs_no_tensorflow(checkpoint: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from imse_mcu.cli.main import main; "
        f"code = main(['import-weights', {str(checkpoint)!r}, '-o', {str(tmp_path / 'w.npz')!r}]); "
        "sys.exit(code or ('tensorflow' in sys.modules) * 9)"
    )
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert result.returncode == 0, result.stderr
