"""The import rules of the packages, checked by reading every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("imse_mcu", "keras_imse", "quantize", "firmware_gen", "targets")

#: package -> modules of sibling packages that it may import (a prefix allows what is below it).
ALLOWED = {
    "keras_imse": ("imse_mcu.core",),
    "targets": ("imse_mcu.core",),
    "quantize": (
        "imse_mcu.core",
        "keras_imse.config",
        "keras_imse.audio",
        "keras_imse.enhance_imse",
    ),
    "firmware_gen": ("imse_mcu.core", "quantize.artifact", "quantize.inspect", "targets.model"),
    "imse_mcu": PACKAGES,
    "imse_mcu.core": ("imse_mcu.core",),
}

TENSORFLOW = ("tensorflow", "tf_keras", "keras")
TENSORFLOW_HOMES = (
    "keras_imse.layers",
    "keras_imse.models",
    "keras_imse.train",
    "keras_imse.weights",
    "quantize.schemes",
    "quantize.calibration",
    "quantize.convert",
    "quantize.accuracy",
)


def within(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == p or module.startswith(p + ".") for p in prefixes)


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            yield ".".join(parts), path


def imports_of(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """Yields (line, imported module) of a file, wherever in it the import stands."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def rule_of(module: str) -> tuple[str, tuple[str, ...]]:
    owner = "imse_mcu.core" if within(module, ("imse_mcu.core",)) else module.partition(".")[0]
    return owner, ALLOWED[owner]


def test_packages_import_only_what_they_may(repository: Path) -> None:
    wrong = []
    for module, path in modules(repository):
        owner, allowed = rule_of(module)
        own = owner if owner == "imse_mcu.core" else module.partition(".")[0]
        for line, imported in imports_of(module, path):
            if imported.partition(".")[0] not in PACKAGES or within(imported, (own,)):
                continue
            if not within(imported, allowed):
                wrong.append(f"{path.relative_to(repository)}:{line} imports {imported}")
    assert wrong == []


def test_tensorflow_is_imported_only_at_home(repository: Path) -> None:
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {imported}"
        for module, path in modules(repository)
        for line, imported in imports_of(module, path)
        if within(imported, TENSORFLOW) and not within(module, TENSORFLOW_HOMES)
    ]
    assert wrong == []


def test_programs_are_started_only_by_core_process(repository: Path) -> None:
    starters = ("subprocess", "os.system", "os.popen", "os.execv", "pty.spawn")
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {imported}"
        for module, path in modules(repository)
        for line, imported in imports_of(module, path)
        if within(imported, starters) and module != "imse_mcu.core.process"
    ]
    assert wrong == []


def test_rules_find_a_breach(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    bad = tmp_path / "targets" / "bad.py"
    bad.write_text("def f():\n    from quantize import artifact\n    import tensorflow as tf\n")
    with pytest.raises(AssertionError, match="imports quantize.artifact"):
        test_packages_import_only_what_they_may(tmp_path)
    with pytest.raises(AssertionError, match="imports tensorflow"):
        test_tensorflow_is_imported_only_at_home(tmp_path)


def loaded_after(code: str) -> set[str]:
    """Returns the top-level modules that a fresh interpreter has after some code."""
    listing = "print('\\n'.join(sorted({m.split('.')[0] for m in sys.modules})))"
    probe = f"import sys\n{code}\n{listing}"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


HEAVY = {"tensorflow", "tf_keras", "keras", "scipy", "numba", "librosa", "unicorn"}


def test_command_line_starts_without_heavy_modules() -> None:
    code = (
        "from imse_mcu.cli.main import COMMANDS, cli\n"
        "for name in COMMANDS: cli.get_command(None, name)\n"
    )
    assert loaded_after(code) & (HEAVY | {"numpy"}) == set()


@pytest.mark.parametrize("module", ["quantize.artifact", "quantize.inspect", "targets.loader"])
def test_data_modules_do_not_load_tensorflow(module: str) -> None:
    assert loaded_after(f"import {module}") & {"tensorflow", "tf_keras", "keras"} == set()
