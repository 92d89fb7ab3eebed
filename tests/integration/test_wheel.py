"""The wheel holds everything, and its commands work far from any checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="no hatchling: pip install '.[dev]'")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = ("imse_mcu", "keras_imse", "quantize", "firmware_gen", "targets")
LEFT_OUT = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("far") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    # A path file inside a borrowed folder is not read, so no editable install comes along.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder / "bin" / "imse-mcu"


def call(command: Path, *arguments: str, cwd: Path) -> Any:
    """Runs a command far from the checkout; returns its JSON."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(command), *arguments, "--json"],
        check=False,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    there = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.parts) and path.suffix != ".pyc"
    }
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert inside == there
    kinds = {Path(name).suffix for name in inside}
    assert {".c", ".h", ".j2", ".toml", ".npz", ".wav", ".flac", ".cpp", ".css", ".js"} <= kinds


def test_wheel_says_what_it_is(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
    text = archive.read(metadata).decode()
    assert "Name: imse-mcu\n" in text
    assert "License-Expression: MIT\n" in text
    assert wheel.stat().st_size < 3_000_000


def test_lists_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    models = call(installed, "models", cwd=tmp_path)
    assert {"imse", "imse-stream"} <= {model["name"] for model in models}
    targets = call(installed, "targets", cwd=tmp_path)
    assert "nucleo_h743zi2" in {target["name"] for target in targets}
    python = installed.with_name("python")
    where = subprocess.run(
        [str(python), "-c", "import imse_mcu, firmware_gen; print(imse_mcu.__file__)"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert str(installed.parents[1]) in where


def test_a_project_and_a_recording_come_out_of_the_wheel(
    installed: Path, cache_folder: Path, examples: Path, tmp_path: Path
) -> None:
    assert cache_folder.is_dir()  # the same cache as the other tests: one quantization for all
    report = call(installed, "build", "--target", "stm32h7", "--no-compile", cwd=tmp_path)
    folder = tmp_path / "build" / "imse-stream-stm32h7"
    assert (folder / "CMakeLists.txt").is_file()
    assert (folder / "report.html").read_text().count("<section ") == 5
    assert report["flash_bytes"]["total"] is None
    noisy = examples / "noisy.wav"
    call(installed, "enhance", str(noisy), "-o", "quiet.wav", "--precision", "float", cwd=tmp_path)
    assert (tmp_path / "quiet.wav").stat().st_size == noisy.stat().st_size
