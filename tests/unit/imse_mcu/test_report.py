"""The page, the cycle model, the comparison of builds, and reading a build folder."""

from __future__ import annotations

import base64
import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imse_mcu.buildfolder import BuildFolder, BuildFolderError
from imse_mcu.cycles import from_instructions, from_macs
from imse_mcu.profiling import Change, compare_builds, describe, profile_of
from imse_mcu.report.figures import audio_uri, spectrogram_uri
from imse_mcu.report.page import Clip, render_page
from imse_mcu.running import MeasuredCycles, Spread
from targets.loader import load_target


@pytest.fixture
def record() -> dict[str, Any]:
    report = {
        "model": "net <b>",
        "target": "stm32h7",
        "runtime": "aot",
        "quant": "int8",
        "macs_per_frame": 1000,
        "hop_samples": 256,
        "frames_per_second": 62.5,
        "flash_bytes": {"code": 10, "weights": 20, "total": 30},
        "ram_bytes": {"arena": 1, "state": 2, "stack": 3, "buffers": 4, "total": 12},
        "instructions_per_frame": 5000,
        "cycles_per_frame": {"value": 5000, "method": "model: counted"},
        "real_time_factor": 0.5,
        "algorithmic_latency_ms": 32.0,
        "bit_exact": True,
        "int8_vs_float": {
            "recording": "clip",
            "frames": 3,
            "mask_sqnr_db": 30.0,
            "phase_sqnr_db": 31.0,
            "audio_snr_db": 32.0,
        },
        "tool_versions": {"cmake": "3.25"},
    }
    layer = {
        "index": 0,
        "kind": "CONV_2D",
        "output": "net_frame/step/a/conv;x",
        "shape": [1, 1, 4, 8],
        "dtype": "int8",
        "macs": 1000,
        "weight_bytes": 20,
        "sqnr_db": 12.0,
        "saturated": 0.01,
    }
    return {
        "format": 1,
        "target": "nucleo_h743zi2",
        "target_title": "ST NUCLEO",
        "core": "cortex-m7",
        "clock_hz": 480_000_000,
        "model_digest": "ab" * 32,
        "project_digest": "cd" * 32,
        "report": report,
        "artifacts": {"elf": {"path": "build/x.elf", "sha256": "ef" * 32, "bytes": 9}},
        "regions": [
            {"name": "FLASH", "kind": "flash", "size_bytes": 100, "used_bytes": 30, "parts": {}},
            {
                "name": "DTCM",
                "kind": "ram",
                "size_bytes": 50,
                "used_bytes": 12,
                "parts": {"state": 12},
            },
        ],
        "runtime_report": {
            "buffers": [
                {"name": "a", "offset": 0, "size_bytes": 8, "first": 0, "last": 3},
                {"name": "b", "offset": 8, "size_bytes": 8, "first": 1, "last": 1},
            ],
            "arena_lower_bound_bytes": 16,
        },
        "layers": [layer],
        "functions": [{"name": "imse_conv_s8", "instructions": 4000.0}],
        "peak_stack_bytes": 304,
        "proof": None,
        "commands": ["imse-mcu build"],
    }


RUN = {
    "frames": 7,
    "place": "unicorn",
    "bit_exact": False,
    "mismatching_frames": 2,
    "first_mismatch": 4,
    "audio_snr_db": 98.7,
    "differing_samples": 0,
    "clock_hz": 480_000_000,
    "measured": MeasuredCycles(Spread(1, 1_920_000.4, 2_880_000), 7, 62.5, 480_000_000).to_json(),
}


