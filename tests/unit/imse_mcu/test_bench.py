"""The table that make bench prints."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

BENCH = Path(__file__).parents[3] / "scripts" / "bench.py"


def test_figures_of_a_build_and_its_run(tmp_path: Path) -> None:
    report = {
        "macs_per_frame": 1_000_000,
        "flash_bytes": {"code": 24_000, "weights": 100_000},
        "ram_bytes": {"arena": 1040, "state": 2000, "total": 9000},
        "arena": {"size_bytes": 1040, "lower_bound_bytes": 1000},
        "real_time_factor": 0.25,
    }
    run = {
        "network_per_frame": {"mean": 2_000_000.4},
        "frame_per_frame": {"mean": 2_100_000.0},
        "peak_stack_bytes": 300,
        "bit_exact": True,
    }
    region = {"name": "DTCM", "used_bytes": 3040, "parts": {"state": 2000, "arena": 1040}}
    record = {"regions": [region, {"name": "SRAM1", "used_bytes": 0, "parts": {}}]}
    for name, data in (("report", report), ("build", record), ("run", run)):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    rows = dict(runpy.run_path(str(BENCH))["figures"](tmp_path))
    assert rows["network, instructions per frame"] == "2,000,000"
    assert rows["analysis and synthesis / network"] == "5.0 %"
    assert rows["arena, state and stack used"] == "3,340"
    assert rows["arena / that"] == "1.040"
    assert rows["every frame as the TFLM interpreter"] == "yes"
    assert rows["DTCM"] == "state 2,000, arena 1,040"
    assert "SRAM1" not in rows
