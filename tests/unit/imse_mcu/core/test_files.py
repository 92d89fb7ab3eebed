from __future__ import annotations

import os
from pathlib import Path

import pytest

from imse_mcu.core.files import (
    FileWriteError,
    atomic_dir,
    atomic_file,
    json_text,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_file_appears_whole_in_a_new_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "new")
    assert (tmp_path / "a" / "b.txt").read_text() == "new"
    assert names(tmp_path / "a") == ["b.txt"]


def test_file_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "f", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640


def test_folder_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with atomic_dir(tmp_path / "d"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o750


def test_the_umask_of_other_threads_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail(f"umask {mask:o}"))
    write_text(tmp_path / "f", "x")
    with atomic_dir(tmp_path / "d"):
        pass
    assert names(tmp_path) == ["d", "f"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failure_leaves_the_earlier_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "f.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["f.txt"]


def test_file_cannot_replace_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="it is a folder"):
        write_text(tmp_path, "x")


def test_unwritable_place_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(FileWriteError) as caught:
        write_text(blocked / "inside.txt", "x")
    assert "\n" not in caught.value.message
    assert "inside.txt" in caught.value.message


def test_error_about_another_file_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "input"
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "out" / "f"):
        other.read_bytes()


def test_folder_replaces_as_a_whole(tmp_path: Path) -> None:
    final = tmp_path / "out"
    final.mkdir()
    (final / "old").write_text("old")
    with atomic_dir(final, replace=True) as temporary:
        (temporary / "new").write_text("new")
        assert names(final) == ["old"]
    assert names(final) == ["new"]
    assert names(tmp_path) == ["out"]


def test_failed_folder_leaves_the_earlier_one(tmp_path: Path) -> None:
    final = tmp_path / "out"
    final.mkdir()
    (final / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_dir(final, replace=True) as temporary:
        (temporary / "new").write_text("half")
        raise KeyboardInterrupt
    assert names(final) == ["old"]
    assert names(tmp_path) == ["out"]


def test_full_folder_is_refused_without_replace(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(FileWriteError, match="is not empty"), atomic_dir(tmp_path):
        pass


def test_folder_cannot_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with (
        pytest.raises(FileWriteError, match="it is a file"),
        atomic_dir(tmp_path / "x", replace=True),
    ):
        pass


def test_json_is_deterministic_and_strict(tmp_path: Path) -> None:
    assert json_text({"b": 1, "a": "ä"}) == '{\n  "a": "ä",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))
    write_json(tmp_path / "r.json", [1])
    assert (tmp_path / "r.json").read_bytes() == b"[\n  1\n]\n"
