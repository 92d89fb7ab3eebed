"""Typed reading of a TOML table: every mistake becomes one line with file, key and expectation."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from targets.errors import TargetFileError

T = TypeVar("T")


class Table:
    """One TOML table that knows where it came from and which keys were asked for.

    Args:
        file: Name of the file for error messages.
        data: The parsed table.
        where: Dotted path of this table inside the file, empty for the root.
    """

    def __init__(self, file: str, data: dict[str, Any], where: str = "") -> None:
        self._file = file
        self._data = data
        self._where = where
        self._known: set[str] = set()

    @classmethod
    def read(cls, path: Path) -> Table:
        """Parse a file.

        Raises:
            TargetFileError: The file is missing, unreadable or not TOML.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise TargetFileError(
                f"{path.name}: cannot read the target file: {reason}",
                hint=f"{path} is looked for here; imse-mcu targets lists those that ship",
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise TargetFileError(f"{path.name}: not valid TOML: {error}") from error
        return cls(path.name, data)

    def path(self, key: str) -> str:
        """Dotted path of a key."""
        return f"{self._where}.{key}" if self._where else key

    def fail(self, key: str, expected: str) -> TargetFileError:
        """Build the error for a key, to be raised by the caller."""
        found = repr(self._data[key]) if key in self._data else "nothing"
        return TargetFileError(
            f"{self._file}: {self.path(key)}: expected {expected}, found {found}"
        )

    def has(self, key: str) -> bool:
        """Whether the key is present; marks it as known."""
        self._known.add(key)
        return key in self._data

    def _get(self, key: str, check: Callable[[Any], bool], expected: str) -> Any:
        self._known.add(key)
        if key not in self._data or not check(self._data[key]):
            raise self.fail(key, expected)
        return self._data[key]

    def string(self, key: str, choices: Collection[str] = ()) -> str:
        """A non-empty string, one of ``choices`` if given."""
        expected = f"one of {', '.join(choices)}" if choices else "a non-empty string"
        value: str = self._get(
            key,
            lambda v: isinstance(v, str) and v.strip() != "" and (not choices or v in choices),
            expected,
        )
        return value

    def optional_string(self, key: str) -> str | None:
        """A non-empty string, or ``None`` if the key is absent."""
        return self.string(key) if self.has(key) else None

    def strings(self, key: str, choices: Collection[str] = ()) -> tuple[str, ...]:
        """A list of distinct strings, each one of ``choices`` if given."""
        expected = "a list of distinct strings"
        if choices:
            expected += f" out of {', '.join(choices)}"

        def check(value: Any) -> bool:
            if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
                return False
            distinct = len(set(value)) == len(value)
            return distinct and (not choices or all(v in choices for v in value))

        return tuple(self._get(key, check, expected))

    def integer(self, key: str, minimum: int = 0, maximum: int = 0xFFFFFFFF) -> int:
        """An integer within limits."""
        value: int = self._get(
            key,
            lambda v: isinstance(v, int) and not isinstance(v, bool) and minimum <= v <= maximum,
            f"an integer from {minimum} to {maximum}",
        )
        return value

    def optional_integer(self, key: str, minimum: int = 0) -> int | None:
        """An integer of at least ``minimum``, or ``None`` if the key is absent."""
        return self.integer(key, minimum) if self.has(key) else None

    def number(self, key: str, above: float, maximum: float) -> float:
        """A number in (above, maximum]."""
        value = self._get(
            key,
            lambda v: (
                isinstance(v, int | float) and not isinstance(v, bool) and above < v <= maximum
            ),
            f"a number above {above:g}, at most {maximum:g}",
        )
        return float(value)

    def boolean(self, key: str) -> bool:
        """True or false."""
        value: bool = self._get(key, lambda v: isinstance(v, bool), "true or false")
        return value

    def table(self, key: str) -> Table:
        """A sub-table."""
        data = self._get(key, lambda v: isinstance(v, dict), "a table")
        return Table(self._file, data, self.path(key))

    def tables(self, key: str) -> list[Table]:
        """A non-empty array of tables."""
        data = self._get(
            key,
            lambda v: isinstance(v, list) and len(v) > 0 and all(isinstance(i, dict) for i in v),
            "at least one table",
        )
        return [
            Table(self._file, item, f"{self.path(key)}[{index}]") for index, item in enumerate(data)
        ]

    def sources(self, key: str, required: Collection[str]) -> dict[str, str]:
        """The table of sources: one non-empty string for each required key, no others."""
        table = self.table(key)
        found = {name: table.string(name) for name in required}
        table.finish()
        return found

    def finish(self) -> None:
        """Check that no key is left over.

        Raises:
            TargetFileError: The table has a key nobody asked for.
        """
        for key in self._data:
            if key not in self._known:
                raise TargetFileError(
                    f"{self._file}: {self.path(key)}: unknown key, "
                    f"expected only {', '.join(sorted(self._known))}"
                )
