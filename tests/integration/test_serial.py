"""``run`` and ``check --on serial:PORT`` over a pseudo-terminal, the emulated image at its end."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from emulated_board import Damage, Line, UnpluggedError, board_on_a_port

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import read_audio, write_wav
from imse_mcu.pipeline import BuildOutcome
from targets.emulators.image import FirmwareImage
from targets.emulators.unicorn import UnicornMachine
from targets.link import DeviceLink, LinkTimeoutError
from targets.protocol import FrameResult
from targets.transports import SerialTransport

pytestmark = [pytest.mark.slow, pytest.mark.emulator]


def stream(build: Path, source: Path, output: Path, port: str) -> int:
    place = ["--on", f"serial:{port}"]
    return main(["run", str(build), "--input", str(source), "-o", str(output), "--json", *place])


@pytest.fixture
def source(tmp_path: Path, examples: Path) -> Path:
    path = tmp_path / "noisy.wav"
    write_wav(path, read_audio(examples / "noisy.wav").pcm[8000:14000])
    return path


def check_measured_cycles(build: Path, data: dict[str, Any]) -> None:
    """What the board's counter said is in run.json, named as measured, and on the page."""
    counts = data["frame_counts"]
    assert len(counts) == data["frames"]
    assert min(counts) > 0
    measured = data["measured"]
    assert measured["cycles_per_frame"]["value"] == round(sum(counts) / len(counts))
    assert measured["cycles_per_frame"]["method"].startswith("measured: the board's cycle counter")
    factor = sum(counts) / len(counts) * 62.5 / data["clock_hz"]
    assert measured["real_time_factor"] == round(factor, 4)
    assert json.loads((build / "run.json").read_text())["measured"] == measured
    assert "measured on the board" in (build / "report.html").read_text()
    report = json.loads((build / "report.json").read_text())
    assert report["cycles_per_frame"]["method"].startswith("model: ")


