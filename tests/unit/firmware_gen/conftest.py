from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from firmware_gen.memory import RegionPlan
from firmware_gen.project import generate_project, write
from firmware_gen.toolchain import BuildResult, compile_project
from targets.loader import load_target

REPO = Path(__file__).resolve().parents[3]


def _load(name: str) -> ModuleType:
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


reference_frontend = _load("reference_frontend")
fake_network = _load("fake_network")
fake_backend = _load("fake_backend")


@pytest.fixture(scope="session")
def frontend_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return reference_frontend.build_library(tmp_path_factory.mktemp("frontend"))


@pytest.fixture
def frontend(frontend_library: ctypes.CDLL) -> reference_frontend.Frontend:
    return reference_frontend.Frontend(frontend_library, frontend_library.probe_size())


@pytest.fixture(scope="session")
def synthetic_speech() -> np.ndarray:
    """Eight seconds with speech-like level changes: pitch pulses through formants, and noise."""
    rng = np.random.default_rng(7)
    n = 16000 * 8
    t = np.arange(n) / 16000.0
    pitch = 120.0 + 30.0 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000.0
    voiced = sum(np.cos(k * phase) / (1.0 + ((k * 120 - 600) / 400.0) ** 2) for k in range(1, 30))
    envelope = np.clip(np.sin(2 * np.pi * 1.3 * t), 0.0, None) ** 2
    signal = 0.12 * envelope * voiced + 10 ** rng.uniform(-4, -2, n) * rng.standard_normal(n)
    signal[: 16000 // 4] = 0.0
    return np.clip(np.round(signal * 32768), -32768, 32767).astype(np.int16)


@pytest.fixture(scope="session")
def recorded_speech() -> np.ndarray:
    """Real noisy recordings, one after the other, as int16."""
    import soundfile

    data = Path(os.environ.get("IMSE_MCU_DATA", REPO.parent / "shared")) / "data" / "vbdemand_dev"
    files = sorted(data.glob("**/noisy*/**/*.wav")) or sorted(data.glob("**/noisy*.wav"))
    if not files:
        pytest.skip(f"no recordings under {data}; set IMSE_MCU_DATA")
    return np.concatenate([soundfile.read(f, dtype="int16")[0] for f in files[:4]])


class Builder:
    """Builds images of a fake network, each once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._built: dict[tuple[str, str], BuildResult] = {}
        self.plans: dict[str, RegionPlan] = {}

    def build(self, target_name: str, source: str = fake_network.SOURCE) -> BuildResult:
        key = (target_name, source)
        if key not in self._built:
            target = load_target(target_name)
            backends = {"aot": fake_backend.FakeBackend(source)}
            project = generate_project(fake_backend.fake_model(), target, "aot", backends=backends)
            folder = self._root / f"{target_name}{len(self._built)}"
            write(project, folder)
            self.plans[target_name] = project.plan
            self._built[key] = compile_project(folder, target, plan=project.plan)
        return self._built[key]


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("images"))
