"""Atomic writing: a file or folder is there as a whole, or as it was before."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imse_mcu.core.errors import ImseMcuError


class FileWriteError(ImseMcuError):
    """A file or folder cannot be written or read."""


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path next to ``path`` and renames it on success.

    Args:
        path: Final path; its folder is made when missing.

    Yields:
        The temporary path to write to. It keeps the suffix of ``path``.

    Raises:
        FileWriteError: If the folder cannot be made or written.
    """
    final = Path(path)
    if final.is_dir():
        raise FileWriteError(f"cannot write {final}: it is a folder", hint="give a file name")
    temporary = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(final, suffix=final.suffix)
        temporary.touch(exist_ok=False)
        yield temporary
        temporary.replace(final)
    except OSError as error:
        if not _concerns(error, final.parent):
            raise
        raise _write_error(final, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_dir(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Gives a temporary folder next to ``path`` and renames it on success.

    Args:
        path: Final folder.
        replace: Allow ``path`` to exist; it is replaced as a whole, and is intact on failure.

    Yields:
        The temporary folder.

    Raises:
        FileWriteError: If ``path`` exists and is not empty (without ``replace``), or cannot be
            written.
    """
    final = Path(path)
    if final.exists() and not final.is_dir():
        raise FileWriteError(f"cannot write folder {final}: it is a file", hint="give another name")
    if not replace and final.is_dir() and any(final.iterdir()):
        raise FileWriteError(f"folder {final} is not empty", hint="remove it or give another name")
    temporary = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(final)
        temporary.mkdir()
        yield temporary
        swap_dir(temporary, final)
    except OSError as error:
        if not _concerns(error, final.parent):
            raise
        raise _write_error(final, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def swap_dir(new: Path, final: Path) -> None:
    """Puts the folder ``new`` in the place of ``final``; ``final`` survives a failure.

    Args:
        new: Finished folder on the same file system as ``final``.
        final: Its place; an existing folder there is removed after the swap.

    Raises:
        OSError: If a rename fails.
    """
    if not final.exists():
        new.rename(final)
        return
    old = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.old."))
    backup = old / "folder"
    final.rename(backup)
    try:
        new.rename(final)
    except BaseException:
        backup.rename(final)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file atomically.

    Raises:
        FileWriteError: If it cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a UTF-8 file with Unix line ends atomically.

    Raises:
        FileWriteError: If it cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def json_text(value: Any) -> str:
    """Returns deterministic JSON: sorted keys, two spaces, one final newline."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes deterministic JSON (see :func:`json_text`) atomically.

    Raises:
        FileWriteError: If it cannot be written.
    """
    write_text(path, json_text(value))


def _concerns(error: OSError, folder: Path) -> bool:
    """Tells whether an error is about something in ``folder`` (or about no file in particular)."""
    if error.filename is None:
        return True
    try:
        path = Path(os.fsdecode(error.filename)).absolute()
    except TypeError:
        return True
    parent = folder.absolute()
    return path == parent or parent in path.parents or path in parent.parents


def _beside(final: Path, suffix: str = "") -> Path:
    """Returns a new hidden name beside a path.

    Not of :mod:`tempfile`: what that makes is for the user alone, and the process's mask for others
    cannot be read without changing it for a moment.
    """
    return final.parent / f".{final.stem if suffix else final.name}.{secrets.token_hex(8)}{suffix}"


def _write_error(path: Path, error: OSError) -> FileWriteError:
    """Turns an operating system error into one clear line."""
    reason = error.strerror or str(error)
    return FileWriteError(
        f"cannot write {path}: {reason[:1].lower()}{reason[1:]}",
        hint="check the permissions and free space there, or give another path with -o",
    )
