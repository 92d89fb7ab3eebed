"""The reference of both frameworks, a small network and a small corpus."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from keras_imse.config import FrontendConfig, StreamConfig

HERE = Path(__file__).resolve().parent

#: Builds fast, has every kind of layer, and branches of a single channel.
SMALL = StreamConfig(
    name="imse-stream-test",
    frontend=FrontendConfig(n_fft=128, hop=64, bands=64),
    channels=(8, 8, 16),
    middle_blocks=1,
    strip=5,
    window_frames=6,
)


def helper(name: str) -> ModuleType:
    """Loads a module of this folder."""
    spec = importlib.util.spec_from_file_location(f"torch_twin_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads of PyTorch and of TensorFlow in one process wait for each other actively."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    return helper("reference")


@pytest.fixture(scope="session")
def sides(reference: ModuleType) -> Any:
    """Returns the results of a framework for a preset; skips where it is not installed."""
    known: dict[tuple[str, str], dict[str, np.ndarray]] = {}

    def results(side: str, preset: str) -> dict[str, np.ndarray]:
        if side == "pytorch":
            pytest.importorskip("torch", reason="needs PyTorch (extra torch)")
        else:
            pytest.importorskip("tf_keras", reason="needs TensorFlow and tf-keras")
        if (side, preset) not in known:
            module = helper("torch_side" if side == "pytorch" else "tf_side")
            known[side, preset] = module.results(reference, preset)
        return known[side, preset]

    return results


@pytest.fixture(scope="session")
def small_config() -> StreamConfig:
    return SMALL


@pytest.fixture(scope="session")
def corpus_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Harmonic 'speech' with pauses and noise."""
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    time = np.arange(16000) / 16000
    for kind in ("speech", "noise"):
        (root / kind).mkdir()
    for i in range(20):
        pitch = rng.uniform(90, 250)
        partials = [np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 12)]
        voice = np.sum(partials, axis=0) * (np.sin(2 * np.pi * 2 * time + i) > 0) * 0.1
        soundfile.write(root / "speech" / f"{i:02d}.wav", voice, 16000)
        soundfile.write(root / "noise" / f"{i:02d}.wav", 0.1 * rng.standard_normal(16000), 16000)
    return root