class Balanced(HTMLParser):
    """Fails on tags that are not closed in order."""

    VOID = frozenset({"meta", "img", "br", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [v or "" for n, v in attributes if n in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_page_before_a_run(record: dict[str, Any]) -> None:
    page = render_page(record)
    assert parsed(page).links == []
    assert "net &lt;b&gt;" in page
    assert "bit-exact" in page
    assert "<h2>Listen" not in page
    assert page.count("<rect ") == 2
    assert "24.00" in page


def test_page_after_a_run_has_players_and_says_what_differs(record: dict[str, Any]) -> None:
    tone = (8000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    page = render_page(record, run=RUN, clips=[Clip("noisy", tone), Clip("image", tone)])
    links = parsed(page).links
    assert [link.partition(";")[0] for link in links] == 2 * ["data:audio/wav", "data:image/png"]
    assert "2 frames differ" in page
    text = " ".join(page.split())
    assert "the board&#39;s cycle counter, mean of 7 frames, largest 2880000" in text
    assert "<b>0.25</b> <span>real-time factor, measured on the board" in text
    assert "the same at 480 MHz; worst frame 0.375" in text
    assert "by the cycle model" not in text


def test_page_after_a_run_on_an_emulator_measures_no_cycles(record: dict[str, Any]) -> None:
    page = render_page(record, run={**RUN, "measured": None})
    parsed(page)
    assert "by the cycle model" in page
    assert "measured" not in page


def test_page_without_an_image(record: dict[str, Any]) -> None:
    bare = copy.deepcopy(record)
    bare["report"].update(bit_exact=None, instructions_per_frame=None)
    bare["report"]["flash_bytes"] = dict.fromkeys(bare["report"]["flash_bytes"])
    bare["report"]["ram_bytes"] = dict.fromkeys(bare["report"]["ram_bytes"])
    bare.update(artifacts={}, functions=[], peak_stack_bytes=None, runtime_report={})
    page = render_page(bare)
    parsed(page)
    assert "not run" in page
    assert "no run on an emulator" in page


def test_page_is_deterministic(record: dict[str, Any]) -> None:
    clip = Clip("x", np.arange(4000, dtype=np.int16))
    assert render_page(record, clips=[clip]) == render_page(record, clips=[clip])


def test_pictures_and_players() -> None:
    pcm = np.arange(16000, dtype=np.int16)
    picture = base64.b64decode(spectrogram_uri(pcm).partition(",")[2])
    assert picture.startswith(b"\x89PNG")
    assert spectrogram_uri(pcm) == spectrogram_uri(pcm)
    assert base64.b64decode(audio_uri(pcm).partition(",")[2]).startswith(b"RIFF")
    long = np.zeros(40 * 16000, np.int16)
    assert len(base64.b64decode(audio_uri(long).partition(",")[2])) == 44 + 2 * 30 * 16000


def test_cycle_models_name_their_source() -> None:
    mcu = load_target("stm32h7").mcu
    planned = from_macs(1_000_000, mcu)
    assert planned.value == round(1_000_000 / mcu.macs_per_cycle.value)
    assert mcu.macs_per_cycle.source in planned.method
    counted = from_instructions(4_800_000, 1_000_000, mcu)
    assert counted.method.startswith("model: ")
    assert counted.real_time_factor(62.5, 480_000_000) == pytest.approx(
        counted.value * 62.5 / 480e6
    )


def test_core_without_a_figure_falls_back_to_macs() -> None:
    mcu = load_target("mps3_an547").mcu
    assert from_instructions(5e6, 1_000_000, mcu) == from_macs(1_000_000, mcu)


def write(folder: Path, record: dict[str, Any]) -> BuildFolder:
    folder.mkdir(parents=True)
    (folder / "build.json").write_text(json.dumps(record))
    return BuildFolder.open(folder)


def test_changes_between_builds(tmp_path: Path, record: dict[str, Any]) -> None:
    later = copy.deepcopy(record)
    later["report"]["instructions_per_frame"] = 5500
    later["report"]["ram_bytes"]["total"] = None
    changes = compare_builds(write(tmp_path / "a", record), write(tmp_path / "b", later))
    by_name = {change.name: change for change in changes}
    assert by_name["instructions_per_frame"].percent == pytest.approx(10)
    assert by_name["flash_bytes.total"].percent == 0
    assert "ram_bytes.total" not in by_name
    assert "(+10.00 %)" in by_name["instructions_per_frame"].describe()
    assert Change("x", 0, 5).percent == 100


def test_profile_text(tmp_path: Path, record: dict[str, Any]) -> None:
    text = describe(profile_of(write(tmp_path / "a", record)))
    assert "imse_conv_s8" in text
    assert "80.0 %" in text
    assert "a/conv" in text
    assert re.search(r"DTCM +50 B +12 B +24.0 %", text)
    record["report"]["instructions_per_frame"] = None
    assert "no instructions are known" in describe(profile_of(write(tmp_path / "b", record)))


def test_build_folder_without_an_image(tmp_path: Path, record: dict[str, Any]) -> None:
    folder = write(tmp_path / "a", record)
    assert folder.target().name == "nucleo_h743zi2"
    with pytest.raises(BuildFolderError, match=r"no compiled image imse-firmware\.elf"):
        folder.artifact("elf")
