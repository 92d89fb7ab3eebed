"""``run --on serial:PORT`` over a pseudo-terminal, the emulated image at its other end."""

from __future__ import annotations

import json
import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.cli.main import main
from imse_mcu.core.audio_io import read_audio, write_wav
from targets.emulators.unicorn import UnicornMachine

pytestmark = [pytest.mark.slow, pytest.mark.emulator]

Damage = Callable[[bytes], bytes]


@contextmanager
def board_on_a_port(build: BuildFolder, damage: Damage = bytes) -> Iterator[str]:
    """Runs the image behind a pseudo-terminal.

    Args:
        build: The build.
        damage: Applied to what the board sends.

    Yields:
        Name of the port.
    """
    transport = UnicornMachine(build.target(), build.artifact("elf")).transport()
    board, host = pty.openpty()
    tty.setraw(board)
    tty.setraw(host)
    stop = threading.Event()
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            while not stop.is_set():
                if not select.select([board], [], [], 0.02)[0]:
                    continue
                transport.write(os.read(board, 4096))
                while data := transport.read(0.0):
                    rest = memoryview(damage(data))
                    while rest:
                        rest = rest[os.write(board, rest) :]
        except BaseException as error:  # noqa: BLE001 - shown by the test that uses it
            failures.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(host)
    finally:
        stop.set()
        thread.join(timeout=30)
        os.close(board)
        os.close(host)
    assert failures == []


def stream(build: Path, source: Path, output: Path, port: str) -> int:
    place = ["--on", f"serial:{port}"]
    return main(["run", str(build), "--input", str(source), "-o", str(output), "--json", *place])


@pytest.fixture
def source(tmp_path: Path, examples: Path) -> Path:
    path = tmp_path / "noisy.wav"
    write_wav(path, read_audio(examples / "noisy.wav").pcm[8000:14000])
    return path


def test_clean_line(
    build_copy: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with board_on_a_port(BuildFolder.open(build_copy)) as port:
        assert stream(build_copy, source, tmp_path / "board.wav", port) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["place"] == "serial"
    assert data["counts"] == "cycles"
    assert data["bit_exact"] is True
    assert data["line"]["retries"] == 0
    assert main(["run", str(build_copy), "--input", str(source), "-o", f"{tmp_path}/e.wav"]) == 0
    assert (tmp_path / "board.wav").read_bytes() == (tmp_path / "e.wav").read_bytes()


def test_damaged_line_is_repaired(
    build_copy: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = 0

    def damage(data: bytes) -> bytes:
        nonlocal sent
        out = bytearray()
        for byte in data:
            sent += 1
            if sent % 30011 == 0:
                continue
            out.append(byte ^ 0x10 if sent % 20011 == 0 else byte)
        return bytes(out)

    with board_on_a_port(BuildFolder.open(build_copy), damage) as port:
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
