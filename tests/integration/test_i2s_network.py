"""The shipped network between microphone and DAC, and what the board says of its stream."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulated_board import board_on_a_port

from firmware_gen.options import FirmwareOptions
from firmware_gen.project import generate_project, write
from firmware_gen.toolchain import compile_project
from imse_mcu.audio_stream import describe
from imse_mcu.buildfolder import BuildFolder
from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import read_audio, write_wav
from imse_mcu.pipeline import BuildOutcome
from targets.emulators.unicorn import UnicornMachine
from targets.link import DeviceLink
from targets.protocol import AudioState

pytestmark = [pytest.mark.slow, pytest.mark.emulator]

Capture = pytest.CaptureFixture[str]
HOP = 256
HOPS = 24
HOP_S = HOP / 16000
SHIFT = 14  # bits between a microphone's word and a sample
OFFSET_SHIFT = 9  # time constant of the high pass in front of the network


@pytest.fixture(scope="module")
def image(built: BuildOutcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ELF of the shipped network with the I2S application."""
    target = built.folder.target()
    folder = tmp_path_factory.mktemp("i2s") / "project"
    model = built.folder.host_model().quantized
    project = generate_project(model, target, "aot", FirmwareOptions(app="i2s"))
    write(project, folder)
    return compile_project(folder, target, plan=project.plan).elf


@pytest.fixture
def build_with_stream(build_copy: Path, image: Path) -> Path:
    """A build folder whose image has the stream."""
    shutil.copyfile(image, BuildFolder.open(build_copy).artifact("elf"))
    return build_copy


def heard(words: np.ndarray) -> np.ndarray:
    """What the firmware makes of the microphone's words: offset removed, 16 bits."""
    offset, pcm = 0, np.empty(words.size, np.int16)
    for i, sample in enumerate(int(word) for word in words):
        offset += sample - (offset >> OFFSET_SHIFT)
        pcm[i] = min(max((sample - (offset >> OFFSET_SHIFT)) >> SHIFT, -32768), 32767)
    return pcm


def test_the_dac_plays_what_the_host_computes_sample_for_sample(
    built: BuildOutcome, image: Path, examples: Path
) -> None:
    """DMA moves every word at its time and interrupts the network, which runs as shipped."""
    noisy = read_audio(examples / "noisy.wav").pcm[8000 : 8000 + HOPS * HOP]
    words = (noisy.astype(np.int64) << SHIFT) + 0x12345600  # a microphone has an offset
    machine = UnicornMachine(built.folder.target(), image)
    sai: Any = machine.peripheral("SAI1")
    sai.microphone.extend(int(word) & 0xFFFF_FFFF for word in words)
    machine.run_for((HOPS + 2) * HOP_S + 0.005)

    left = np.array([frame[0] for frame in sai.played], np.uint32)
    played = (left >> 16).astype(np.uint16).view(np.int16)
    samples = heard(words).astype(np.float32) / np.float32(32768.0)
    # The host aligns its result with its input; the network's window delays the board's by a hop,
    # recording and handing over by two more.
    expected = built.folder.host_model().enhance(samples, "int8")[: (HOPS - 1) * HOP]
    assert np.abs(expected.astype(np.int32)).max() > 1000
    np.testing.assert_array_equal(played[3 * HOP : (HOPS + 2) * HOP], expected)

    with DeviceLink(machine.transport()) as link:
        link.hello()
        audio = link.state().audio
    assert audio.state is AudioState.RUNNING
    assert audio.recorded >= HOPS + 2
    assert audio.complete, describe(audio)


def test_status_and_run_warn_of_lost_hops(
    build_with_stream: Path, examples: Path, tmp_path: Path, capsys: Capture
) -> None:
    build = BuildFolder.open(build_with_stream)
    machine = UnicornMachine(build.target(), build.artifact("elf"))
    machine.run_for(5.5 * HOP_S)
    counters = machine.image.symbol("imse_i2s_counters")
    assert counters is not None
    with board_on_a_port(build, machine=machine) as port:
        on = ["--on", f"serial:{port}"]
        assert main(["status", str(build_with_stream), *on]) == 0
        text = capsys.readouterr()
        assert "480 MHz" in text.out
        assert "0 not processed in time, 0 played before they were written" in text.out
        assert text.err == ""
        # What a debugger that halts the core for two hops leaves behind.
        machine.write_memory(counters + 12, (2).to_bytes(4, "little"))
        assert main(["status", str(build_with_stream), *on, "--json"]) == 0
        text = capsys.readouterr()
        told = json.loads(text.out)["audio_stream"]
        assert told["state"] == "running"
        assert told["recorded"] >= 5
        assert (told["missed"], told["overruns"], told["underruns"]) == (0, 2, 0)
        assert "warning: the board's audio stream lost something: " in text.err
        source = tmp_path / "short.wav"
        write_wav(source, read_audio(examples / "noisy.wav").pcm[8000 : 8000 + 4 * HOP])
        run = ["run", str(build_with_stream), "--input", str(source), *on, "--json"]
        assert main(run) == 0
    text = capsys.readouterr()
    assert json.loads(text.out)["audio_stream"]["overruns"] == 2
    assert "warning: the board's audio stream lost something: " in text.err
    assert "microphone to DAC" in (build_with_stream / "report.html").read_text()


def test_status_of_a_board_with_another_image_is_refused(
    build_copy: Path, image: Path, capsys: Capture
) -> None:
    build = BuildFolder.open(build_copy)
    machine = UnicornMachine(build.target(), image)
    with board_on_a_port(build, machine=machine) as port:
        assert main(["status", str(build_copy), "--on", f"serial:{port}"]) == 1
    assert "with the right model, expected image" in capsys.readouterr().err


def test_status_of_an_image_without_a_stream(build_copy: Path, capsys: Capture) -> None:
    assert main(["status", str(build_copy), "--on", "emulator"]) == 0
    text = capsys.readouterr().out
    assert "audio stream" not in text
    assert "bytes used" in text
