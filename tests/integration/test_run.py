"""Recordings through the built image, and the model on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import read_audio, write_wav
from imse_mcu.pipeline import BuildOutcome

pytestmark = [pytest.mark.slow, pytest.mark.emulator]

Capture = pytest.CaptureFixture[str]


def clip(examples: Path, name: str, seconds: float) -> np.ndarray:
    return read_audio(examples / name).pcm[: int(seconds * 16000)]


def test_run_writes_the_enhanced_recording_next_to_the_noisy_one(
    build_copy: Path, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    source = tmp_path / "noisy.wav"
    write_wav(source, clip(examples, "noisy.wav", 1.0))
    assert main(["run", str(build_copy), "--input", str(source), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    enhanced = read_audio(tmp_path / "noisy-enhanced.wav")
    assert len(enhanced.pcm) == 16000
    assert data["bit_exact"] is True
    assert data["frames"] == 64
    assert data["audio_snr_db"] >= 60
    assert data["differing_samples"] == 0
    assert data["counts"] == "instructions"
    assert 0 < data["peak_stack_bytes"] <= data["stack_bytes"]
    assert data["network_per_frame"]["mean"] < data["frame_per_frame"]["mean"]
    assert json.loads((build_copy / "run.json").read_text())["bit_exact"] is True
    page = (build_copy / "report.html").read_text()
    assert page.count("data:audio/flac;base64,") == 3
    assert page.count("data:image/png;base64,") == 3


def test_clean_recording_that_does_not_fit_is_refused_before_the_run(
    build_copy: Path, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    before = (build_copy / "report.html").read_bytes()
    write_wav(tmp_path / "noisy.wav", clip(examples, "noisy.wav", 1.0))
    write_wav(tmp_path / "short.wav", clip(examples, "clean.wav", 0.5))
    write_wav(tmp_path / "silent.wav", np.zeros(16000, np.int16))
    command = ["run", str(build_copy), "--input", str(tmp_path / "noisy.wav"), "--clean"]
    assert main([*command, str(tmp_path / "short.wav")]) == 2
    assert "has 8000 samples at 16 kHz" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "silent.wav")]) == 1
    assert "PESQ" in capsys.readouterr().err
    assert not (tmp_path / "noisy-enhanced.wav").exists()
    assert (build_copy / "report.html").read_bytes() == before


def test_image_gives_what_enhance_gives(build_copy: Path, examples: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    write_wav(source, clip(examples, "noisy.wav", 1.0))
    assert (
        main(["run", str(build_copy), "--input", str(source), "-o", str(tmp_path / "d.wav")]) == 0
    )
    assert main(["enhance", str(source), "-o", str(tmp_path / "h.wav")]) == 0
    device, host = read_audio(tmp_path / "d.wav").pcm, read_audio(tmp_path / "h.wav").pcm
    np.testing.assert_array_equal(device, host)


def test_stereo_float_at_another_rate_is_converted_and_said(
    build_copy: Path, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    mono = clip(examples, "noisy.wav", 0.5) / 32768
    high = np.repeat(mono, 3)
    source = tmp_path / "phone.wav"
    soundfile.write(source, np.stack([high, high], axis=1), 48000, subtype="FLOAT")
    assert main(["run", str(build_copy), "--input", str(source)]) == 0
    text = capsys.readouterr().err
    assert "note: phone.wav: 2 channels averaged to mono" in text
    assert "resampled from 48000 Hz to 16000 Hz" in text
    assert "float samples rounded to 16 bit" in text


def test_bad_recording_leaves_earlier_outputs(
    build_copy: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(b"earlier")
    page = (build_copy / "report.html").read_bytes()
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    status = main(["run", str(build_copy), "--input", str(tmp_path / "bad.wav"), "-o", str(out)])
    assert status == 2
    assert "bad.wav" in capsys.readouterr().err
    assert out.read_bytes() == b"earlier"
    assert (build_copy / "report.html").read_bytes() == page


def test_unknown_place_and_missing_port(build_copy: Path, examples: Path, capsys: Capture) -> None:
    base = ["run", str(build_copy), "--input", str(examples / "noisy.wav"), "--on"]
    assert main([*base, "emulatr"]) == 2
    assert "did you mean emulator?" in capsys.readouterr().err
    assert main([*base, "serial:"]) == 2
    assert "no serial port given" in capsys.readouterr().err
    assert main([*base, "serial:/dev/nothing-here"]) != 0
    assert "error: " in capsys.readouterr().err
    assert main([*base, "qemu"]) == 2
    assert "does not run on qemu" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_corrupt_model_is_named(
    build_copy: Path, examples: Path, capsys: Capture, content: bytes | None
) -> None:
    path = build_copy / "model" / "model.tflite"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if content is None else content)
    assert main(["run", str(build_copy), "--input", str(examples / "noisy.wav")]) != 0
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert "model/model.tflite" in lines[0]


def test_image_of_another_build_is_refused(
    build_copy: Path, examples: Path, capsys: Capture
) -> None:
    elf = build_copy / "build" / "imse-firmware.elf"
    elf.write_bytes(b"not an image")
    assert main(["run", str(build_copy), "--input", str(examples / "noisy.wav")]) != 0
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 1
    assert "imse-firmware.elf" in lines[0]


def test_check_reports_and_limits(
    built: BuildOutcome, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = str(built.folder.path)
    pair = ["--clean", str(examples / "clean.wav"), "--noisy", str(examples / "noisy.wav")]
    out = tmp_path / "check.json"
    assert main(["check", folder, *pair, "--json", "-o", str(out)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert json.loads(out.read_text()) == data
    assert data["mean"].keys() >= {"noisy", "float", "int8"}
    assert abs(data["pesq_drop"]) < 0.1
    assert data["layers"]
    assert main(["check", folder, *pair, "--min-pesq", "4.5"]) == 1
    assert "past the limit: int8: mean PESQ-WB is" in capsys.readouterr().out


def test_enhance_of_a_folder_in_float(
    built: BuildOutcome, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in ("noisy.wav", "clean.wav"):
        shutil.copy(examples / name, source / name)
    out = tmp_path / "out"
    assert main(["enhance", str(source), "-o", str(out), "--precision", "float", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 2
    assert sorted(p.name for p in out.iterdir()) == ["clean.wav", "noisy.wav"]


def test_quantize_alone(built: BuildOutcome, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "model.tflite"
    assert main(["quantize", "-o", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["sha256"] == built.folder.record["model_digest"]
    assert data["costs"]["macs"] == built.report["macs_per_frame"]


def test_flash_dry_run(built: BuildOutcome, capsys: Capture) -> None:
    folder = str(built.folder.path)
    assert main(["flash", folder, "--runner", "openocd", "--dry-run", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["dry_run"] is True
    assert data["verified"] is False
    assert any("imse-firmware.elf" in word for step in data["steps"] for word in step["argv"])
    assert main(["flash", folder, "--runner", "openocdd", "--dry-run"]) == 2
    assert "did you mean openocd" in capsys.readouterr().err
