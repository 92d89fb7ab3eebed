"""The documents say what the code does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from imse_mcu.cli.main import COMMANDS


def documents(repository: Path) -> list[Path]:
    return [
        repository / "README.md",
        repository / "CHANGELOG.md",
        *sorted((repository / "docs").rglob("*.md")),
        *sorted((repository / "examples").rglob("*.md")),
    ]


def test_command_reference_is_current(repository: Path) -> None:
    script = runpy.run_path(str(repository / "scripts" / "cli_docs.py"))
    expected = script["command_reference"]()
    found = (repository / "docs" / "cli.md").read_text("utf-8")
    assert found == expected, "run: .venv/bin/python scripts/cli_docs.py > docs/cli.md"


def test_links_between_documents_lead_somewhere(repository: Path) -> None:
    broken = [
        f"{path.relative_to(repository)}: {target}"
        for path in documents(repository)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_commands_in_documents_exist(repository: Path) -> None:
    usage = re.compile(r"^(?:\.venv/bin/)?imse-mcu ([a-z-]+)", re.MULTILINE)
    wrong = [
        f"{path.relative_to(repository)}: imse-mcu {name}"
        for path in documents(repository)
        for name in usage.findall(path.read_text("utf-8"))
        if name not in COMMANDS
    ]
    assert wrong == []


@pytest.mark.parametrize("target", ["firmware", "test", "bench", "clean"])
def test_make_targets(repository: Path, target: str) -> None:
    assert re.search(rf"^{target}:.* ## ", (repository / "Makefile").read_text("utf-8"), re.M)


def test_versions_in_constraints_satisfy_the_project(repository: Path) -> None:
    import tomllib

    from packaging.requirements import Requirement

    pinned = {}
    for line in (repository / "constraints.txt").read_text("utf-8").splitlines():
        name, separator, version = line.partition("==")
        if separator and not line.startswith("#"):
            pinned[name.lower().replace("_", "-")] = version
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for text in wanted:
        requirement = Requirement(text)
        version = pinned[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(version, prereleases=True), text


def test_every_board_is_on_one_page_with_its_pins_and_flash_tools(repository: Path) -> None:
    from targets.loader import list_targets
    from targets.runners import RUNNERS

    titles = {
        "jlink": "J-Link",
        "openocd": "OpenOCD",
        "pyocd": "pyOCD",
        "stlink": "stlink",
        "stm32cubeprogrammer": "STM32CubeProgrammer",
    }
    pages = [path.read_text("utf-8") for path in (repository / "docs" / "targets").glob("*.md")]
    rows = [line for page in pages for line in page.splitlines() if line.startswith("| ")]
    for target in list_targets():
        (row,) = [line for line in rows if f"(`{target.name}`)" in line]
        uart = target.board.uart
        expected = {uart.peripheral, uart.tx_pin, uart.rx_pin} - {None}
        expected |= {f"`{alias}`" for alias in target.aliases}
        expected |= {
            title for name, title in titles.items() if not RUNNERS.get(name)().unsupported(target)
        }
        assert [word for word in expected if word not in row] == [], target.name
        unable = {
            title for name, title in titles.items() if RUNNERS.get(name)().unsupported(target)
        }
        assert [title for title in unable if title in row.split("|")[-2]] == [], target.name


def test_pairs_behind_the_scores_are_named(repository: Path) -> None:
    names = (repository / "docs" / "pairs26.txt").read_text("utf-8").split()
    assert len(set(names)) == len(names) == 26
    assert all(re.fullmatch(r"p(232|257)_\d{3}", name) for name in names)
    for page in ("README.md", "docs/experiments.md", "docs/quantization.md"):
        assert "pairs26.txt" in (repository / page).read_text("utf-8"), page
