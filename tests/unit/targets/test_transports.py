from __future__ import annotations

import importlib
import os
import pty
import threading
import time
import tty

import pytest

from targets.link import DeviceLink, LinkTimeoutError
from targets.protocol import DeviceInfo, Packet, PacketDecoder, PacketType
from targets.transports import FileTransport, SerialTransport, TransportError

INFO = DeviceInfo(3, 8, 16000, 1_000_000, 6, 3, 2, "ab" * 32, "aot", "cd" * 20)


@pytest.fixture
def terminal() -> tuple[int, int]:
    """The two ends of a pseudo-terminal without line discipline."""
    board, host = pty.openpty()
    tty.setraw(host)
    return board, host


def test_bytes_pass_unchanged_in_both_directions(terminal: tuple[int, int]) -> None:
    board, host = terminal
    transport = FileTransport(host, host, "a pseudo-terminal")
    transport.write(bytes(range(256)))
    assert os.read(board, 1024) == bytes(range(256))
    os.write(board, bytes(reversed(range(256))))
    received = b""
    while len(received) < 256:
        received += transport.read(1.0)
    assert received == bytes(reversed(range(256)))
    start = time.monotonic()
    assert transport.read(0.05) == b""
    assert 0.04 < transport.now() - start < 1.0
    transport.close()
    transport.close()
    with pytest.raises(TransportError, match="a pseudo-terminal is closed"):
        transport.write(b"x")
    os.close(board)


def test_the_other_side_going_away_is_an_error(terminal: tuple[int, int]) -> None:
    board, host = terminal
    transport = FileTransport(host, host, "a pseudo-terminal")
    os.close(board)
    with pytest.raises(TransportError, match="a pseudo-terminal"):
        transport.read(1.0)
    transport.close()


def test_a_side_that_takes_no_more_bytes_is_an_error() -> None:
    read_end, write_end = os.pipe()
    transport = FileTransport(read_end, write_end, "a pipe", write_timeout_s=0.1)
    with pytest.raises(TransportError, match="a pipe accepts no more bytes"):
        transport.write(bytes(1 << 20))
    transport.close()


def _answer(board: int, packets: int) -> None:
    decoder = PacketDecoder()
    while packets:
        for packet in decoder.feed(os.read(board, 7)):
            answer = Packet(PacketType.INFO, packet.seq, INFO.encode()).encode()
            for start in range(0, len(answer), 5):
                os.write(board, answer[start : start + 5])
            packets -= 1


def test_a_link_over_a_serial_port(terminal: tuple[int, int]) -> None:
    pytest.importorskip("serial")
    board, host = terminal
    thread = threading.Thread(target=_answer, args=(board, 3), daemon=True)
    thread.start()
    with DeviceLink(SerialTransport(os.ttyname(host), 115200), timeout_s=5.0) as link:
        for _ in range(3):
            assert link.hello() == INFO
    thread.join(5.0)
    assert not thread.is_alive()
    os.close(board)
    os.close(host)


def test_a_silent_serial_port_times_out(terminal: tuple[int, int]) -> None:
    pytest.importorskip("serial")
    board, host = terminal
    port = os.ttyname(host)
    with DeviceLink(SerialTransport(port, 115200), timeout_s=0.05, retries=1) as link:
        start = time.monotonic()
        with pytest.raises(LinkTimeoutError, match=port):
            link.hello()
        assert time.monotonic() - start < 2.0
    os.close(board)
    os.close(host)


def test_a_serial_port_that_does_not_exist() -> None:
    pytest.importorskip("serial")
    with pytest.raises(TransportError) as caught:
        SerialTransport("/dev/not-there", 115200)
    expected = "cannot open the serial port /dev/not-there: no such file or directory"
    assert caught.value.message == expected


def test_without_pyserial_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.import_module

    def missing(name: str, package: str | None = None) -> object:
        if name == "serial":
            raise ModuleNotFoundError(name)
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(TransportError, match="pyserial") as caught:
        SerialTransport("/dev/ttyACM0", 115200)
    assert caught.value.hint == "pip install pyserial"
