"""A small cache of results in the user's cache folder, keyed by the content they come from."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import atomic_dir

#: Environment variable that names another folder for the cache.
FOLDER_VARIABLE = "IMSE_MCU_CACHE"

_DIGEST_FILE = "SHA256"
_log = logging.getLogger("imse_mcu.cache")


class ContentKey:
    """Builds the key of a result from everything that the result depends on."""

    def __init__(self, kind: str) -> None:
        self._hash = hashlib.sha256()
        self.add("kind", kind)

    def add(self, name: str, value: str | bytes) -> ContentKey:
        """Adds one named ingredient; order matters.

        Args:
            name: What it is.
            value: Its content.
        """
        data = value.encode("utf-8") if isinstance(value, str) else value
        for part in (name.encode("utf-8"), data):
            self._hash.update(len(part).to_bytes(8, "little"))
            self._hash.update(part)
        return self

    def add_sources(self, folder: Path, suffixes: Iterable[str] = (".py", ".toml")) -> ContentKey:
        """Adds the content of every source file below a folder."""
        wanted = tuple(suffixes)
        for path in sorted(p for p in folder.rglob("*") if p.suffix in wanted and p.is_file()):
            self.add(path.relative_to(folder).as_posix(), path.read_bytes())
        return self

    def hexdigest(self) -> str:
        """Returns the key, 64 hexadecimal digits."""
        return self._hash.hexdigest()


class ResultCache:
    """Named results, each a few files, least recently used ones dropped first.

    A cache never makes a job fail: what cannot be read is as good as absent, and what cannot be
    written is logged.

    Args:
        kind: Subfolder of the cache.
        folder: Cache folder; the user's when None.
        max_entries: Results kept.
        enabled: Whether anything is read or written.
    """

    def __init__(
        self, kind: str, *, folder: Path | None = None, max_entries: int = 16, enabled: bool = True
    ) -> None:
        self._folder = (folder or default_folder()) / kind
        self._max_entries = max_entries
        self._enabled = enabled

    def get(self, key: str) -> dict[str, bytes] | None:
        """Returns the files of a result, or None when it is absent or damaged.

        Args:
            key: Key of the result, see :class:`ContentKey`.
        """
        if not self._enabled:
            return None
        entry = self._folder / key
        try:
            files = {p.name: p.read_bytes() for p in sorted(entry.iterdir()) if p.is_file()}
            stated = files.pop(_DIGEST_FILE).decode("ascii")
            if stated != _digest(files):
                _log.info("cache entry %s is damaged and is not used", entry)
                return None
            os.utime(entry)
        except (OSError, KeyError, ValueError):
            return None
        return files

    def put(self, key: str, files: Mapping[str, bytes]) -> None:
        """Stores the files of a result and drops the oldest results beyond the limit.

        Args:
            key: Key of the result.
            files: File name to content.
        """
        if not self._enabled:
            return
        try:
            with atomic_dir(self._folder / key, replace=True) as temporary:
                for name, data in files.items():
                    (temporary / name).write_bytes(data)
                (temporary / _DIGEST_FILE).write_text(_digest(files), encoding="ascii")
            self._trim()
        except (OSError, ImseMcuError) as error:
            _log.info("cannot store a result in the cache: %s", error)

    def _trim(self) -> None:
        entries = sorted(
            (p for p in self._folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime
        )
        for entry in entries[: max(0, len(entries) - self._max_entries)]:
            shutil.rmtree(entry, ignore_errors=True)


def default_folder() -> Path:
    """Returns the user's cache folder of imse-mcu."""
    override = os.environ.get(FOLDER_VARIABLE)
    if override:
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_cache_dir("imse-mcu"))


def _digest(files: Mapping[str, bytes]) -> str:
    """Returns the checksum of named contents."""
    key = ContentKey("files")
    for name in sorted(files):
        key.add(name, files[name])
    return key.hexdigest()
