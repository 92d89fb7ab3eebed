from __future__ import annotations

import os
from pathlib import Path

import pytest

from imse_mcu.core.cache import ContentKey, ResultCache, default_folder


def test_result_comes_back(tmp_path: Path) -> None:
    cache = ResultCache("models", folder=tmp_path)
    assert cache.get("k") is None
    cache.put("k", {"a": b"1", "b": b""})
    assert cache.get("k") == {"a": b"1", "b": b""}


def test_damaged_result_is_absent(tmp_path: Path) -> None:
    cache = ResultCache("models", folder=tmp_path)
    cache.put("k", {"a": b"12345"})
    (tmp_path / "models" / "k" / "a").write_bytes(b"12344")
    assert cache.get("k") is None


def test_disabled_cache_neither_reads_nor_writes(tmp_path: Path) -> None:
    ResultCache("models", folder=tmp_path).put("k", {"a": b"1"})
    off = ResultCache("models", folder=tmp_path, enabled=False)
    assert off.get("k") is None
    off.put("l", {"a": b"1"})
    assert ResultCache("models", folder=tmp_path).get("l") is None


def test_least_recently_used_results_are_dropped(tmp_path: Path) -> None:
    cache = ResultCache("models", folder=tmp_path, max_entries=2)
    for age, key in enumerate(["old", "used"]):
        cache.put(key, {"a": b"1"})
        os.utime(tmp_path / "models" / key, (1000 + age, 1000 + age))
    assert cache.get("old") is not None
    cache.put("new", {"a": b"1"})
    assert cache.get("used") is None
    assert cache.get("old") is not None
    assert cache.get("new") is not None


def test_unwritable_cache_does_not_fail(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    cache = ResultCache("models", folder=tmp_path)
    cache.put("k", {"a": b"1"})
    assert cache.get("k") is None


def test_folder_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMSE_MCU_CACHE", str(tmp_path))
    assert default_folder() == tmp_path


def test_key_depends_on_every_ingredient_and_its_borders(tmp_path: Path) -> None:
    def key(*items: tuple[str, str]) -> str:
        built = ContentKey("x")
        for name, value in items:
            built.add(name, value)
        return built.hexdigest()

    keys = {key(("a", "bc")), key(("ab", "c")), key(("a", "b"), ("c", "")), key(), key(("a", ""))}
    assert len(keys) == 5
    assert ContentKey("x").hexdigest() != ContentKey("y").hexdigest()


def test_key_of_sources_sees_content_and_names(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("a = 1")
    (tmp_path / "note.txt").write_text("ignored")
    first = ContentKey("x").add_sources(tmp_path).hexdigest()
    (tmp_path / "note.txt").write_text("changed")
    assert ContentKey("x").add_sources(tmp_path).hexdigest() == first
    (tmp_path / "m.py").write_text("a = 2")
    assert ContentKey("x").add_sources(tmp_path).hexdigest() != first
