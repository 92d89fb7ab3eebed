"""Compiling: what comes out, and every way it fails."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import fake_network
import pytest
from fake_backend import FakeBackend, fake_model

import firmware_gen
from firmware_gen.backends.base import BackendOutput
from firmware_gen.errors import ModelTooBigError, ToolchainError
from firmware_gen.project import generate_project, write
from firmware_gen.toolchain import (
    SUFFIXES,
    check_tools,
    compile_project,
    inspect_image,
    load_build,
    tool_versions,
)
from imse_mcu.core.process import ToolNotFoundError
from targets.loader import load_target

H7 = load_target("stm32h7")
CSRC = Path(firmware_gen.__file__).parent / "csrc"
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("arm-none-eabi-gcc", "cmake", "ninja")),
    reason="arm-none-eabi-gcc, cmake or ninja is not installed",
)


def project_folder(folder: Path, source: str = fake_network.SOURCE, **memory: int) -> Path:
    backends = {"aot": FakeBackend(source, **memory)}
    write(generate_project(fake_model(), H7, "aot", backends=backends), folder)
    return folder


def previous_images(folder: Path) -> dict[str, str]:
    (folder / "build").mkdir()
    for suffix in SUFFIXES:
        (folder / "build" / f"imse-firmware.{suffix}").write_text(f"previous {suffix}")
    return images(folder)


def images(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text(errors="replace") for p in (folder / "build").iterdir()}


def test_images_and_sizes(builder: Any) -> None:
    build = builder.build("stm32h7")
    padding = build.bin.stat().st_size - build.flash_bytes["total"]
    assert 0 <= padding < 64, "alignment between sections, and nothing else"
    assert build.hex.read_text().startswith(":")
    assert "imse_network_invoke" in build.map.read_text()
    assert build.flash_bytes["weights"] == 256
    assert build.flash_bytes["code"] < 14 * 1024, "more than firmware_gen.memory plans for"
    assert build.ram_bytes["stack"] == 8192 + 256
    assert build.ram_bytes["state"] == 256
    assert build.ram_bytes["arena"] == 0
    assert 8000 < build.ram_bytes["buffers"] <= 8448, "more than firmware_gen.memory plans for"
    assert build.ram_bytes["data"] <= 1024, "more than firmware_gen.memory plans for"
    assert build.ram_bytes["total"] == sum(
        size for name, size in build.ram_bytes.items() if name != "total"
    )
    assert set(build.tools) == {"arm-none-eabi-gcc", "cmake", "ninja"}
    assert build.to_json()["elf"] == "build/imse-firmware.elf"


def test_sizes_are_read_again_from_the_folder(builder: Any) -> None:
    build = builder.build("stm32h7")
    again = load_build(build.elf.parent.parent, H7)
    assert again.flash_bytes == build.flash_bytes
    assert again.regions == build.regions


def test_versions_look_like_versions() -> None:
    versions = tool_versions()
    assert sorted(versions) == ["arm-none-eabi-gcc", "cmake", "ninja"]
    assert all(version[0].isdigit() for version in versions.values())


def test_missing_compiler_names_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for tool in ("cmake", "ninja"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolNotFoundError, match="arm-none-eabi-gcc is not installed") as caught:
        check_tools()
    assert "apt install gcc-arm-none-eabi" in caught.value.hint


@pytest.mark.slow
def test_compile_error_is_one_line_and_earlier_images_stay(tmp_path: Path) -> None:
    folder = project_folder(tmp_path / "out", fake_network.SOURCE + "\nint broken(void) {}\n")
    before = previous_images(folder)
    with pytest.raises(ToolchainError, match=r"model/network_fake\.c:\d+:\d+: error") as caught:
        compile_project(folder, H7)
    assert "\n" not in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert images(folder) == before
    assert not list(folder.glob(".build*"))


@pytest.mark.slow
def test_heap_is_refused_and_earlier_images_stay(tmp_path: Path) -> None:
    source = fake_network.SOURCE.replace(
        "void imse_network_reset(void) {",
        """
