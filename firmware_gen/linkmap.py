"""Which object file brought how much into an image, from the linker's map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

LINKER = "(linker: tables and padding)"
_START = "Linker script and memory map"
_OUTPUT = re.compile(r"(?P<name>[-.\w]+)(?:\s+0x[0-9a-f]+\s+(?P<size>0x[0-9a-f]+)\b.*)?$")
_SIZE = re.compile(r"\s+0x[0-9a-f]+\s+(?P<size>0x[0-9a-f]+)\b")
_INPUT = re.compile(
    r" (?P<section>[.\w]\S*)?\s+0x[0-9a-f]+\s+(?P<size>0x[0-9a-f]+) (?P<object>\S.*\.(?:o|obj)\)?)$"
)


@dataclass(frozen=True)
class ObjectSize:
    """What one object file takes.

    Attributes:
        name: Source path in the project, or ``archive(member)`` of a library.
        code_bytes: Flash but the weights.
        weights_bytes: Weights of the network in flash.
    """

    name: str
    code_bytes: int
    weights_bytes: int

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


def object_sizes(text: str, kinds: Mapping[str, str]) -> tuple[ObjectSize, ...]:
    """Read the flash that every object takes.

    Args:
        text: The linker's map.
        kinds: Output section in flash -> ``code`` or ``weights``; other sections do not count.

    Returns:
        Objects, largest first. Together they are the sections: what no object brought stands
        under :data:`LINKER`.
    """
    used: dict[str, dict[str, int]] = {}
    kind: str | None = None
    pending = False

    def add(name: str, size: int) -> None:
        if kind is not None and size:
            sizes = used.setdefault(name, {})
            sizes[kind] = sizes.get(kind, 0) + size

    for line in text.partition(_START)[2].splitlines():
        if not line[:1].isspace():
            found = _OUTPUT.match(line)
            kind = kinds.get(found["name"]) if found else None
            pending = kind is not None and found is not None and found["size"] is None
            if found and found["size"]:
                add(LINKER, int(found["size"], 16))
        elif pending:
            found = _SIZE.match(line)
            add(LINKER, int(found["size"], 16) if found else 0)
            pending = False
        elif kind is not None:
            found = _INPUT.match(line)
            if found:
                size = int(found["size"], 16)
                add(_object_name(found["object"]), size)
                add(LINKER, -size)
    rows = [
        ObjectSize(name, sizes.get("code", 0), sizes.get("weights", 0))
        for name, sizes in used.items()
    ]
    rows = [row for row in rows if row.code_bytes or row.weights_bytes]
    return tuple(sorted(rows, key=lambda r: (-r.code_bytes - r.weights_bytes, r.name)))


def _object_name(path: str) -> str:
    """An object's name without folders of this machine."""
    inside = path.partition(".dir/")[2]
    if inside:
        return re.sub(r"\.(?:o|obj)$", "", inside)
    return PurePosixPath(path).name
