"""``check --on``: speech quality of what the built image returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imse_mcu import checking
from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import SAMPLE_RATE_HZ, read_audio, to_pcm16, write_wav
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


@pytest.fixture
def levels_of_noise(examples: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Folders clean and noisy: the example with all of its noise, half and a quarter of it."""
    clean, noisy = (read_audio(examples / f"{kind}.wav").samples for kind in ("clean", "noisy"))
    folders = tmp_path / "clean", tmp_path / "noisy"
    for folder in folders:
        folder.mkdir()
    for share in (1.0, 0.5, 0.25):
        for folder, samples in zip(folders, (clean, clean + share * (noisy - clean)), strict=True):
            write_wav(folder / f"{share}.wav", to_pcm16(samples))
    return folders


def test_image_is_scored_beside_the_host(
    build_copy: Path, levels_of_noise: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    """The image's scores are those of ``enhance``, whose samples are the firmware's.

    Features of the column int8 are rounded differently, so it is only near, and in the mean:
    PESQ-WB of a few seconds moves by some hundredths.
    """
    clean, noisy = levels_of_noise
    enhanced = tmp_path / "enhanced"
    assert main(["enhance", str(noisy), "-o", str(enhanced)]) == 0
    capsys.readouterr()
    pairs = ["--clean", str(clean), "--noisy", str(noisy)]
    assert main(["check", str(build_copy), *pairs, "--on", "emulator", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["files"]) == 3
    for entry in report["files"]:
        name = f"{entry['name']}.wav"
        waves = [read_audio(folder / name).samples for folder in (clean, enhanced)]
        scores = score_speech(waves[0], waves[1], SAMPLE_RATE_HZ, name=name)
        assert entry["image"] == pytest.approx(scores.to_json(), rel=1e-6), name
    mean = report["mean"]
    assert mean["image"]["pesq_wb"] > mean["noisy"]["pesq_wb"] + 0.1
    assert mean["image"]["pesq_wb"] == pytest.approx(mean["int8"]["pesq_wb"], abs=0.02)
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
