from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imse_mcu.core.process import which
from targets.emulators.errors import EmulatorError, ImageError
from targets.emulators.qemu import QemuMachine, qemu_argv
from targets.loader import load_target
from targets.model import Target
from targets.transports import TransportError

pytestmark = pytest.mark.emulator

BOARDS = ("mps2_an386", "mps2_an500", "mps3_an547")
Build = Callable[[Target], Path]


@pytest.fixture(autouse=True)
def _needs_qemu() -> None:
    if which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")


@pytest.mark.parametrize("name", BOARDS)
def test_bytes_go_in_and_out(name: str, build_echo: Build) -> None:
    target = load_target(name)
    with QemuMachine(target, build_echo(target)) as machine:
        transport = machine.transport()
        data = bytes(range(1, 255)) * 4
        transport.write(data)
        received = b""
        deadline = time.monotonic() + 20
        while len(received) < len(data) and time.monotonic() < deadline:
            received += transport.read(1.0)
    assert received == bytes(byte + 1 for byte in data)


def test_silence_is_waited_for_no_longer_than_asked(build_echo: Build) -> None:
    target = load_target("mps2_an500")
    with QemuMachine(target, build_echo(target)) as machine:
        transport = machine.transport()
        start = time.monotonic()
        assert transport.read(0.2) == b""
        assert 0.15 < time.monotonic() - start < 2.0


def test_time_that_the_host_gives_to_others_is_no_silence(build_echo: Build) -> None:
    target = load_target("mps2_an500")
    with QemuMachine(target, build_echo(target)) as machine:
        transport = machine.transport()
        os.kill(machine._child.pid, signal.SIGSTOP)
        before = transport.now()
        time.sleep(0.5)
        assert transport.now() - before < 0.2
        os.kill(machine._child.pid, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while transport.now() - before < 0.4 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert transport.now() - before >= 0.4


def test_an_emulator_that_ends_is_an_error_not_a_silence(build_echo: Build) -> None:
    target = load_target("mps2_an500")
    with QemuMachine(target, build_echo(target)) as machine:
        transport = machine.transport()
        transport.write(b"\0")
        with pytest.raises(TransportError, match="QEMU mps2_an500"):
            for _ in range(20):
                transport.read(1.0)


def test_closing_ends_the_process_and_the_transport(build_echo: Build) -> None:
    target = load_target("mps2_an500")
    machine = QemuMachine(target, build_echo(target))
    transport = machine.transport()
    machine.close()
    machine.close()
    assert machine._child.poll() is not None
    with pytest.raises(TransportError, match="is closed"):
        transport.read(0.1)
    with pytest.raises(EmulatorError, match="shut down"):
        machine.transport()


def test_an_image_for_another_board_is_refused(build_program: Callable[..., Path]) -> None:
    with pytest.raises(ImageError, match="lie outside the memory of mps2_an500"):
        QemuMachine(load_target("mps2_an500"), build_program("services"))


def test_the_command_line() -> None:
    assert qemu_argv(load_target("qemu_m55"), "a.elf") == [
        *("qemu-system-arm", "-M", "mps3-an547", "-kernel", "a.elf"),
        *("-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio"),
        *("-icount", "shift=0"),
    ]
    with pytest.raises(EmulatorError, match="no machine for nucleo_h743zi2"):
        qemu_argv(load_target("stm32h7"), "a.elf")
