"""Every bad input gets one clear line and a non-zero exit, and nothing is written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import wav_bytes, write_wav
from keras_imse.imse_config import ImseConfig
from keras_imse.weights.name_map import name_map

Capture = pytest.CaptureFixture[str]


def refuse(capsys: Capture, arguments: list[str], *said: str, status: int | None = None) -> str:
    """Runs a command that must fail with one error line that says certain things."""
    found = main(arguments)
    captured = capsys.readouterr()
    assert found == status if status is not None else found != 0
    assert captured.out == ""
    assert "Traceback" not in captured.err
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, captured.err
    for text in said:
        assert text in captured.err, captured.err
    return captured.err


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    path = tmp_path / "noisy.wav"
    write_wav(path, (1000 * rng.standard_normal(16000)).astype(np.int16))
    return path


def test_unknown_target_offers_close_matches(capsys: Capture, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    refuse(
        capsys,
        ["build", "--target", "stm23h7", "-o", out],
        "unknown target 'stm23h7'",
        "did you mean stm32h7",
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["quantize", "enhance", "build"])
def test_unknown_model_offers_close_matches(
    capsys: Capture, tmp_path: Path, noisy: Path, command: str
) -> None:
    out = str(tmp_path / "out.wav")
    first = {"quantize": [], "enhance": [str(noisy)], "build": ["--target", "stm32h7"]}[command]
    refuse(
        capsys,
        [command, *first, "--model", "imse-strem", "-o", out],
        "unknown model 'imse-strem'",
        "did you mean imse-stream",
    )


def test_unknown_recipe_offers_close_matches(capsys: Capture, tmp_path: Path) -> None:
    refuse(
        capsys, ["quantize", "--quant", "int", "-o", str(tmp_path / "m")], "recipe 'int'", "int8"
    )


def test_unknown_runtime_and_kernels(capsys: Capture, tmp_path: Path) -> None:
    base = ["build", "--target", "stm32h7", "-o", str(tmp_path / "out")]
    refuse(capsys, [*base, "--runtime", "tfml"], "unknown runtime 'tfml'", "did you mean tflm?")
    refuse(capsys, [*base, "--kernels", "dps"], "unknown kernels 'dps'", "dsp")


def test_offline_model_that_does_not_fit_is_refused_with_a_way_out(
    capsys: Capture, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    refuse(
        capsys,
        ["build", "--target", "stm32h7", "--model", "imse", "-o", str(out)],
        "does not fit ST NUCLEO-H743ZI2",
        "--segment-frames 4 is the longest segment that fits",
    )
    assert not out.exists()


def float_with_nan(path: Path) -> None:
    samples = np.zeros(16000)
    samples[5] = np.nan
    soundfile.write(path, samples, 16000, subtype="FLOAT")


BAD_RECORDINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "there is no file"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_text("not audio" * 100), "not a WAV"),
    "truncated": (
        lambda path: path.write_bytes(wav_bytes(np.zeros(9000, np.int16))[:9000]),
        "is truncated",
    ),
    "no frames": (
        lambda path: path.write_bytes(wav_bytes(np.zeros(0, np.int16))),
        "holds no samples",
    ),
    "one sample": (
        lambda path: path.write_bytes(wav_bytes(np.ones(1, np.int16))),
        "too short: 1 sample",
    ),
    "nan": (float_with_nan, "has NaN or infinity in 1 sample, first at 5"),
}


@pytest.mark.parametrize("kind", BAD_RECORDINGS)
def test_bad_recordings(capsys: Capture, tmp_path: Path, kind: str) -> None:
    make, said = BAD_RECORDINGS[kind]
    source, out = tmp_path / "in.wav", tmp_path / "out.wav"
    make(source)
    out.write_bytes(b"earlier")
    refuse(capsys, ["enhance", str(source), "-o", str(out)], said, "in.wav")
    assert out.read_bytes() == b"earlier"


def test_result_must_be_a_wav_and_not_the_source(capsys: Capture, noisy: Path) -> None:
    refuse(capsys, ["enhance", str(noisy), "-o", str(noisy)], "would be overwritten")
    refuse(capsys, ["enhance", str(noisy), "-o", f"{noisy}.mp3"], "results are WAV files")


def test_float_has_no_engine(capsys: Capture, tmp_path: Path, noisy: Path) -> None:
    out = tmp_path / "out.wav"
    options = ["--precision", "float", "--engine", "aot"]
    refuse(capsys, ["enhance", str(noisy), "-o", str(out), *options], "--engine aot computes int8")
    assert not out.exists()


def test_two_recordings_of_one_name(capsys: Capture, tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, 0.1 * np.ones(8000), 16000)
    refuse(capsys, ["enhance", str(tmp_path), "-o", str(tmp_path / "o")], "would both become")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "does not exist"), (b"junk", "weights"), (b"PK\x03\x04broken", "weights")],
)
def test_bad_weights_files(
    capsys: Capture, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "weights.npz"
    if content is not None:
        path.write_bytes(content)
        said = "is not a readable .npz"
    else:
        said = "cannot read weights"
    out = tmp_path / "model.tflite"
    refuse(
        capsys,
        ["quantize", "--weights", str(path), "--no-cache", "-o", str(out)],
        said,
        "weights.npz",
    )
    assert not out.exists()


def imse_tensors() -> dict[str, np.ndarray]:
    """Tensors with the names and shapes of the published network, one of them broken."""
    tensors = {e.torch_name: np.zeros(e.torch_shape, np.float32) for e in name_map(ImseConfig())}
    next(iter(tensors.values())).flat[3] = np.nan
    return tensors


IMSE_WEIGHTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda path: cut(path, 2000), "damaged"),
    "another network": (
        lambda path: np.savez(path, **{"x.weight": np.zeros(513_015, np.float32)}),
        "is a checkpoint of MUSE (513,015 parameters)",
    ),
    "no tensors": (
        lambda path: np.savez(path, names=np.array(["a", "b"])),
        "expected a tensor of numbers",
    ),
    "nan": (lambda path: np.savez(path, **imse_tensors()), "has NaN or infinity in 1 value"),
}


def cut(path: Path, size: int) -> None:
    np.savez(path, **{"x.weight": np.ones(9000, np.float32)})
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("kind", IMSE_WEIGHTS)
@pytest.mark.parametrize("command", ["quantize", "enhance", "build", "import-weights"])
def test_bad_weights_of_the_published_network(
    capsys: Capture, tmp_path: Path, noisy: Path, command: str, kind: str
) -> None:
    make, said = IMSE_WEIGHTS[kind]
    make(tmp_path / "w.npz")
    refuse(capsys, imse_arguments(command, noisy, tmp_path), said)
    assert not (tmp_path / "out.npz").exists()


def imse_arguments(command: str, noisy: Path, folder: Path) -> list[str]:
    """A command on the published network with the weights w.npz, made into out.npz or out.wav."""
    weights, out = str(folder / "w.npz"), str(folder / "out.npz")
    if command == "import-weights":
        return [command, weights, "-o", out]
    first = {
        "quantize": ["-o", out],
        "enhance": [str(noisy), "-o", str(folder / "out.wav")],
        "build": ["--target", "stm32h747i_disco", "-o", out],
    }
    return [command, *first[command], "--model", "imse", "--weights", weights]


@pytest.mark.parametrize("command", ["quantize", "enhance", "build"])
def test_segments_are_multiples_of_four_frames(
    capsys: Capture, tmp_path: Path, noisy: Path, command: str
) -> None:
    arguments = imse_arguments(command, noisy, tmp_path)[:-2]
    refuse(capsys, [*arguments, "--segment-frames", "30"], "multiple of 4")


def test_weights_of_another_model_name_an_array(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, other=np.zeros(3, np.float32))
    refuse(
        capsys,
        ["quantize", "--weights", str(path), "--no-cache", "-o", str(tmp_path / "m.tflite")],
        "weights.npz",
        "array '",
        "--model",
    )


@pytest.mark.parametrize("command", ["run", "check", "profile"])
def test_folder_that_is_no_build(
    capsys: Capture, tmp_path: Path, noisy: Path, command: str
) -> None:
    extra = {
        "run": ["--input", str(noisy)],
        "check": ["--clean", str(noisy), "--noisy", str(noisy)],
        "profile": [],
    }[command]
    refuse(capsys, [command, str(tmp_path / "none"), *extra], "there is no build folder")
    refuse(capsys, [command, str(tmp_path), *extra], "is no build folder")
    (tmp_path / "build.json").write_text("{")
    refuse(capsys, [command, str(tmp_path), *extra], "build.json is damaged")
    (tmp_path / "build.json").write_text('{"format": 99}')
    refuse(capsys, [command, str(tmp_path), *extra], "another version")


def test_output_folder_that_is_not_ours(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    refuse(
        capsys,
        ["build", "--target", "stm32h7", "-o", str(tmp_path)],
        "was not made by imse-mcu",
        "hint: ",
    )
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_output_folder_that_cannot_be_made(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    base = ["build", "--target", "stm32h7", "-o"]
    refuse(capsys, [*base, str(tmp_path / "file")], "is a file, expected a folder")
    refuse(capsys, [*base, str(tmp_path / "file" / "out")], "cannot make")


def test_missing_compiler_names_the_package_before_any_work(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMSE_MCU_ARM_NONE_EABI_GCC", "/nonexistent")
    text = refuse(
        capsys,
        ["build", "--target", "stm32h7", "-o", str(tmp_path / "out")],
        "arm-none-eabi-gcc is not installed",
        "apt install gcc-arm-none-eabi",
    )
    assert "quantizing" not in text


@pytest.mark.parametrize(
    ("option", "variable"),
    [("--runtime=tflm", "TFLM_DIR"), ("--kernels=cmsis-nn", "CMSIS_NN_DIR")],
)
def test_a_library_that_is_not_set_is_status_3_before_any_work(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, variable: str
) -> None:
    monkeypatch.delenv("TFLM_DIR", raising=False)
    monkeypatch.delenv("CMSIS_NN_DIR", raising=False)
    command = ["build", "--target", "stm32h7", option, "-o", str(tmp_path / "out")]
    text = refuse(capsys, command, f"{variable} is not set", f"set {variable} to", status=3)
    assert "quantizing" not in text


def test_pairs_that_do_not_pair(capsys: Capture, tmp_path: Path, noisy: Path) -> None:
    clean, other = tmp_path / "clean", tmp_path / "other"
    clean.mkdir()
    other.mkdir()
    write_wav(clean / "a.wav", np.ones(16000, np.int16))
    write_wav(other / "b.wav", np.ones(16000, np.int16))
    base = ["check", str(tmp_path), "--clean", str(clean), "--noisy"]
    refuse(capsys, [*base, str(noisy)], "do not pair")
    refuse(capsys, [*base, str(other)], "a.wav")
    refuse(capsys, [*base, str(tmp_path / "none")], "there is no folder")


@pytest.mark.parametrize(
    ("data", "said"),
    [("none", "none"), ("empty", "empty")],
)
def test_training_on_a_wrong_folder(capsys: Capture, tmp_path: Path, data: str, said: str) -> None:
    if data == "empty":
        (tmp_path / data).mkdir()
    refuse(capsys, ["train", "--data", str(tmp_path / data), "-o", str(tmp_path / "run")], said)


WRONG_INPUT: dict[str, tuple[str, str]] = {
    "target": ("targets stm23h7", "unknown target"),
    "target file": ("targets {0}/a.toml", "/a.toml is looked for here; imse-mcu targets lists"),
    "microcontroller": ("targets {0}/board.toml", "unknown microcontroller"),
    "model": ("models imse-strem", "unknown model"),
    "recipe": ("quantize --quant int -o {0}/m", "unknown quantization recipe"),
    "recipe file": ("quantize --quant {0}/a.toml -o {0}/m", "check the path; recipes that ship"),
    "recipe of another family": (
        "quantize --quant imse -o {0}/m",
        "recipe imse is for models of family imse, imse-stream is of family imse-stream",
    ),
    "missing weights": ("quantize --weights {0}/w.npz -o {0}/m", "cannot read weights"),
    "damaged weights": ("quantize --weights {0}/board.toml -o {0}/m", "not a readable .npz"),
    "no weights": ("quantize --model imse -o {0}/m", "no weights ship"),
    "kernels": ("build --target stm32h7 --kernels dps -o {0}/b", "unknown kernels"),
    "kernels of another core": ("build --target stm32h7 --kernels mve -o {0}/b", "need Helium"),
    "runtime": ("build --target stm32h7 --runtime tfml -o {0}/b", "unknown runtime"),
    "microphone": ("build --target stm32f4 --app i2s -o {0}/b", "has no I2S driver"),
    "data": ("train --data {0}/none -o {0}/run", "--data takes a folder with speech/"),
    "empty data": ("train --data {0}/in -o {0}/run", "is no data folder"),
    "fine-tuning": ("train --data {0}/data --fine-tune {0}/w -o {0}/run", "no weights file"),
    "output": ("export-weights {0}/w.npz -o {0}/a.png", "its name must end in"),
    "comparison": ("profile {0}/none", "there is no build folder"),
}


@pytest.mark.parametrize("kind", WRONG_INPUT)
def test_wrong_input_is_status_2_before_any_work(
    capsys: Capture, tmp_path: Path, kind: str
) -> None:
    for folder in ("in", "data/clean", "data/noisy"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "board.toml").write_text('title = "x"\nmcu = "nothing"\n')
    arguments, said = WRONG_INPUT[kind]
    text = refuse(capsys, arguments.format(tmp_path).split(), said, status=2)
    assert "runtime: aot" not in text
    assert "starting TensorFlow" not in text
    assert not any((tmp_path / name).exists() for name in ("m", "b", "run", "a.png"))


def test_weights_of_another_model_are_refused_without_tensorflow(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", other=np.zeros(3, np.float32))
    code = (
        "import sys\nfrom imse_mcu.cli.main import main\n"
        f"status = main(['quantize', '--weights', {str(tmp_path / 'w.npz')!r}, '-o', 'm.tflite'])\n"
        "sys.exit(status if 'tensorflow' not in sys.modules else 99)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"]
    assert "for model 'imse-stream')" in lines[0]
