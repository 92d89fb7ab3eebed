"""Ethos-U: what vela says becomes figures of the report; without vela the report says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from imse_mcu import npu
from imse_mcu.npu import MISSING, NpuError, estimate, read_summary, vela_is_installed
from targets.loader import load_target

E7 = load_target("alif_e7").mcu.npu
PRINTED = "Network summary for model\n\nCPU operators = 2 (0.9%)\nNPU operators = 231 (99.1%)\n"
SUMMARY = {
    "cycles_total": "423786",
    "sram_memory_used": "133.625",
    "on_chip_flash_memory_used": "0.0",
    "off_chip_flash_memory_used": "68.109375",
}


def test_summary_becomes_figures() -> None:
    assert E7 is not None
    found = read_summary(SUMMARY, PRINTED, E7, 62.5)
    assert found["cycles_per_frame"] == 423_786
    assert found["real_time_factor"] == pytest.approx(423_786 * 62.5 / 400e6, abs=1e-4)
    assert (found["operators_npu"], found["operators_cpu"]) == (231, 2)
    assert (found["sram_bytes"], found["flash_bytes"]) == (136_832, 69_744)
    assert "estimate of vela" in found["method"]


@pytest.mark.parametrize("key", SUMMARY)
def test_missing_figure_is_an_error(key: str) -> None:
    assert E7 is not None
    summary = {name: value for name, value in SUMMARY.items() if name != key}
    with pytest.raises(NpuError, match=key):
        read_summary(summary, PRINTED, E7, 62.5)
    with pytest.raises(NpuError, match="NPU"):
        read_summary(SUMMARY, "nothing", E7, 62.5)


def test_without_vela_the_report_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert E7 is not None
    monkeypatch.setattr(npu, "vela_is_installed", lambda: False)
    assert estimate(b"", E7, 62.5) == {"accelerator": "ethos-u55-256", "missing": MISSING}


def test_a_model_through_vela(tmp_path: Path) -> None:
    if not vela_is_installed():
        pytest.skip("ethos-u-vela is not installed (pip install 'imse-mcu[ethos-u]')")
    assert E7 is not None
    from imse_mcu.core.process import ProcessError

    with pytest.raises(ProcessError):
        estimate(b"no model", E7, 62.5)
