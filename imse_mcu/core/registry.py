"""A lazy registry: names to objects that are imported when they are first asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from imse_mcu.core.errors import ImseMcuError

T = TypeVar("T")


class UnknownNameError(ImseMcuError):
    """A name that nothing is registered under.

    Attributes:
        name: The name that was asked for.
        matches: Known names that are close to it, best first.
    """

    exit_code = 2

    def __init__(self, kind: str, name: str, known: Iterable[str], *, listing: str = "") -> None:
        names = sorted(known)
        self.name = name
        self.matches = close_matches(name, names)
        if self.matches:
            hint = "did you mean " + " or ".join(self.matches) + "?"
        elif names:
            hint = f"known: {', '.join(names)}"
        else:
            hint = f"no {kind} is registered"
        if listing:
            hint += f" (see: {listing})"
        super().__init__(f"unknown {kind} {name!r}", hint=hint)


class DuplicateNameError(ImseMcuError):
    """Two things are registered under one name."""

    exit_code = 2


def close_matches(name: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """Returns the names that a user may have meant.

    Args:
        name: What was typed.
        known: Names that exist.
        limit: Largest number of names to return.

    Returns:
        Close names, best first; case is ignored and a shared prefix counts as close.
    """
    by_lower = {item.lower(): item for item in known}
    lower = name.lower()
    found = difflib.get_close_matches(lower, by_lower, n=limit, cutoff=0.6)
    if len(lower) >= 2:
        found += [item for item in sorted(by_lower) if item.startswith(lower) or lower in item]
    unique = dict.fromkeys(by_lower[item] for item in found)
    return tuple(unique)[:limit]


@dataclass(frozen=True)
class _Entry:
    """Where a registered object comes from."""

    source: str
    load: Callable[[], object]
    summary: str


class Registry(Generic[T]):
    """Names to objects, imported on first use.

    Args:
        kind: What the names stand for, in error messages ("runtime", "flash runner").
        listing: Command that lists the names, offered in the hint of an unknown name.
    """

    def __init__(self, kind: str, *, listing: str = "") -> None:
        self.kind = kind
        self._listing = listing
        self._entries: dict[str, _Entry] = {}
        self._aliases: dict[str, str] = {}
        self._loaded: dict[str, T] = {}

    def register(
        self, name: str, source: str, *, summary: str = "", aliases: Iterable[str] = ()
    ) -> None:
        """Registers an object that lies in a module.

        Args:
            name: Its name.
            source: ``package.module:attribute``; imported when it is first asked for.
            summary: One line for lists.
            aliases: Further names of the same object.

        Raises:
            DuplicateNameError: If the name or an alias is taken.
            ValueError: If ``source`` is not of the stated form.
        """
        module, colon, attribute = source.partition(":")
        if not (module and colon and attribute):
            raise ValueError(f"source must be 'package.module:attribute', got {source!r}")
        self._add(
            name,
            _Entry(source, lambda: getattr(importlib.import_module(module), attribute), summary),
            aliases,
        )

    def register_object(
        self, name: str, value: T, *, summary: str = "", aliases: Iterable[str] = ()
    ) -> None:
        """Registers an object that exists already.

        Raises:
            DuplicateNameError: If the name or an alias is taken.
        """
        self._add(name, _Entry(repr(value), lambda: value, summary), aliases)

    def _add(self, name: str, entry: _Entry, aliases: Iterable[str]) -> None:
        aliases = tuple(aliases)
        for item in (name, *aliases):
            if item in self._entries or item in self._aliases:
                owner = self._aliases.get(item, item)
                raise DuplicateNameError(
                    f"{self.kind} {item!r} is registered twice: "
                    f"{self._entries[owner].source} and {entry.source}",
                    hint="rename one of the two",
                )
        self._entries[name] = entry
        for alias in aliases:
            self._aliases[alias] = name

    def canonical(self, name: str) -> str:
        """Returns the registered name for a name or alias.

        Raises:
            UnknownNameError: If nothing is registered under it.
        """
        if name in self._entries:
            return name
        if name in self._aliases:
            return self._aliases[name]
        raise UnknownNameError(
            self.kind, name, [*self._entries, *self._aliases], listing=self._listing
        )

    def get(self, name: str) -> T:
        """Returns the object of a name or alias, importing it when needed.

        Raises:
            UnknownNameError: If nothing is registered under it.
        """
        key = self.canonical(name)
        if key not in self._loaded:
            self._loaded[key] = self._entries[key].load()  # type: ignore[assignment]
        return self._loaded[key]

    def summary(self, name: str) -> str:
        """Returns the one-line summary of a name or alias."""
        return self._entries[self.canonical(name)].summary

    def names(self) -> tuple[str, ...]:
        """Returns the registered names without aliases, sorted."""
        return tuple(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)
