"""Shared fixtures: where recordings for tests come from, and a clean environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Keeps TensorFlow's log out of the test output and the user's cache out of the tests."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the recordings that are not part of the project; skips where it is absent."""
    folder = Path(os.environ.get("IMSE_MCU_DATA", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no recordings at {folder} (set IMSE_MCU_DATA to the folder that has data/)")
    return folder


@pytest.fixture(scope="session")
def examples() -> Path:
    """The example recordings of the project."""
    return REPOSITORY / "examples"
