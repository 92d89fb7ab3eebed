"""One build of the default model, shared by the tests of the whole way."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from imse_mcu.core.progress import Reporter
from imse_mcu.pipeline import BuildOutcome, BuildRequest, build


def _load(name: str) -> None:
    """Makes a module of this folder importable by its tests."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_load("emulated_board")


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache of this test run."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the user's cache out of the tests."""
    monkeypatch.setenv("IMSE_MCU_CACHE", str(cache_folder))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> BuildOutcome:
    """The default model built for stm32h7 and proved on the emulator."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMSE_MCU_CACHE", str(cache_folder))
        patch.delenv("TFLM_DIR", raising=False)
        folder = tmp_path_factory.mktemp("build") / "imse-stream-stm32h7"
        return build(BuildRequest("stm32h7", folder), Reporter(enabled=False))


@pytest.fixture
def build_copy(built: BuildOutcome, tmp_path: Path) -> Path:
    """A copy of the build that a test may change."""
    return Path(shutil.copytree(built.folder.path, tmp_path / "copy"))
