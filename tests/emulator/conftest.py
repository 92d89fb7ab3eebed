"""Tiny images for the emulator, compiled by the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imse_mcu.core.process import run, which
from targets.loader import load_target
from targets.model import Target

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def build_echo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target], Path]:
    """Compile the echo program for one of QEMU's boards; returns the ELF."""
    if which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    folder = tmp_path_factory.mktemp("echo")

    def build(target: Target) -> Path:
        elf = folder / target.name
        ram = target.mcu.region_for("stack")
        run(
            [
                "arm-none-eabi-gcc",
                *target.mcu.cpu_flags,
                *("-O2", "-std=c99", "-Wall", "-Werror", "-ffreestanding", "-nostdlib"),
                "-Wl,--no-warn-rwx-segments",
                f"-Wl,--defsym=RAM_ORIGIN={ram.origin:#x}",
                f"-DUART_BASE={target.board.uart.base:#x}",
                *("-T", str(PROGRAMS / "mps.ld")),
                str(PROGRAMS / "mps_echo.c"),
                *("-o", str(elf)),
            ],
            what="compile a test program",
            timeout_s=60,
        )
        return elf

    return build


@pytest.fixture(scope="session")
def build_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile one of the programs for the NUCLEO-H743ZI2; returns the ELF."""
    if which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    folder = tmp_path_factory.mktemp("programs")
    flags = load_target("stm32h7").mcu.cpu_flags

    def build(name: str, *defines: str) -> Path:
        elf = folder / "-".join([name, *defines]).replace("=", "_")
        if not elf.exists():
            run(
                [
                    "arm-none-eabi-gcc",
                    *flags,
                    *("-O2", "-std=c99", "-Wall", "-Werror", "-ffreestanding", "-nostdlib"),
                    *("-Wl,--no-warn-rwx-segments", f"-I{PROGRAMS}"),
                    *(f"-D{define}" for define in defines),
                    *("-T", str(PROGRAMS / "stm32h7.ld")),
                    str(PROGRAMS / f"{name}.c"),
                    *("-o", str(elf)),
                ],
                what="compile a test program",
                timeout_s=60,
            )
        return elf

    return build
