"""``check --on``: speech quality of what the built image returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imse_mcu import checking
from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import SAMPLE_RATE_HZ, read_audio, write_wav
from quantize.metrics import score_speech

pytestmark = [pytest.mark.slow, pytest.mark.emulator]

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pair(examples: Path, tmp_path: Path) -> list[str]:
    """Options that name three seconds of the example pair."""
    options = []
    for kind in ("clean", "noisy"):
        path = tmp_path / f"{kind}.wav"
        write_wav(path, read_audio(examples / f"{kind}.wav").pcm[:48000])
        options += [f"--{kind}", str(path)]
    return options


def test_image_is_scored_beside_the_host(
    build_copy: Path, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    """The image's scores are those of ``enhance``, whose samples are the firmware's.

    Features of the column int8 are rounded differently, so it is only near: PESQ-WB of a few
    seconds moves by some hundredths.
    """
    clean, noisy = examples / "clean.wav", examples / "noisy.wav"
    enhanced = tmp_path / "enhanced.wav"
    assert main(["enhance", str(noisy), "-o", str(enhanced)]) == 0
    capsys.readouterr()
    pair = [f"--clean={clean}", f"--noisy={noisy}"]
    assert main(["check", str(build_copy), *pair, "--on", "emulator", "--json"]) == 0
    mean = json.loads(capsys.readouterr().out)["mean"]
    expected = score_speech(
        read_audio(clean).samples,
        read_audio(enhanced).samples,
        SAMPLE_RATE_HZ,
        name=enhanced.name,
    ).to_json()
    assert mean["image"] == pytest.approx(expected, rel=1e-6)
    assert mean["image"]["pesq_wb"] > mean["noisy"]["pesq_wb"] + 0.1
    assert mean["image"]["si_sdr_db"] == pytest.approx(mean["int8"]["si_sdr_db"], abs=0.1)


def test_limits_hold_for_the_image(build_copy: Path, pair: list[str], capsys: Capture) -> None:
    assert main(["check", str(build_copy), *pair, "--on", "emulator", "--min-pesq", "4.6"]) == 1
    assert "past the limit: image: mean PESQ-WB is" in capsys.readouterr().out


def test_an_image_that_differs_is_an_error(
    build_copy: Path, pair: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "mismatching_frames", lambda host, results: [5, 7])
    assert main(["check", str(build_copy), *pair, "--on", "emulator"]) == 1
    text = capsys.readouterr().err
    assert "differs from the TFLM interpreter in 2 of 189 frames, first in frame 5" in text


def test_stress_trials_are_reported_and_decide(
    build_copy: Path, pair: list[str], capsys: Capture
) -> None:
    code = main(["check", str(build_copy), *pair, "--stress", "--json"])
    trials = json.loads(capsys.readouterr().out)["stress"]
    by_name = {trial["name"]: trial for trial in trials}
    assert len(by_name) == 8
    assert code == (0 if all(trial["passed"] for trial in trials) else 1)
    for name in ("silence in: largest sample", "noise at -3 dBFS: level of the output"):
        assert by_name[name]["passed"], by_name[name]
