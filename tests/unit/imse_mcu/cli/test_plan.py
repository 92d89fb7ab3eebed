"""What ``imse-mcu plan`` prints: who runs where, and where the figures come from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imse_mcu import planning
from imse_mcu.cli.main import main
from imse_mcu.cycles import CycleEstimate
from imse_mcu.planning import Plan

Capture = pytest.CaptureFixture[str]


def plan(model: str, target: str, factor: float, **changes: Any) -> Plan:
    figures = {
        "model": model,
        "target": target,
        "title": target.upper(),
        "macs_per_frame": 1_000_000,
        "flash_bytes": 200_000,
        "ram_bytes": 100_000,
        "flash_available": 2_000_000,
        "ram_available": 500_000,
        "cycles": CycleEstimate(2_000_000, "model: 1000000 MAC per frame at 0.5 MAC per cycle (x)"),
        "real_time_factor": factor,
        "problem": "",
        "buildable": True,
    }
    return Plan(**{**figures, **changes})


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    made: list[Plan] = []
    monkeypatch.setattr(planning, "plan_models", lambda *arguments: made)
    return made


def test_overview_of_models_and_targets(plans: list[Plan], capsys: Capture) -> None:
    plans += [
        plan("big", "fast", 0.43),
        plan("big", "slow", 2.6),
        plan("small", "fast", 0.2),
        plan("small", "slow", 1.3, problem="no room", flash_bytes=None, ram_bytes=None),
    ]
    assert main(["plan", "--target", "stm32h7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["target", "big", "small"]
    assert lines[2].split("  ")[0] == "fast"
    assert "real time, 43 %" in lines[2]
    assert "real time, 20 %" in lines[2]
    assert "2.6x too slow" in lines[3]
    assert "does not fit" in lines[3]


def test_targets_with_one_source_are_named_together(plans: list[Plan], capsys: Capture) -> None:
    other = CycleEstimate(3, "model: 7 MAC per frame at 1.2 MAC per cycle (y)")
    plans += [plan("m", "a", 0.4), plan("m", "b", 0.5), plan("m", "c", 0.6, cycles=other)]
    assert main(["plan", "--model", "imse-stream"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("model ")
    assert "  a, b: 0.5 MAC per cycle (x)\n" in text
    assert "  c: 1.2 MAC per cycle (y)\n" in text


def test_json_has_every_pair(plans: list[Plan], capsys: Capture) -> None:
    plans += [plan("m", "a", 0.4), plan("m", "b", 1.5)]
    assert main(["plan", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(d["target"], d["fits"], d["real_time_factor"]) for d in data] == [
        ("a", True, 0.4),
        ("b", True, 1.5),
    ]
    assert data[1]["verdict"] == "fits, 1.5 times too slow for real time"
