"""The generated project: content, determinism, writing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from fake_backend import FakeBackend, fake_model

from firmware_gen.backends.errors import UnsupportedOpError
from firmware_gen.errors import FirmwareError, ModelTooBigError, ProjectFolderError
from firmware_gen.options import FirmwareOptions
from firmware_gen.platforms import platform_families
from firmware_gen.project import (
    CSRC,
    MANIFEST,
    FirmwareProject,
    check_folder,
    edited_files,
    files_digest,
    generate_project,
    read_manifest,
    write,
)
from firmware_gen.render import render
from imse_mcu.core.files import FileWriteError
from keras_imse.config import FrontendConfig
from targets.loader import list_targets, load_target


def make(target: str = "stm32h7", **options: Any) -> FirmwareProject:
    return generate_project(
        fake_model(),
        load_target(target),
        "aot",
        FirmwareOptions(**options),
        backends={"aot": FakeBackend()},
    )


class OtherBackend(FakeBackend):
    name = "tflm"

    def __init__(self, error: Exception | None = None, **memory: int) -> None:
        super().__init__(**memory)
        self._error = error

    def generate(self, model: Any, target: Any, options: Any) -> Any:
        if self._error is not None:
            raise self._error
        output = super().generate(model, target, options)
        files = {**output.files, "runtime/tflm/other.cc": b"// other\n"}
        del files["model/network_fake.c"]
        return type(output)(files=files, memory=output.memory)


def test_same_arguments_give_the_same_project() -> None:
    first, second = make(), make()
    assert first.files == second.files
    assert first.digest == second.digest
    assert list(first.files) == sorted(first.files)


def test_digest_depends_on_every_path_and_byte() -> None:
    files = {"a": b"1", "b": b"2"}
    digests = {
        files_digest(files),
        files_digest({"a": b"1", "b": b"3"}),
        files_digest({"a": b"1", "c": b"2"}),
        files_digest({"a": b"1b", "": b"2"}),
        files_digest({"a": b"12"}),
    }
    assert len(digests) == 5


def test_options_reach_the_build() -> None:
    project = make(optimization="Os", stack_bytes=16384)
    assert b"  -Os -g" in project.files["CMakeLists.txt"]
    linker = project.files["linker/nucleo_h743zi2-aot.ld"].decode()
    assert ". += 16384;" in linker
    assert make().digest != project.digest


def test_every_source_is_compiled_and_every_header_found() -> None:
    project = make()
    cmake = project.files["CMakeLists.txt"].decode()
    cproject = project.files["imse.cproject.yml"].decode()
    for path in project.files:
        if path.endswith(".c"):
            assert f"  {path}\n" in cmake
            assert f"- file: {path}\n" in cproject
        if path.endswith(".h"):
            assert f"  {Path(path).parent}\n" in cmake
            assert f"    - {Path(path).parent}\n" in cproject


def test_nothing_tells_where_or_when_it_was_made() -> None:
    for path, content in make().files.items():
        assert str(CSRC.parents[1]).encode() not in content, path
        assert b"/tmp/" not in content, path
        assert b"/home/" not in content, path


BUILDABLE = [t.name for t in list_targets() if t.mcu.family in platform_families()]


def test_target_without_platform_code_says_which_families_have_it() -> None:
    others = [t.name for t in list_targets() if t.name not in BUILDABLE]
    for name in others:
        with pytest.raises(FirmwareError, match="no platform code for the chip family") as caught:
            make(name)
        assert "stm32h7" in caught.value.hint


@pytest.mark.parametrize("target", BUILDABLE)
def test_every_target_gives_a_project(target: str) -> None:
    project = make(target)
    linker = project.files[f"linker/{target}-aot.ld"].decode()
    for region in load_target(target).mcu.regions:
        assert f"ORIGIN = 0x{region.origin:08x}" in linker
    config = project.files["platform/imse_board_config.h"].decode()
    assert f"0x{load_target(target).board.uart.base:08x}" in config


def test_pins_become_numbers() -> None:
    config = make().files["platform/imse_board_config.h"].decode()
    assert "#define IMSE_UART_TX_PORT 3u /* PD8 */\n#define IMSE_UART_TX_PIN 8u" in config
    assert "#define IMSE_UART_AF 7u" in config
    assert "#define IMSE_OSCILLATOR_HZ 8000000\n#define IMSE_OSCILLATOR_BYPASS 1" in config


def test_manifest_names_every_file() -> None:
    project = make()
    manifest = json.loads(project.files[MANIFEST])
    assert set(manifest["files"]) == set(project.files) - {MANIFEST}
    for path, digest in manifest["files"].items():
        assert hashlib.sha256(project.files[path]).hexdigest() == digest
    assert manifest["target"] == "nucleo_h743zi2"
    assert manifest["runtime"] == "aot"


def test_project_holds_other_runtimes_with_their_linker_scripts() -> None:
    project = generate_project(
        fake_model(),
        load_target("stm32h7"),
        "aot",
        backends={"aot": FakeBackend(), "tflm": OtherBackend()},
    )
    assert "linker/nucleo_h743zi2-aot.ld" in project.files
    assert "linker/nucleo_h743zi2-tflm.ld" in project.files
    assert project.omitted == {}
    cmake = project.files["CMakeLists.txt"].decode()
    assert cmake.index("STREQUAL aot)") < cmake.index("model/network_fake.c")
    assert cmake.index("STREQUAL tflm)") < cmake.index("runtime/tflm/other.cc")


@pytest.mark.parametrize(
    "other",
    [OtherBackend(arena_bytes=10_000_000), OtherBackend(UnsupportedOpError("no kernel for FOO"))],
    ids=["too big", "unsupported"],
)
def test_other_runtime_that_cannot_is_left_out_and_named(other: OtherBackend) -> None:
    backends = {"aot": FakeBackend(), "tflm": other}
    project = generate_project(fake_model(), load_target("stm32h7"), "aot", backends=backends)
    assert list(project.omitted) == ["tflm"]
    assert project.omitted["tflm"]
    assert not any("tflm" in path for path in project.files)
    with pytest.raises((ModelTooBigError, UnsupportedOpError)):
        generate_project(fake_model(), load_target("stm32h7"), "tflm", backends=backends)


def test_unknown_runtime() -> None:
    with pytest.raises(FirmwareError, match="unknown runtime 'tvm'") as caught:
        generate_project(
            fake_model(), load_target("stm32h7"), "tvm", backends={"aot": FakeBackend()}
        )
    assert "aot" in caught.value.hint


def test_model_of_another_front_end() -> None:
    model = fake_model(FrontendConfig(n_fft=510, hop=100))
    with pytest.raises(FirmwareError, match="front end has n_fft 512, the model needs 510"):
        generate_project(model, load_target("stm32h7"), "aot", backends={"aot": FakeBackend()})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimization": "O9"}, "unknown optimization level 'O9'"),
        ({"kernels": "neon"}, "unknown kernels 'neon'"),
        ({"stack_bytes": 512}, "stack of 512 bytes"),
        ({"stack_bytes": 8200}, "does not divide by 32"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FirmwareError, match=message):
        FirmwareOptions(**options)


def test_templates_refuse_missing_variables() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("csolution.yml.j2")


def test_write_and_write_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    project = make()
    write(project, folder)
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == set(project.files)
    (folder / "app" / "board_audio.c").write_text("/* mine */")
    (folder / "build").mkdir()
    (folder / "build" / "imse-firmware.elf").write_text("old")
    (folder / ".build.left-by-a-crash").mkdir()
    (folder / ".build.left-by-a-crash" / "x.o").write_text("")
    write(make(optimization="Os"), folder)
    assert not list(folder.glob(".build.*"))
    assert (folder / "app" / "board_audio.c").read_text() == "/* mine */"
    assert not (folder / "build").exists()
    assert read_manifest(folder)["options"]["optimization"] == "Os"
    assert [p.name for p in folder.parent.iterdir()] == ["out"]


def test_edited_files_are_not_overwritten(tmp_path: Path) -> None:
    write(make(), tmp_path / "out")
    (tmp_path / "out" / "app" / "main.c").write_text("int main(void) { return 0; }")
    assert edited_files(tmp_path / "out") == ["app/main.c"]
    with pytest.raises(ProjectFolderError, match="app/main.c was edited"):
        write(make(), tmp_path / "out")
    assert "return 0" in (tmp_path / "out" / "app" / "main.c").read_text()


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(ProjectFolderError, match="not made by imse-mcu"):
        write(make(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ProjectFolderError, match="expected a folder"):
        check_folder(tmp_path / "out")


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileWriteError):
        write(make(), tmp_path / "file" / "out")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_damaged_manifest(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(ProjectFolderError):
        write(make(), tmp_path)
