"""``python -m keras_imse.torch_twin.train`` and what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from keras_imse.torch_twin.train import default_workers, main

#: Makes imports of TensorFlow fail, as on a machine without it.
WITHOUT = """
import runpy, sys
for name in ("tensorflow", "tf_keras", "keras"):
    sys.modules[name] = None
"""


def run_without_tensorflow(code: str, repository: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + code],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=repository,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


def test_tensorflow_is_not_needed(repository: Path) -> None:
    pytest.importorskip("torch", reason="needs PyTorch (extra torch)")
    names = ("stream", "bridge", "spectral", "losses", "trainer", "train")
    code = "".join(f"import keras_imse.torch_twin.{name}\n" for name in names)
    done = run_without_tensorflow(code + "assert 'torch' in sys.modules", repository)
    assert done.returncode == 0, done.stderr


def test_mixing_processes_load_no_framework(repository: Path) -> None:
    code = "".join(f"import keras_imse.torch_twin.{n}\n" for n in ("mixing", "scoring", "train"))
    done = run_without_tensorflow(code + "assert 'torch' not in sys.modules", repository)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_run_from_the_command_line_without_tensorflow(
    repository: Path, corpus_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="needs PyTorch (extra torch)")
    arguments = ["--data", str(corpus_dir), "-o", str(tmp_path / "run"), "--steps", "1"]
    arguments += ["--model", "imse-stream-small", "--batch-size", "1", "--device", "cpu"]
    arguments += ["--workers", "0", "--item-seconds", "1.6"]
    code = (
        f"sys.argv = ['train', *{arguments!r}]\n"
        "sys.modules['pesq'] = None\n"
        "runpy.run_module('keras_imse.torch_twin.train', run_name='__main__')\n"
    )
    done = run_without_tensorflow(code, repository)
    assert done.returncode == 0, done.stderr
    assert "1 steps, best validation" in done.stdout
    assert (tmp_path / "run" / "weights.npz").is_file()
    settings = json.loads((tmp_path / "run" / "training.json").read_text(encoding="utf-8"))
    assert settings["training"]["item_samples"] == 25600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "imse-strem"], "error: unknown model 'imse-strem'\nhint: did you mean"),
        (["--model", "imse"], "error: model 'imse' is of family 'imse', not streaming"),
        (["--device", "abacus"], "error: device 'abacus' cannot be used"),
        (["--data", "nowhere"], "error: data folder 'nowhere' does not exist"),
        (["--initial-weights", "none.npz"], "error: weights file 'none.npz' does not exist"),
    ],
)
def test_wrong_input_is_one_line_and_a_hint(
    corpus_dir: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    pytest.importorskip("torch", reason="needs PyTorch (extra torch)")
    standard = ["--data", str(corpus_dir), "-o", str(tmp_path / "run"), "--device", "cpu"]
    result = CliRunner().invoke(main, [*standard, *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "run").exists()


def test_the_training_step_keeps_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, workers in ((None, 0), (1, 0), (2, 1), (64, 8)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert default_workers() == workers
