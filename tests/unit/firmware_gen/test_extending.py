"""What docs/extending.md tells people to write works as it stands there."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_backend import MODEL_DIGEST, fake_model
from reference_frontend import config_header

from firmware_gen.project import generate_project, write
from imse_mcu.cli.main import main
from keras_imse.config import stream_config_from_dict
from quantize.recipe import load_recipe
from targets.emulators.unicorn import UnicornMachine
from targets.link import DeviceLink
from targets.loader import load_target
from targets.runners import RUNNERS, Failure, FlashImage, FlashRequest

PAGE = Path(__file__).parents[3] / "docs" / "extending.md"


def block(name: str) -> str:
    """The fenced block that begins with a comment of this name."""
    found = re.search(rf"^```\w+\n# {re.escape(name)}\n(.*?)^```", PAGE.read_text(), re.S | re.M)
    assert found, f"docs/extending.md has no {name}"
    return found[1]


def module(name: str, **given: Any) -> dict[str, Any]:
    """Runs a block of Python; returns its names."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(block(name), name, "exec"), names)
    names.update(given)
    return names


def test_board_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my-board.toml"
    path.write_text(block("my-board.toml"))
    target = load_target(str(path))
    assert target.board.uart.base == 0x40004400
    assert target.mcu.name == "stm32h743"
    assert main(["targets", str(path)]) == 0
    assert "My carrier board" in capsys.readouterr().out


def test_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "my-recipe.toml"
    path.write_text(block("my-recipe.toml"))
    recipe = load_recipe(str(path))
    assert recipe.activation_range == "percentile"
    assert recipe.int16[0].matches("RSQRT", "net/mala/Rsqrt")


def test_preset_file() -> None:
    data = tomllib.loads(block("imse-stream-tiny.toml"))
    assert data["family"] == "imse-stream"
    config = stream_config_from_dict({"name": "tiny", **data["config"]}, where="the page")
    assert config.channels == (8, 8, 16)


def test_flash_tool(tmp_path: Path) -> None:
    runner = module("probe_rs.py")["ProbeRsRunner"]()
    target = load_target("stm32h7")
    image = FlashImage(*(tmp_path / f"a.{kind}" for kind in ("elf", "bin", "hex")))
    for path in (image.elf, image.bin, image.hex):
        path.write_bytes(b"x")
    request = FlashRequest(target, image, probe="1234")
    report = runner.flash(request, dry_run=True)
    assert report.steps[0].argv[:4] == ("probe-rs", "download", "--chip", "STM32H743ZITx")
    assert report.steps[0].argv[-1] == str(image.elf)
    assert report.steps[1].argv[1] == "reset"
    assert runner.unsupported(load_target("pico2"))
    assert runner.diagnose("Error: No connected probes were found.") is Failure.NO_PROBE
    line = re.search(r'RUNNERS\.register\("probe-rs", "([\w.:]+)"', PAGE.read_text())
    assert line is not None
    assert line[1].rpartition(":")[2] == "ProbeRsRunner"
    assert line[1].startswith("targets.runners.probe_rs:")
    assert "probe-rs" not in RUNNERS.names()


@pytest.mark.emulator
@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("arm-none-eabi-gcc", "cmake", "ninja")),
    reason="arm-none-eabi-gcc, cmake or ninja is not installed",
)
def test_runtime_lets_sound_through(tmp_path: Path) -> None:
    from firmware_gen.toolchain import compile_project

    names = module("wire.py", config_header=lambda model: config_header(MODEL_DIGEST).encode())
    target = load_target("stm32h7")
    project = generate_project(
        fake_model(), target, "wire", backends={"wire": names["WireBackend"]()}
    )
    write(project, tmp_path / "wire")
    built = compile_project(tmp_path / "wire", target, plan=project.plan)
    rng = np.random.default_rng(1)
    sent = (3000 * rng.standard_normal(20 * 256)).astype("<i2")
    with DeviceLink(UnicornMachine(target, built.elf).transport()) as link:
        info = link.hello(expected_digest=MODEL_DIGEST)
        assert info.runtime == "wire"
        link.reset()
        frames = sent.reshape(-1, 256)
        back = np.concatenate([np.frombuffer(link.process(f.tobytes()).pcm, "<i2") for f in frames])
    delayed, heard = sent[:-256].astype(float), back[256:].astype(float)
    gain = float(delayed @ heard / (delayed @ delayed))
    error = heard - gain * delayed
    assert 0.5 < gain <= 2.05
    assert 10 * np.log10((gain * delayed) @ (gain * delayed) / (error @ error)) > 25
