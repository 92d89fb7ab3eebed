"""``imse-mcu enhance --model imse``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from imse_mcu.cli.main import main


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A second of noise."""
    path = tmp_path / "noisy.wav"
    wave = 0.05 * np.random.default_rng(6).standard_normal(16_000)
    soundfile.write(path, wave, 16_000, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precision", "float"], "no weights ship with model imse"),
        ([], "no weights ship with model imse"),
        (["--weights", "w.npz"], "cannot read weights w.npz"),
        (["--weights", "w.npz", "--segment-frames", "30"], "multiple of 4"),
        (["--precision", "float", "--weights", "none.npz"], "cannot read weights none.npz"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str],
    message: str,
    noisy: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clean = tmp_path / "clean.wav"
    assert main(["enhance", str(noisy), "-o", str(clean), "--model", "imse", *arguments]) != 0
    assert message in capsys.readouterr().err
    assert not clean.exists()


@pytest.mark.slow
def test_a_recording_is_cleaned(
    data_dir: Path, official_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pesq import pesq

    source = data_dir / "data" / "vbdemand_dev" / "noisy" / "p232_050.wav"
    output = tmp_path / "clean.wav"
    options = ["--model", "imse", "--weights", str(official_weights), "--precision", "float"]
    assert main(["enhance", str(source), "-o", str(output), *options]) == 0
    assert str(output) in capsys.readouterr().out
    clean, rate = soundfile.read(source.parent.parent / "clean" / source.name)
    result, _ = soundfile.read(output)
    assert len(result) == len(clean)
    # The port itself; the mean over all pairs equals the authors'.
    assert pesq(rate, clean, result, "wb") == pytest.approx(2.888, abs=0.01)
