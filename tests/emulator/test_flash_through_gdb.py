"""A real flash and run: GDB loads an image through QEMU's server, the board starts it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imse_mcu.core import process
from targets.loader import load_target
from targets.model import Target
from targets.runners import Failure, FlashError, FlashImage, FlashRequest
from targets.runners.gdb import GdbRunner
from targets.transports import FileTransport

pytestmark = pytest.mark.emulator
TARGET = load_target("mps2_an500")


@pytest.fixture(autouse=True)
def _needs_tools() -> None:
    for tool in ("qemu-system-arm", GdbRunner().tools[0]):
        if process.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@pytest.fixture
def image(build_echo: Callable[[Target], Path], tmp_path: Path) -> FlashImage:
    elf = build_echo(TARGET)
    paths = [tmp_path / name for name in ("a.bin", "a.hex")]
    for path in paths:
        path.write_bytes(b"")
    return FlashImage(elf, *paths)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def empty_board(port: int) -> Iterator[FileTransport]:
    """A board with nothing in its memory, halted, with a GDB server."""
    machine = TARGET.board.emulator
    assert machine is not None
    argv = ["qemu-system-arm", "-M", machine.machine, "-display", "none", "-monitor", "none"]
    argv += ["-serial", "stdio", "-S", "-gdb", f"tcp:127.0.0.1:{port}"]
    child = process.start(argv, what="start an empty board")
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        _wait_for_server(port)
        read_fd, write_fd = os.dup(child.stdout.fileno()), os.dup(child.stdin.fileno())
        transport = FileTransport(read_fd, write_fd, "the empty board")
        yield transport
        transport.close()
    finally:
        process.stop(child)


def _wait_for_server(port: int) -> None:
    deadline = time.monotonic() + 20
    listening = f":{port:04X}"
    while time.monotonic() < deadline:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        if any(line.split()[1].endswith(listening) for line in lines):
            return
        time.sleep(0.05)
    pytest.fail("QEMU opened no GDB server")


def test_flash_and_run(image: FlashImage) -> None:
    port = free_port()
    with empty_board(port) as transport:
        request = FlashRequest(TARGET, image, probe=f"qemu@127.0.0.1:{port}")
        report = GdbRunner().flash(request)
        assert (report.verified, report.reset) == (True, True)
        transport.write(b"HAL")
        received = b""
        deadline = time.monotonic() + 10
        while len(received) < 3 and time.monotonic() < deadline:
            received += transport.read(1.0)
    assert received == b"IBM"


def test_an_image_in_ram_runs_without_a_reset(image: FlashImage) -> None:
    """The board's memory is RAM that keeps what GDB loads, as the STM32N6's does."""
    regions = tuple(
        dataclasses.replace(region, loaded="code" in region.roles) for region in TARGET.mcu.regions
    )
    target = dataclasses.replace(TARGET, mcu=dataclasses.replace(TARGET.mcu, regions=regions))
    port = free_port()
    with empty_board(port) as transport:
        request = FlashRequest(target, image, probe=f"qemu@127.0.0.1:{port}")
        assert request.loads_ram
        GdbRunner().flash(request)
        transport.write(b"HAL")
        received = b""
        deadline = time.monotonic() + 10
        while len(received) < 3 and time.monotonic() < deadline:
            received += transport.read(1.0)
    assert received == b"IBM"


def test_memory_that_does_not_keep_the_image_fails_verification(
    image: FlashImage, tmp_path: Path
) -> None:
    """An image linked where the board has no memory: the load is accepted, the bytes are lost."""
    elf = tmp_path / "elsewhere.elf"
    argv = ["arm-none-eabi-objcopy", "--change-addresses", "0x50000000", str(image.elf), str(elf)]
    process.run(argv, what="move the image", timeout_s=20)
    port = free_port()
    with empty_board(port):
        request = FlashRequest(
            TARGET, FlashImage(elf, image.bin, image.hex), probe=f"qemu@127.0.0.1:{port}"
        )
        with pytest.raises(FlashError) as caught:
            GdbRunner().flash(request)
    assert caught.value.failure is Failure.VERIFY


def test_no_server(image: FlashImage) -> None:
    request = FlashRequest(TARGET, image, probe=f"qemu@127.0.0.1:{free_port()}")
    with pytest.raises(FlashError) as caught:
        GdbRunner().flash(request)
    assert caught.value.failure is Failure.NO_PROBE
