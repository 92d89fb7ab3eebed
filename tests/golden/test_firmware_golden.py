"""The generated project, per target and runtime, against what was reviewed.

``firmware/<target>-<runtime>/files.json`` holds the digest of every generated file, and next to it
lie the rendered files as text. Of the other boards, what makes them different is kept: memory map
and board configuration. The network is a stand-in, so that only changes of the project
itself show up. After a wanted change: ``IMSE_MCU_UPDATE_GOLDEN=1 pytest tests/golden``, and review
the difference.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware_gen.backends.base import BackendMemory, BackendOutput
from firmware_gen.platforms import platform_families
from firmware_gen.project import FirmwareProject, generate_project
from keras_imse.config import FrontendConfig
from targets.loader import list_targets, load_target

GOLDEN = Path(__file__).parent / "firmware"
UPDATE = os.environ.get("IMSE_MCU_UPDATE_GOLDEN") == "1"
RUNTIMES = ("aot", "tflm")
TARGETS = ("mps2_an386", "mps2_an500", "mps3_an547", "nucleo_h743zi2")
BOARDS = [
    t.name for t in list_targets() if t.mcu.family in platform_families() and t.name not in TARGETS
]


class StandIn:
    """A runtime with one source file and the memory figures of the shipped model."""

    def __init__(self, name: str, suffix: str, arena_bytes: int) -> None:
        self.name = name
        self._path = f"model/network_{name}{suffix}"
        self._memory = BackendMemory(68_000, arena_bytes, 94_000, 20_000, 1024)

    def generate(self, model: Any, target: Any, options: Any) -> BackendOutput:
        return BackendOutput({self._path: b"/* stand-in */\n"}, self._memory)


def make(target: str, runtime: str) -> FirmwareProject:
    metadata = SimpleNamespace(model="stand-in", family="imse-stream", frontend=FrontendConfig())
    model: Any = SimpleNamespace(metadata=metadata, digest="5a" * 32, tflite=b"stand-in")
    backends = {"aot": StandIn("aot", ".c", 14_336), "tflm": StandIn("tflm", ".cc", 160_000)}
    return generate_project(model, load_target(target), runtime, backends=backends)


def rendered(project: FirmwareProject) -> dict[str, str]:
    """The files that come from templates, by the name they have among the golden files."""
    target, runtime = project.target.name, project.runtime
    paths = ["CMakeLists.txt", "README.md", "imse.cproject.yml", "platform/imse_board_config.h"]
    paths.append(f"linker/{target}-{runtime}.ld")
    return {Path(path).name: project.files[path].decode() for path in paths}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("target", TARGETS)
def test_project_is_as_reviewed(target: str, runtime: str) -> None:
    project = make(target, runtime)
    folder = GOLDEN / f"{target}-{runtime}"
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in project.files.items()}
    if UPDATE:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "files.json").write_text(json.dumps(digests, indent=1) + "\n")
        for name, text in rendered(project).items():
            (folder / name).write_text(text)
    for name, text in rendered(project).items():
        assert text == (folder / name).read_text(), f"{name} changed"
    assert digests == json.loads((folder / "files.json").read_text())
    assert project.omitted == {}


@pytest.mark.parametrize("target", BOARDS)
def test_board_is_as_reviewed(target: str) -> None:
    project = make(target, "aot")
    folder = GOLDEN / f"{target}-aot"
    files = rendered(project)
    kept = {name: files[name] for name in ("imse_board_config.h", f"{target}-aot.ld")}
    if UPDATE:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in kept.items():
            (folder / name).write_text(text)
    for name, text in kept.items():
        assert text == (folder / name).read_text(), f"{name} changed"


def test_no_golden_folder_is_left_over() -> None:
    wanted = {f"{target}-{runtime}" for target in TARGETS for runtime in RUNTIMES}
    wanted |= {f"{target}-aot" for target in BOARDS}
    assert {path.name for path in GOLDEN.iterdir()} == wanted