def test_clean_line(
    build_copy: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with board_on_a_port(BuildFolder.open(build_copy)) as port:
        assert stream(build_copy, source, tmp_path / "board.wav", port) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["place"] == "serial"
    assert data["counts"] == "cycles"
    check_measured_cycles(build_copy, data)
    assert data["bit_exact"] is True
    assert data["line"]["retries"] == 0
    assert main(["run", str(build_copy), "--input", str(source), "-o", f"{tmp_path}/e.wav"]) == 0
    assert (tmp_path / "board.wav").read_bytes() == (tmp_path / "e.wav").read_bytes()


class WornCable:
    """Loses or changes a byte now and then.

    Attributes:
        damaged: How many so far.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._sent = 0

    def __call__(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            self._sent += 1
            lost, changed = self._sent % 60013 == 0, self._sent % 20011 == 0
            self.damaged += lost or changed
            if not lost:
                out.append(byte ^ 0x10 if changed else byte)
        return bytes(out)


def test_damaged_line_is_repaired(
    build_copy: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = Line(from_board=WornCable())
    with board_on_a_port(BuildFolder.open(build_copy), line) as port:
        assert stream(build_copy, source, tmp_path / "board.wav", port) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["bit_exact"] is True
    assert data["line"]["retries"] > 0


def test_board_with_another_model_is_refused(
    build_copy: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = BuildFolder.open(build_copy)
    elf = build.artifact("elf")
    digest = bytes.fromhex(build.record["model_digest"])
    data = elf.read_bytes()
    text = digest.hex().encode()
    assert text in data or digest in data
    other = data.replace(digest, bytes(32)).replace(text, b"0" * 64)
    elf.write_bytes(other)
    with board_on_a_port(build) as port:
        assert stream(build_copy, source, tmp_path / "board.wav", port) != 0
    message = json.loads(capsys.readouterr().out)["error"]
    assert "holds model 000000000000" in message["message"]
    assert "imse-mcu flash" in message["hint"]
    assert not (tmp_path / "board.wav").exists()


def test_board_with_another_image_of_the_same_model_is_refused(
    build_copy: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = BuildFolder.open(build_copy)
    elf = build.artifact("elf")
    right = elf.read_bytes()
    build_id = bytes.fromhex(FirmwareImage(elf).build_id)
    assert len(build_id) == 20
    assert right.count(build_id) == 1
    elf.write_bytes(right.replace(build_id, bytes(20)))
    with board_on_a_port(build) as port:
        elf.write_bytes(right)
        assert stream(build_copy, source, tmp_path / "board.wav", port) != 0
    message = json.loads(capsys.readouterr().out)["error"]
    assert "runs image 000000000000… with the right model" in message["message"]
    assert "imse-mcu flash" in message["hint"]


@pytest.fixture
def pair(examples: Path, tmp_path: Path) -> list[str]:
    """Options that name a second and a half of the example pair."""
    options = []
    for kind in ("clean", "noisy"):
        path = tmp_path / f"{kind}.wav"
        write_wav(path, read_audio(examples / f"{kind}.wav").pcm[8000:32000])
        options += [f"--{kind}", str(path)]
    return options


def check(build: Path, pair: list[str], port: str, output: Path) -> int:
    return main(["check", str(build), *pair, "--on", f"serial:{port}", "-o", str(output), "--json"])


def test_check_scores_what_the_board_returns_over_a_worn_cable(
    build_copy: Path, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cable = WornCable()
    report = tmp_path / "check.json"
    with board_on_a_port(BuildFolder.open(build_copy), Line(from_board=cable)) as port:
        assert check(build_copy, pair, port, report) == 0
    assert cable.damaged > 3
    data = json.loads(capsys.readouterr().out)
    assert json.loads(report.read_text()) == data
    mean = data["mean"]
    assert mean["image"]["pesq_wb"] > mean["noisy"]["pesq_wb"]
    assert mean["image"]["pesq_wb"] == pytest.approx(mean["int8"]["pesq_wb"], abs=0.02)
    assert mean["image"]["si_sdr_db"] == pytest.approx(mean["int8"]["si_sdr_db"], abs=0.1)


def test_check_of_a_board_with_another_image_is_refused(
    build_copy: Path, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = BuildFolder.open(build_copy)
    elf = build.artifact("elf")
    right = elf.read_bytes()
    elf.write_bytes(right.replace(bytes.fromhex(FirmwareImage(elf).build_id), bytes(20)))
    with board_on_a_port(build) as port:
        elf.write_bytes(right)
        assert check(build_copy, pair, port, tmp_path / "check.json") != 0
    message = json.loads(capsys.readouterr().out)["error"]
    assert "runs image 000000000000… with the right model" in message["message"]
    assert not (tmp_path / "check.json").exists()


def test_check_with_a_board_that_is_unplugged_says_so(
    build_copy: Path, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the middle of a frame; an earlier report stays."""
    passed = 0

    def unplug(data: bytes) -> bytes:
        nonlocal passed
        passed += len(data)
        if passed > 20_000:
            raise UnpluggedError
        return data

    report = tmp_path / "check.json"
    report.write_text("earlier")
    with board_on_a_port(BuildFolder.open(build_copy), Line(from_board=unplug)) as port:
        assert check(build_copy, pair, port, report) == 1
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert port in message
    assert "failed: " in message
    assert report.read_text() == "earlier"


def noisy(generator: random.Random, rate: float) -> Damage:
    """Loses, changes or doubles each byte with a probability."""

    def damage(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            kind = generator.randrange(3) if generator.random() < rate else None
            if kind is None:
                out.append(byte)
            elif kind == 1:
                out.append(byte ^ generator.randrange(1, 256))
            elif kind == 2:
                out += bytes([byte, byte])
        return bytes(out)

    return damage


def converse(link: DeviceLink, frames: list[bytes]) -> list[FrameResult]:
    link.hello()
    link.reset()
    return [link.process(frame, tensors=index == 1) for index, frame in enumerate(frames)]


def what_was_computed(results: list[FrameResult]) -> list[tuple[bytes, object]]:
    """All of it but the cycles."""
    return [(result.pcm, result.tensors) for result in results]


@pytest.mark.parametrize("kind", ["bytes", "delays", "both"])
def test_a_bad_line_to_the_image_never_hangs_and_never_gives_a_wrong_frame(
    kind: str, built: BuildOutcome, examples: Path
) -> None:
    build = built.folder
    pcm = read_audio(examples / "noisy.wav").pcm[8000 : 8000 + 3 * 256]
    frames = [pcm[i : i + 256].astype("<i2").tobytes() for i in range(0, len(pcm), 256)]
    machine = UnicornMachine(build.target(), build.artifact("elf"))
    expected = what_was_computed(converse(DeviceLink(machine.transport()), frames))
    line = Line()
    timeout_s, retries, seeds = 1.5, 3, 8
    right, repaired = 0, 0
    with board_on_a_port(build, line) as port:
        for seed in range(seeds):
            generator = random.Random(f"{kind} {seed}")
            if kind != "delays":
                rate = generator.choice([1 / 4000, 1 / 1500, 1 / 500])
                line.to_board, line.from_board = noisy(generator, rate), noisy(generator, rate)
            if kind != "bytes":
                line.delay = lambda g=generator: g.choice([0.0, 0.0, 0.01, 0.05, 0.3])  # type: ignore[misc]
            transport = SerialTransport(port, 921_600)
            begin = time.monotonic()
            with DeviceLink(
                transport,
                timeout_s=timeout_s,
                retries=retries,
                first_sequence=generator.randrange(1 << 16),
            ) as link:
                try:
                    assert what_was_computed(converse(link, frames)) == expected
                    right += 1
                except LinkTimeoutError:
                    pass  # an error that says so is a right answer of a bad line
                repaired += link.counters.retries
                requests = link.counters.requests
            assert time.monotonic() - begin < requests * (retries + 1) * timeout_s + 5.0
        line.to_board, line.from_board, line.delay = bytes, bytes, lambda: 0.0
        with DeviceLink(
            SerialTransport(port, 921_600), timeout_s=30.0, first_sequence=0x1234
        ) as link:
            assert what_was_computed(converse(link, frames)) == expected
    assert right > 0
    assert repaired > 0 or kind == "delays"
