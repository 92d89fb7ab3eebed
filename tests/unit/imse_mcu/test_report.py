"""The page, the cycle model, the comparison of builds, and reading a build folder."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imse_mcu.buildfolder import BuildFolder, BuildFolderError
from imse_mcu.cycles import from_instructions, from_macs
from imse_mcu.profiling import (
    Change,
    changed_layers,
    compare_builds,
    describe,
    layers_of,
    moved_bytes,
    profile_of,
)
from imse_mcu.report import charts
from imse_mcu.report.clips import Clip, flac_bytes, levels, player_of, spectrogram
from imse_mcu.report.page import render_page
from imse_mcu.running import MeasuredCycles, Spread
from targets.loader import load_target
from targets.protocol import AudioState, AudioStatus


def aot_layer(function: str, origin: str, macs: int) -> dict[str, Any]:
    return {
        "function": function,
        "origin": origin,
        "shapes": "1x4 -> 1x4",
        "macs": macs,
        "read_bytes": 4,
        "written_bytes": 5,
        "constant_bytes": 6,
    }


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
            "arena_bytes": 24,
            "arena_lower_bound_bytes": 16,
            "steps": 4,
            "layers": [
                aot_layer("layer_000_conv", "CONV_2D 'a'", 800),
                aot_layer("layer_002_add", "ADD 'b'", 0),
            ],
        },
        "objects": [
            {"name": "model/network_aot.c", "code_bytes": 8, "weights_bytes": 20},
            {"name": "libc_nano.a(lib_a-memcpy.o)", "code_bytes": 2, "weights_bytes": 0},
        ],
        "layers": [layer],
        "functions": [{"name": "imse_conv_s8", "instructions": 4000.0}],
        "peak_stack_bytes": 304,
        "proof": {
            "counts": "instructions",
            "frames": 126,
            "frame_per_frame": {"min": 5000, "mean": 5000.0, "max": 5001},
            "network_per_frame": {"min": 4500, "mean": 4500.0, "max": 4500},
            "layers_per_frame": {
                "imse_frontend_analyze": 300.0,
                "imse_frontend_synthesize": 200.0,
                "layer_000_conv": 1000.0,
                "layer_002_add": 3500.0,
            },
        },
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
    "audio_stream": AudioStatus(AudioState.RUNNING, 900, 1, 2, 3).to_json(),
}


class Balanced(HTMLParser):
    """Fails on tags that are not closed in order."""

    VOID = frozenset({"meta", "link", "img", "br", "rect", "line", "circle"})

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


def section(page: str, name: str) -> str:
    start = page.index(f'<section id="{name}">')
    return page[start : page.index("</section>", start)]


def words(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page).split())


def test_page_before_a_run(record: dict[str, Any]) -> None:
    page = render_page(record)
    links = parsed(page).links
    anchors = [link.removeprefix("#") for link in links if link.startswith("#")]
    assert anchors == ["summary", "speed", "memory", "accuracy", "versions"]
    assert [link for link in links if not link.startswith("#")] == ["data:,"]
    assert all(f'<section id="{anchor}">' in page for anchor in anchors)
    assert "net &lt;b&gt;" in page
    assert "bit-exact" in section(page, "summary")
    assert page.count('class="box"') == 2
    assert "<script>" not in page
    assert "24.00" in section(page, "memory")


def test_page_may_load_nothing_from_outside(record: dict[str, Any]) -> None:
    page = render_page(record)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert "http" not in policy[1]
    assert "url(" not in page
    assert "@import" not in page


def test_page_after_a_run_has_players_and_says_what_differs(record: dict[str, Any]) -> None:
    tone = (8000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    page = render_page(record, run=RUN, clips=[Clip("Noisy", "a.wav", tone), Clip("X", "", tone)])
    links = [link for link in parsed(page).links if not link.startswith("#")][1:]
    assert [link.partition(";")[0] for link in links] == 2 * ["data:audio/flac", "data:image/png"]
    assert "2 frames differ" in words(page)
    text = words(page)
    assert "the board&#39;s cycle counter, mean of 7 frames, largest 2880000" in text
    assert "0.25 real-time factor, measured on the board" in text
    assert "the same at 480 MHz; worst frame 0.375" in text
    assert "real-time factor, by the cycle model" not in text
    assert "38 % of its time at 480 MHz, worst frame, measured on the board" in text
    assert "Scores need the clean recording" in text
    assert (
        "microphone to DAC 900 hops recorded before the last run, 2 not processed in time, 3"
        in text
    )
    failed = {**RUN, "audio_stream": AudioStatus(AudioState.FAILED).to_json()}
    assert "the stream did not start" in words(render_page(record, run=failed))


def test_page_shows_scores_where_a_clean_recording_is_known(record: dict[str, Any]) -> None:
    tone = (8000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    scores = {"pesq_wb": 2.345, "stoi": 0.91234, "si_sdr_db": -1.26}
    clips = [Clip("Noisy", "a.wav", tone, scores), Clip("Clean", "b.wav", tone)]
    text = words(section(render_page(record, run=RUN, clips=clips), "listen"))
    assert "Noisy 2.35 0.912 \N{MINUS SIGN}1.3" in text
    assert "Scores need" not in text


def test_page_says_how_much_of_a_long_recording_it_holds(record: dict[str, Any]) -> None:
    long = np.ones(25 * 16000, np.int16)
    page = render_page(record, run=RUN, clips=[Clip("Noisy", "a.wav", long)])
    assert "The first 20 s of 25.0 s" in words(page)


def test_page_after_a_run_on_an_emulator_measures_no_cycles(record: dict[str, Any]) -> None:
    page = words(render_page(record, run={**RUN, "measured": None, "audio_stream": None}))
    assert "microphone to DAC" not in page
    assert "real-time factor, by the cycle model" in page
    assert "measured on the board" not in page


def test_page_without_an_image(record: dict[str, Any]) -> None:
    bare = copy.deepcopy(record)
    bare["report"].update(bit_exact=None, instructions_per_frame=None)
    bare["report"]["flash_bytes"] = dict.fromkeys(bare["report"]["flash_bytes"])
    bare["report"]["ram_bytes"] = dict.fromkeys(bare["report"]["ram_bytes"])
    bare.update(artifacts={}, functions=[], objects=[], peak_stack_bytes=None)
    bare.update(runtime_report={}, proof=None)
    page = render_page(bare)
    parsed(page)
    assert "not run" in section(page, "summary")
    assert "by the memory plan (not compiled)" in section(page, "summary")
    assert "no run on an emulator" in section(page, "speed")


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"bit_exact": False}, "no", "The image differs from the TFLM interpreter."),
        ({"bit_exact": None}, "care", "The image was not run"),
        ({"real_time_factor": 16.4}, "no", "Not real time: 16.4 times too slow at 480 MHz"),
        ({"real_time_factor": 0.5}, "note", "Real time: a frame takes 50 % of its time"),
    ],
)
def test_summary_says_what_is_wrong(
    record: dict[str, Any], change: dict[str, Any], kind: str, text: str
) -> None:
    record["report"].update(change)
    summary = section(render_page(record), "summary")
    assert f'<li class="{kind}">{text}' in summary


def test_summary_of_a_model_that_works_on_segments(record: dict[str, Any]) -> None:
    record["report"].update(segment_frames=16, algorithmic_latency_ms=95.0)
    summary = words(section(render_page(record), "summary"))
    assert "whole segments of 16 frames (0.10 s): for clips, not for live sound" in summary
    assert "algorithmic latency: one segment" in summary
    record["report"].update(segment_frames=None)
    assert "segment" not in section(render_page(record), "summary")


def test_page_has_the_estimate_for_an_npu(record: dict[str, Any]) -> None:
    record["report"]["ethos_u"] = {"accelerator": "ethos-u55-256", "missing": "no vela"}
    assert "ethos-u55-256 – no vela" in words(section(render_page(record), "speed"))
    record["report"]["ethos_u"] = {
        "accelerator": "ethos-u55-256",
        "cycles_per_frame": 123456,
        "real_time_factor": 0.0193,
        "operators_npu": 240,
        "operators_cpu": 12,
        "sram_bytes": 2048,
        "flash_bytes": 4096,
        "method": "estimate of vela",
    }
    text = words(section(render_page(record), "speed"))
    assert "ethos-u55-256, real-time factor 0.019 123" in text
    assert "240 operators on the NPU, 12 left to the processor" in text


def test_summary_warns_of_a_full_region(record: dict[str, Any]) -> None:
    assert '<li class="yes">Fits; the fullest region is FLASH: 30.0 %' in render_page(record)
    record["regions"][1]["used_bytes"] = 48
    assert '<li class="care">Fits; the fullest region is DTCM: 96.0 %, 2 B free' in render_page(
        record
    )


def test_page_is_deterministic(record: dict[str, Any]) -> None:
    clip = Clip("x", "", np.arange(4000, dtype=np.int16))
    assert render_page(record, clips=[clip]) == render_page(record, clips=[clip])


def test_players_lose_no_bit() -> None:
    import soundfile

    pcm = np.arange(-8000, 8000, dtype=np.int16)
    back, rate = soundfile.read(io.BytesIO(flac_bytes(pcm)), dtype="int16")
    np.testing.assert_array_equal(back, pcm)
    assert rate == 16000
    long = player_of(Clip("x", "", np.zeros(40 * 16000, np.int16)))
    data = base64.b64decode(long["audio"].partition(",")[2])
    assert soundfile.info(io.BytesIO(data)).frames == 20 * 16000
    assert (long["seconds"], long["whole_seconds"]) == (20, 40)
    assert long["rms_dbfs"] is None


def test_levels() -> None:
    wave = np.round(16384 * np.sin(2 * np.pi * np.arange(16000) / 16)).astype(np.int16)
    assert levels(wave) == {"rms_dbfs": -9.0, "peak_dbfs": -6.0}


def decoded(png: bytes) -> np.ndarray:
    """Palette indices of a PNG as this package writes it, shape [rows, columns]."""
    place, found = 8, {}
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        data = png[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + data) == struct.unpack_from(">I", png, place + 8 + length)[0]
        found[kind] = data
        place += 12 + length
    columns, rows = struct.unpack_from(">II", found[b"IHDR"])
    lines = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_spectrogram_shows_a_tone_where_it_is() -> None:
    wave = 3276.7 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)  # -20 dB, 1 kHz
    pixels = decoded(spectrogram(np.round(wave).astype(np.int16)))
    assert pixels.shape == (257, 126)
    column = pixels[:, 60].astype(int)
    assert column.argmax() == 256 - 32  # row 0 is 8 kHz, one row is 31.25 Hz
    assert column.max() == pytest.approx(63 * 70 / 80, abs=1)  # -20 of -90 to -10 dB
    assert np.median(column) <= 1
    assert decoded(spectrogram(np.zeros(60 * 16000, np.int16))).shape[1] <= 901


def test_chart_of_the_arena_finds_the_fullest_step(record: dict[str, Any]) -> None:
    chart = charts.arena_chart(record["runtime_report"])
    assert chart is not None
    assert (chart["peak"], chart["peak_bytes"]) == (1, 16)
    assert [buffer["name"] for buffer in chart["alive"]] == ["a", "b"]
    first, second = chart["boxes"]
    assert (first["x"], first["width"], second["x"]) == (0, 1000, 250)
    assert second["y"] == pytest.approx(chart["height"] / 3, abs=0.01)
    assert charts.arena_chart({}) is None


def test_frame_budget_adds_up_to_the_whole_frame(record: dict[str, Any]) -> None:
    budget = charts.frame_budget(record)
    assert [part["name"] for part in budget] == ["analysis", "network", "synthesis", "rest", "free"]
    assert sum(part["cycles"] for part in budget) == 480_000_000 / 62.5
    assert sum(part["percent"] for part in budget) == pytest.approx(100)
    assert charts.frame_budget({**record, "core": "cortex-m55"}) == []


def test_cost_chart_groups_layers_by_kind(record: dict[str, Any]) -> None:
    chart = charts.cost_chart(record)
    assert chart is not None
    assert [(k["name"], k["layers"], k["instructions"]) for k in chart["kinds"]] == [
        ("add", 1, 3500.0),
        ("conv", 1, 1000.0),
    ]
    assert [bar["height"] for bar in chart["bars"]] == [pytest.approx(48.57), chart["height"]]
    assert charts.cost_chart({**record, "proof": None}) is None


def test_sqnr_chart_marks_low_layers(record: dict[str, Any]) -> None:
    fine = {**record["layers"][0], "index": 1, "sqnr_db": 45.0}
    absent = {**record["layers"][0], "index": 2, "sqnr_db": None}
    chart = charts.sqnr_chart([*record["layers"], fine, absent])
    assert chart is not None
    assert [(p["index"], p["low"]) for p in chart["points"]] == [(0, True), (1, False)]
    assert chart["points"][1]["y"] == chart["height"] / 4
    assert [layer["index"] for layer in chart["worst"]] == [0, 1]
    assert charts.sqnr_chart([absent]) is None


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


def test_layers_carry_their_instructions(record: dict[str, Any]) -> None:
    conv, add = layers_of(record)
    assert (conv["instructions"], conv["macs_per_instruction"]) == (1000.0, 0.8)
    assert (add["instructions"], add["macs_per_instruction"]) == (3500.0, 0.0)
    assert moved_bytes(conv) == 15
    record["proof"] = None
    assert [layer["instructions"] for layer in layers_of(record)] == [None, None]


def test_profile_text(tmp_path: Path, record: dict[str, Any]) -> None:
    profile = profile_of(write(tmp_path / "a", record))
    assert profile["cycles_per_instruction"] == 1.0
    text = describe(profile)
    assert re.search(r"analysis +300 +6.0 %\nnetwork +4500 +90.0 %\nsynthesis +200", text)
    assert text.index("002_add") < text.index("000_conv")
    assert re.search(r"000_conv +1000 +20.0 % +1000 +800 +0.80 +15 +1x4 -> 1x4 +CONV_2D 'a'", text)
    assert re.search(r"imse_conv_s8 +4000 +80.0 %", text)
    assert re.search(r"model/network_aot.c +8 +20\n", text)
    assert re.search(r"DTCM +50 B +12 B +24.0 %", text)
    assert "arena 24 bytes, no plan can take less than 16" in text
    short = describe(profile, top=1)
    assert "hottest 1 of 2 layers" in short
    assert "... 1 smaller objects" in short
    assert "000_conv" not in short


def test_long_names_of_functions_are_cut(tmp_path: Path, record: dict[str, Any]) -> None:
    record["functions"] = [{"name": "_ZN" + "x" * 200, "instructions": 4000.0}]
    text = describe(profile_of(write(tmp_path / "a", record)))
    assert f"_ZN{'x' * 66}... " in text
    assert "x" * 67 not in text


def test_profile_without_layers_shows_operators(tmp_path: Path, record: dict[str, Any]) -> None:
    record.update(runtime_report={}, proof=None, functions=[])
    record["report"]["instructions_per_frame"] = None
    text = describe(profile_of(write(tmp_path / "a", record)))
    assert "no instructions are known" in text
    assert re.search(r"CONV_2D +1x1x4x8 +1000 +100.0 %.*a/conv", text)


def test_operators_of_a_segment_share_the_work_of_all_its_frames(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    record.update(runtime_report={}, proof=None, functions=[])
    record["report"]["macs_per_frame"] //= 4
    text = describe(profile_of(write(tmp_path / "a", record)))
    assert re.search(r"CONV_2D +1x1x4x8 +1000 +100.0 %.*a/conv", text)


def test_changed_layers_are_found_by_origin(tmp_path: Path, record: dict[str, Any]) -> None:
    later = copy.deepcopy(record)
    counts = later["proof"]["layers_per_frame"]
    counts["layer_001_add"] = counts.pop("layer_002_add") - 500
    later["runtime_report"]["layers"][1]["function"] = "layer_001_add"
    changes = changed_layers(write(tmp_path / "a", record), write(tmp_path / "b", later))
    assert [(c.name, c.before, c.after) for c in changes] == [("ADD 'b'", 3500.0, 3000.0)]


def test_page_shows_layers_objects_and_arena(record: dict[str, Any]) -> None:
    page = render_page(record)
    parsed(page)
    hottest = page[page.index("Hottest layers") :]
    assert hottest.index("layer_002_add") < hottest.index("layer_000_conv")
    assert "libc_nano.a(lib_a-memcpy.o)" in section(page, "memory")
    assert "24 bytes; no plan can take less than 16." in words(page)


def test_build_folder_without_an_image(tmp_path: Path, record: dict[str, Any]) -> None:
    folder = write(tmp_path / "a", record)
    assert folder.target().name == "nucleo_h743zi2"
    with pytest.raises(BuildFolderError, match=r"no compiled image imse-firmware\.elf"):
        folder.artifact("elf")