#include <stdlib.h>
void *_sbrk(int);
void *_sbrk(int n) { (void)n; return (void *)-1; }
void imse_network_reset(void) {
    void *volatile leak = malloc(64);
    (void)leak;
""",
    )
    folder = project_folder(tmp_path / "out", source)
    before = previous_images(folder)
    with pytest.raises(ToolchainError, match="contains a heap"):
        compile_project(folder, H7)
    assert images(folder) == before


@pytest.mark.slow
def test_overflow_found_by_the_linker(tmp_path: Path) -> None:
    source = fake_network.SOURCE.replace(
        "static int8_t imse_state[IMSE_BANDS];",
        'int8_t imse_arena[600000] __attribute__((section(".bss.imse_arena")));\n'
        "static int8_t imse_state[IMSE_BANDS];",
    ).replace("imse_state[k] = 0;", "imse_state[k] = imse_arena[k];")
    backends = {"aot": FakeBackend(source)}
    project = generate_project(fake_model(), H7, "aot", backends=backends)
    write(project, tmp_path / "out")
    with pytest.raises(ModelTooBigError) as caught:
        compile_project(tmp_path / "out", H7, plan=project.plan)
    assert "DTCM (131,072 bytes) overflows by" in caught.value.message
    assert ".imse_arena (DTCM)" in caught.value.table


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="holds no compiled image"):
        load_build(project_folder(tmp_path / "out"), H7)


def test_damaged_image(builder: Any, tmp_path: Path) -> None:
    elf = tmp_path / "x.elf"
    elf.write_bytes(b"not an ELF")
    with pytest.raises(ToolchainError, match="no readable ELF"):
        inspect_image(elf, H7)
    whole = builder.build("stm32h7").elf.read_bytes()
    elf.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ToolchainError):
        inspect_image(elf, H7)


def test_image_of_another_target(builder: Any) -> None:
    elf = builder.build("stm32h7").elf
    with pytest.raises(ToolchainError, match="lies outside the memory of"):
        inspect_image(elf, load_target("mps2_an500"))


def test_image_without_symbols(builder: Any, tmp_path: Path) -> None:
    import subprocess

    stripped = tmp_path / "stripped.elf"
    command = ["arm-none-eabi-objcopy", "--strip-all"]
    subprocess.run([*command, builder.build("stm32h7").elf, stripped], check=True)
    with pytest.raises(ToolchainError, match="no symbols"):
        inspect_image(stripped, H7)


@pytest.mark.slow
def test_project_builds_by_hand_with_the_preset(tmp_path: Path) -> None:
    import subprocess

    folder = project_folder(tmp_path / "out")
    environment = {**os.environ, "LC_ALL": "C"}
    for command in (["cmake", "--preset", "default"], ["cmake", "--build", "--preset", "default"]):
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    assert (folder / "cmake-build" / "imse-firmware.bin").stat().st_size > 8000


@pytest.mark.slow
def test_tflm_without_its_folder_says_so(tmp_path: Path) -> None:
    class Tflm(FakeBackend):
        name = "tflm"

        def generate(self, model: Any, target: Any, options: Any) -> BackendOutput:
            output = super().generate(model, target, options)
            script = CSRC / "network" / "tflm" / "imse_tflm.cmake"
            files = {
                **output.files,
                "runtime/tflm/imse_tflm.cmake": script.read_bytes(),
                "runtime/tflm/imse_tflm_operators.cmake": b'set(IMSE_TFLM_OPERATORS "")\n',
            }
            return dataclasses.replace(output, files=files)

    backends = {"aot": FakeBackend(), "tflm": Tflm()}
    write(generate_project(fake_model(), H7, "aot", backends=backends), tmp_path / "out")
    with pytest.raises(ToolchainError, match="could not configure the firmware") as caught:
        compile_project(tmp_path / "out", H7, runtime="tflm")
    assert "TFLM_DIR" in str(caught.value)
