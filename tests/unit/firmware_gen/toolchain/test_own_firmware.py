"""What docs/in-your-own-firmware.md says of the files that another firmware takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_backend import FakeBackend, fake_model
from fake_network import SOURCE

from firmware_gen.project import generate_project, write
from targets.loader import load_target

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)
FLAGS = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "-O1", "-std=c99"]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_named_files_need_only_what_the_page_says(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "in-your-own-firmware.md").read_text("utf-8")
    patterns = re.findall(r"^\| `([a-z]+/[\w*]+\.c)` \|", page, re.MULTILINE)
    assert len(patterns) == 4
    includes = re.search(r"^Include (.*)\. GCC", page, re.MULTILINE)
    assert includes is not None
    folders = [f"-I{name}" for name in re.findall(r"`(\w+)`", includes[1])]
    backends = {"aot": FakeBackend(SOURCE)}
    write(
        generate_project(fake_model(), load_target("stm32h7"), "aot", backends=backends), tmp_path
    )
    sources = sorted(str(path) for pattern in patterns for path in tmp_path.glob(pattern))
    sources += map(str, tmp_path.glob("model/*.c"))  # the stand-in for network_aot.c
    assert len(sources) == 3
    options = re.findall(r"-f[\w-]+(?:=\w+)?", page)
    run("arm-none-eabi-gcc", *FLAGS, *options, *folders, "-c", *sources, cwd=tmp_path)
    objects = sorted(str(path) for path in tmp_path.glob("*.o"))
    run("arm-none-eabi-ld", "-r", *objects, "-o", "all.o", cwd=tmp_path)
    missing = run("arm-none-eabi-nm", "-u", "all.o", cwd=tmp_path).split()[1::2]
    assert "platform_cycles" in missing
    assert set(missing) <= {"memcpy", "memset", "platform_cycles"}
    script = next((tmp_path / "linker").glob("*-aot.ld")).read_text("utf-8")
    names = re.findall(r"^\| `(\.\w+\.imse_\w+)` \|", page, re.MULTILINE)
    assert len(names) == 4
    assert [name for name in names if f"*({name} " not in script] == []
