"""The example scripts, on short recordings."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import read_audio, write_wav
from imse_mcu.pipeline import BuildOutcome

pytestmark = pytest.mark.slow

Capture = pytest.CaptureFixture[str]


def script(examples: Path, name: str) -> Callable[[list[str]], int]:
    return runpy.run_path(str(examples / name))["main"]


def test_folder_from_python_is_what_the_command_gives(
    built: BuildOutcome, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert built.report["bit_exact"] is True  # and its quantization is in the cache
    pcm = read_audio(examples / "noisy.wav").pcm
    for index in range(2):
        write_wav(tmp_path / "in" / f"{index}.wav", pcm[16000 * index :][:16000])
    source, output = str(tmp_path / "in"), str(tmp_path / "out")
    assert script(examples, "enhance_folder.py")([source, output]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["0.wav", "1.wav"]
    assert all("dBFS RMS" in line for line in lines)
    assert main(["enhance", source, "-o", str(tmp_path / "command")]) == 0
    for index in range(2):
        ours, theirs = (
            read_audio(tmp_path / folder / f"{index}.wav").pcm for folder in ("out", "command")
        )
        np.testing.assert_array_equal(ours, theirs)


def test_folder_that_is_missing_is_said(examples: Path, tmp_path: Path, capsys: Capture) -> None:
    assert script(examples, "enhance_folder.py")([str(tmp_path / "no"), str(tmp_path)]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.emulator
def test_budget_gate(built: BuildOutcome, examples: Path, tmp_path: Path, capsys: Capture) -> None:
    gate, report = script(examples, "budget.py"), str(built.files["report"])
    page = (examples / "README.md").read_text("utf-8")
    for text in (page, (examples / "budget.py").read_text("utf-8")):
        printed = re.search(r"^python examples/budget.py \S+ (.*)$", text, re.MULTILINE)
        assert printed is not None
        assert gate([report, *printed[1].split()]) == 0
    capsys.readouterr()
    wide = ["--ram-kib", "512", "--flash-kib", "512", "--real-time", "1", "--audio-snr-db", "5"]
    assert gate([report, *wide]) == 0
    assert capsys.readouterr().out.count("good") == 4
    assert gate([report, "--ram-kib", "10"]) == 1
    assert "RAM in KiB" in capsys.readouterr().out
    assert gate([report, "--audio-snr-db", "200"]) == 1
    bare = json.loads(Path(report).read_text())
    bare["ram_bytes"]["total"] = None
    (tmp_path / "bare.json").write_text(json.dumps(bare))
    assert gate([str(tmp_path / "bare.json"), "--ram-kib", "512"]) == 2
    (tmp_path / "bare.json").write_text(json.dumps({**bare, "bit_exact": False}))
    assert gate([str(tmp_path / "bare.json")]) == 1


def test_fine_tuning_for_two_steps_gives_firmware(examples: Path, tmp_path: Path) -> None:
    clean, noisy = (read_audio(examples / f"{n}.wav").pcm for n in ("clean", "noisy"))
    for index in range(20):
        cut = slice(2000 * index, 2000 * index + 32000)
        write_wav(tmp_path / "data" / "clean" / f"{index:02d}.wav", clean[cut])
        write_wav(tmp_path / "data" / "noisy" / f"{index:02d}.wav", noisy[cut])
    write_wav(tmp_path / "calibration" / "a.wav", noisy[:32000])
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BUILD_OPTIONS": f"--no-compile --calibration {tmp_path / 'calibration'}",
    }
    options = ["--steps", "2", "--batch-size", "2", "--validate-every", "2"]
    done = subprocess.run(
        [str(examples / "fine_tune.sh"), str(tmp_path / "data"), str(tmp_path / "out"), *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "run" / "weights.npz").is_file()
    report = json.loads((tmp_path / "out" / "firmware" / "report.json").read_text())
    assert report["model"] == "imse-stream"
    assert (tmp_path / "out" / "firmware" / "CMakeLists.txt").is_file()


def test_fine_tuning_says_how_it_is_called(examples: Path) -> None:
    done = subprocess.run(
        [str(examples / "fine_tune.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage: fine_tune.sh" in done.stderr
