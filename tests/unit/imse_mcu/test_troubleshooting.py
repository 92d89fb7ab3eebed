"""Every message in docs/troubleshooting.md is one that the code has."""

from __future__ import annotations

import ast
import builtins
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "troubleshooting.md"
PACKAGES = ("imse_mcu", "keras_imse", "quantize", "firmware_gen", "targets")


def text_of(node: ast.expr) -> str | None:
    """Text of a literal; what is filled in stands as an ellipsis."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
        return "".join(map(str, parts))
    return None


@cache
def messages() -> frozenset[str]:
    """Every text of the code that is no docstring, and every line of the CMake templates."""
    found: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            docstrings = {
                id(node.body[0].value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                and node.body
                and isinstance(node.body[0], ast.Expr)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.expr) and id(node) not in docstrings:
                    text = text_of(node)
                    if text:
                        found.add(text)
    for path in (ROOT / "firmware_gen").rglob("*.j2"):
        found.update(path.read_text("utf-8").splitlines())
    for path in (ROOT / "firmware_gen").rglob("*.cmake"):
        found.update(path.read_text("utf-8").splitlines())
    return frozenset(found)


def documented() -> list[str]:
    rows = [
        line.split("|")[1] for line in PAGE.read_text("utf-8").splitlines() if line[:3] == "| `"
    ]
    return [message for row in rows for message in re.findall("`([^`]+)`", row)]


def has(message: str) -> bool:
    """Whether the fixed parts of a message stand in one text of the code, in their order."""
    parts = [re.escape(part) for part in message.split("…") if part.strip()]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in messages())


@pytest.mark.parametrize("message", documented())
def test_message_is_one_of_the_code(message: str) -> None:
    assert has(message), f"no text of the code reads {message!r}"


def test_page_is_complete_enough_to_be_worth_reading() -> None:
    assert len(documented()) >= 80
    assert not has("the flux capacitor … is missing")


def error_classes() -> dict[str, tuple[Path, list[str]]]:
    """Error classes that code raises with a text, each with its texts."""
    raised: dict[str, tuple[Path, list[str]]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                    continue
                name = node.exc.func.id if isinstance(node.exc.func, ast.Name) else ""
                texts = [t for a in node.exc.args if (t := text_of(a))]
                if name.endswith("Error") and texts:
                    raised.setdefault(name, (path, []))[1].extend(texts)
    return raised


#: Errors that only code of one's own can meet, and one whose text is made by its class.
NOT_FOR_USERS = {"AudioError", "ProtocolError", "ConfigError", "ArenaError", "UnknownNameError"}


def test_every_kind_of_error_has_a_message_on_the_page() -> None:
    patterns = [
        re.compile(".*".join(re.escape(p) for p in m.split("…") if p.strip()), re.DOTALL)
        for m in documented()
    ]
    missing = {
        name: texts
        for name, (_, texts) in error_classes().items()
        if not hasattr(builtins, name)
        and name not in NOT_FOR_USERS
        and not any(p.search(text) for p in patterns for text in texts)
    }
    assert missing == {}
