"""What an Ethos-U would need for the model: Arm's compiler ``vela`` compiles and estimates it."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.process import run

if TYPE_CHECKING:
    from targets.model import Npu

MISSING = "not estimated: vela is not installed (pip install 'imse-mcu[ethos-u]')"

_TIMEOUT_S = 600.0
_OPERATORS = re.compile(r"^(CPU|NPU) operators = (\d+)", re.MULTILINE)


class NpuError(ImseMcuError):
    """Vela refuses the model, or says something unexpected."""


def vela_is_installed() -> bool:
    """Whether the ``ethos-u-vela`` package is there."""
    return importlib.util.find_spec("ethosu") is not None


def estimate(tflite: bytes, npu: Npu, frames_per_second: float) -> dict[str, Any]:
    """Compiles a model for an Ethos-U and returns what vela estimates.

    Args:
        tflite: The integer model; one inference is one frame.
        npu: The accelerator and how its memories are to be modelled.
        frames_per_second: Frames per second of audio.

    Returns:
        ``accelerator``, ``cycles_per_frame``, ``real_time_factor``, ``operators_npu``,
        ``operators_cpu``, ``sram_bytes``, ``flash_bytes`` and ``method``; without vela
        ``accelerator`` and ``missing``, which says how to get it.

    Raises:
        NpuError: Vela refuses the model, or its summary lacks a figure.
    """
    if not vela_is_installed():
        return {"accelerator": npu.accelerator, "missing": MISSING}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(tflite)
        argv = [sys.executable, "-m", "ethosu.vela", str(folder / "model.tflite")]
        argv += ["--accelerator-config", npu.accelerator, "--system-config", npu.system_config]
        argv += ["--memory-mode", npu.memory_mode, "--config", "Arm/vela.ini"]
        argv += ["--output-dir", name]
        what = f"compile the model for {npu.accelerator}"
        printed = run(argv, what=what, timeout_s=_TIMEOUT_S).stdout
        summaries = sorted(folder.glob("*_summary_*.csv"))
        if len(summaries) != 1:
            raise NpuError(f"vela wrote {len(summaries)} summaries, expected one")
        with summaries[0].open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    return read_summary(rows[0] if rows else {}, printed, npu, frames_per_second)


def read_summary(
    summary: Mapping[str, str], printed: str, npu: Npu, frames_per_second: float
) -> dict[str, Any]:
    """Turns vela's summary into the report's figures.

    Args:
        summary: The row of ``*_summary_*.csv``.
        printed: What vela printed; it alone says how many operators run where.
        npu: What it was compiled for.
        frames_per_second: Frames per second of audio.

    Raises:
        NpuError: A figure is missing.
    """
    operators = {where: int(count) for where, count in _OPERATORS.findall(printed)}
    try:
        cycles = int(summary["cycles_total"])
        sram = float(summary["sram_memory_used"])
        flash = sum(
            float(summary[f"{where}_flash_memory_used"]) for where in ("on_chip", "off_chip")
        )
        on_npu, on_cpu = operators["NPU"], operators["CPU"]
    except (KeyError, ValueError) as error:
        raise NpuError(
            f"vela's summary has no usable {error}", hint="versions 4 and 5 of vela are known"
        ) from error
    return {
        "accelerator": npu.accelerator,
        "cycles_per_frame": cycles,
        "real_time_factor": round(cycles * frames_per_second / npu.clock_hz, 4),
        "operators_npu": on_npu,
        "operators_cpu": on_cpu,
        "sram_bytes": round(sram * 1024),
        "flash_bytes": round(flash * 1024),
        "method": f"estimate of vela for {npu.system_config}, {npu.memory_mode}, "
        f"at {npu.clock_hz / 1e6:g} MHz; operators on the processor are not in it",
    }
