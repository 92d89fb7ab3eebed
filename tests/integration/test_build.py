"""The main job: a model becomes firmware that is proved on the emulator."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from imse_mcu import pipeline
from imse_mcu.cli.main import main
from imse_mcu.core import files
from imse_mcu.core.process import which
from imse_mcu.core.progress import Reporter
from imse_mcu.npu import vela_is_installed
from imse_mcu.pipeline import BuildOutcome, BuildRequest, build
from imse_mcu.planning import plan_one
from imse_mcu.profiling import profile_of
from quantize.artifact import QuantizedModel
from quantize.inspect import assert_integer_only

pytestmark = [pytest.mark.slow, pytest.mark.emulator]

REPORT_FIELDS = {
    "model": str,
    "target": str,
    "runtime": str,
    "quant": str,
    "macs_per_frame": int,
    "hop_samples": int,
    "segment_frames": type(None),
    "frames_per_second": float,
    "flash_bytes": {"code": int, "weights": int, "total": int},
    "ram_bytes": {"arena": int, "state": int, "stack": int, "buffers": int, "total": int},
    "instructions_per_frame": int,
    "cycles_per_frame": {"value": int, "method": str},
    "real_time_factor": float,
    "algorithmic_latency_ms": float,
    "bit_exact": bool,
    "arena": {"size_bytes": int, "lower_bound_bytes": int, "steps": int, "buffers": list},
    "int8_vs_float": dict,
    "tool_versions": dict,
}


def digests(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def check_fields(value: dict[str, Any], fields: dict[str, Any]) -> None:
    assert value.keys() == fields.keys()
    for name, kind in fields.items():
        if isinstance(kind, dict):
            check_fields(value[name], kind)
        else:
            assert isinstance(value[name], kind), name


def test_report_has_exactly_the_agreed_fields(built: BuildOutcome) -> None:
    report = json.loads((built.folder.path / "report.json").read_text())
    check_fields(report, REPORT_FIELDS)
    assert report == json.loads(json.dumps(dict(built.report)))
    assert report["hop_samples"] == 256
    assert report["frames_per_second"] == 62.5
    assert report["algorithmic_latency_ms"] == 32.0
    assert "not measured" not in report["cycles_per_frame"]["method"]
    assert report["cycles_per_frame"]["method"].startswith("model: ")


def test_image_is_bit_exact_and_fits(built: BuildOutcome) -> None:
    report, record = built.report, built.folder.record
    assert report["bit_exact"] is True
    assert report["ram_bytes"]["total"] < 256 * 1024
    assert report["flash_bytes"]["weights"] < 200 * 1024
    assert record["proof"]["audio_snr_db"] >= 60
    assert 0 < record["peak_stack_bytes"] < report["ram_bytes"]["stack"]
    for region in record["regions"]:
        assert region["used_bytes"] <= region["size_bytes"]


def test_images_are_there(built: BuildOutcome) -> None:
    files = built.files
    assert files["elf"].read_bytes()[:4] == b"\x7fELF"
    assert files["hex"].read_text().startswith(":")
    padding = files["bin"].stat().st_size - built.report["flash_bytes"]["total"]
    assert 0 <= padding < 64
    assert files["map"].stat().st_size > 1000


def test_model_is_integer_only(built: BuildOutcome) -> None:
    model = QuantizedModel.load(built.folder.path / "model" / "model.tflite")
    assert_integer_only(model.graph)
    assert model.digest == built.folder.record["model_digest"]


def test_nothing_names_this_machine_or_a_date(built: BuildOutcome) -> None:
    folder = built.folder.path
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            assert str(folder.parent).encode() not in data, path
            assert str(Path.home()).encode() + b"/" not in data, path


def test_second_build_gives_the_same_bytes_and_keeps_own_files(
    built: BuildOutcome, build_copy: Path
) -> None:
    (build_copy / "notes.txt").write_text("mine")
    again = build(BuildRequest("stm32h7", build_copy), Reporter(enabled=False))
    first, second = digests(built.folder.path), digests(again.folder.path)
    assert second.pop("notes.txt")
    first.pop("run.json", None)
    first.pop("report.html")
    second.pop("report.html")
    assert second == first


def test_page_is_self_contained(built: BuildOutcome) -> None:
    page = (built.folder.path / "report.html").read_text()
    for forbidden in ("http://", "https://", "<script", 'src="/', "url("):
        assert forbidden not in page
    assert "bit-exact" in page
    assert "arena over time" in page.lower()


@pytest.mark.parametrize("moment", ["compile", "run", "place"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_build_leaves_the_earlier_one(
    build_copy: Path, monkeypatch: pytest.MonkeyPatch, moment: str, error: Any
) -> None:
    before = digests(build_copy)
    where, name = {
        "compile": (pipeline, "_compile"),
        "run": (pipeline, "run_recording"),
        "place": (files, "swap_dir"),
    }[moment]

    def stop(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(where, name, stop)
    status = main(["build", "--target", "stm32h7", "-o", str(build_copy)])
    assert status == (1 if isinstance(error, OSError) else 130)
    assert digests(build_copy) == before
    assert [p.name for p in build_copy.parent.iterdir()] == [build_copy.name]


def test_edited_project_is_not_overwritten(
    build_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main_c = build_copy / "app" / "main.c"
    main_c.write_text(main_c.read_text() + "/* mine */\n")
    assert main(["build", "--target", "stm32h7", "-o", str(build_copy)]) != 0
    assert "app/main.c was edited" in capsys.readouterr().err
    assert main_c.read_text().endswith("/* mine */\n")


def small_board(folder: Path, **sizes: int) -> Path:
    """Writes a board like stm32h7 with smaller memories, sizes in KiB by region."""
    from targets.loader import BOARD_DIR, MCU_DIR

    mcu, name = [], ""
    for line in (MCU_DIR / "stm32h743.toml").read_text().splitlines():
        if line.startswith("name = "):
            name = line.split('"')[1]
        if line.startswith("size_kib = ") and name in sizes:
            line = f"size_kib = {sizes[name]}"
        mcu.append(line)
    (folder / "small.toml").write_text("\n".join(mcu) + "\n")
    board = (BOARD_DIR / "nucleo_h743zi2.toml").read_text()
    board = board.replace('mcu = "stm32h743"', 'mcu = "small"')
    board = "\n".join(line for line in board.splitlines() if not line.startswith("aliases"))
    path = folder / "tiny.toml"
    path.write_text(board + "\n")
    return path


@pytest.mark.parametrize(
    ("sizes", "kind"), [({"FLASH": 64}, "flash"), ({"DTCM": 16, "AXI_SRAM": 32}, "RAM")]
)
def test_model_that_does_not_fit_shows_what_takes_the_room(
    built: BuildOutcome,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sizes: dict[str, int],
    kind: str,
) -> None:
    board, out = small_board(tmp_path, **sizes), tmp_path / "out"
    assert main(["build", "--target", str(board), "-o", str(out)]) != 0
    text = capsys.readouterr().err
    assert "error: " in text
    assert "does not fit" in text
    for region in sizes:
        assert region in text
    assert ("weights" if kind == "flash" else "state") in text
    assert not out.exists()


def test_project_alone(built: BuildOutcome, tmp_path: Path) -> None:
    out = tmp_path / "project"
    assert main(["build", "--target", "stm32h7", "--no-compile", "-o", str(out), "--json"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["bit_exact"] is None
    assert report["instructions_per_frame"] is None
    assert report["flash_bytes"]["total"] is None
    assert not (out / "build").exists()
    assert main(["run", str(out), "--input", "examples/noisy.wav"]) != 0


def test_without_fusing_every_operator_is_a_layer(built: BuildOutcome, tmp_path: Path) -> None:
    out = tmp_path / "single"
    command = ["build", "--target", "stm32h7", "--no-fuse", "--no-compile", "-o", str(out)]
    assert main(command) == 0
    single = json.loads((out / "build.json").read_text())
    layers = single["runtime_report"]["layers"]
    assert len(layers) > len(built.folder.record["runtime_report"]["layers"])
    assert not any("," in layer["origin"] for layer in layers)
    assert any("--no-fuse" in command for command in single["commands"])
    # What was counted of other networks is of joined operators.
    assert "counted" not in single["report"]["cycles_per_frame"]["method"]


def test_profile_and_compare(built: BuildOutcome, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(built.folder.path)
    assert main(["profile", folder, "--compare", folder, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert all(change["percent"] == 0 for change in data["changes"])
    assert data["changed_layers"] == []
    counted = sum(entry["instructions"] for entry in data["functions"])
    assert 0.9 * data["instructions_per_frame"] < counted < 1.1 * data["instructions_per_frame"]
    assert sum(operator["macs"] for operator in data["operators"]) == data["macs_per_frame"]


def test_layers_add_up_to_the_network(built: BuildOutcome) -> None:
    profile = profile_of(built.folder)
    assert sum(layer["macs"] for layer in profile["layers"]) == profile["macs_per_frame"]
    steps = {step["name"]: step["instructions"] for step in profile["steps"]}
    layers = sum(layer["instructions"] for layer in profile["layers"])
    # Between the readings of the cycle counter there is also what calls the layers.
    calls = built.folder.record["proof"]["layers_per_frame"]["imse_network_invoke"]
    assert 0 <= steps["network"] - layers - calls < 20
    assert calls < 0.01 * layers
    around = profile["instructions_per_frame"] - sum(steps.values())
    assert 0 <= around < 100


def test_plan_is_near_what_the_model_needs(built: BuildOutcome) -> None:
    arena = built.report["arena"]
    assert arena["lower_bound_bytes"] <= arena["size_bytes"] <= 1.05 * arena["lower_bound_bytes"]
    assert built.report["ram_bytes"]["arena"] == arena["size_bytes"]
    parts = {r["name"]: r["parts"] for r in built.folder.record["regions"]}
    assert set(parts["DTCM"]) == {"arena", "buffers", "stack"}
    assert "state" in parts["AXI_SRAM"]  # the ring buffers do not fit beside the rest
    assert parts["ITCM"]["hot_code"] > 8192


def test_weights_copied_to_ram(built: BuildOutcome, tmp_path: Path) -> None:
    out = tmp_path / "copied"
    assert main(["build", "--target", "stm32h7", "--weights-in", "ram", "-o", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    record = json.loads((out / "build.json").read_text())
    assert report["bit_exact"] is True
    assert report["instructions_per_frame"] == built.report["instructions_per_frame"]
    weights = built.report["flash_bytes"]["weights"]
    assert report["flash_bytes"]["weights"] == weights
    assert {r["name"]: r["parts"] for r in record["regions"]}["AXI_SRAM"]["weights"] == weights


def test_objects_add_up_to_the_flash(built: BuildOutcome) -> None:
    profile = profile_of(built.folder)
    for kind in ("code", "weights"):
        total = sum(entry[f"{kind}_bytes"] for entry in profile["objects"])
        assert total == profile["flash_bytes"][kind]
    assert profile["objects"][0]["name"] == "model/network_aot.c"
    assert not any(entry["name"].startswith("/") for entry in profile["objects"])


def test_profile_finds_a_regression(
    built: BuildOutcome, build_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((build_copy / "build.json").read_text())
    record["report"]["instructions_per_frame"] = round(
        0.9 * record["report"]["instructions_per_frame"]
    )
    (build_copy / "build.json").write_text(json.dumps(record))
    assert main(["profile", str(built.folder.path), "--compare", str(build_copy)]) == 1
    assert "past the limit of 2 %: instructions_per_frame" in capsys.readouterr().out


def test_every_key_of_the_report_is_documented(built: BuildOutcome, repository: Path) -> None:
    page = (repository / "docs" / "architecture.md").read_text("utf-8")
    text = page.partition("## report.json")[2].partition("\n## ")[0]
    named = set(re.findall(r"\w+", text))
    inner = {key for value in built.report.values() if isinstance(value, dict) for key in value}
    assert set(built.report) <= named
    assert inner - set(built.report["tool_versions"]) <= named


def test_plan_was_close_to_the_image(built: BuildOutcome) -> None:
    """The plan is an upper estimate: what it places must fit."""
    host = built.folder.host_model()
    plan = plan_one(host.quantized, built.folder.target())
    assert plan.ram_bytes is not None
    assert plan.flash_bytes is not None
    assert 0 <= plan.flash_bytes / built.report["flash_bytes"]["total"] - 1 < 0.05
    assert 0 <= plan.ram_bytes / built.report["ram_bytes"]["total"] - 1 < 0.10


@pytest.mark.skipif(which("qemu-system-arm") is None, reason="qemu-system-arm is not installed")
def test_build_for_a_cortex_m55_with_an_ethos_u(built: BuildOutcome, tmp_path: Path) -> None:
    """The board's objects run in QEMU, bit for bit, and Arm's vela takes the whole model."""
    if not vela_is_installed():
        pytest.skip("ethos-u-vela is not installed (pip install 'imse-mcu[ethos-u]')")
    outcome = build(BuildRequest("alif_e7", tmp_path / "e7"), Reporter(enabled=False))
    report = outcome.report
    assert report["bit_exact"] is True
    assert 0 < report["instructions_per_frame"] < built.report["instructions_per_frame"]
    assert report["stand_in"]["machine"] == "mps3-an547"
    assert report["stand_in"]["same_objects"] > 20
    npu = report["ethos_u"]
    assert npu["accelerator"] == "ethos-u55-256"
    assert npu["operators_cpu"] == 0
    assert npu["operators_npu"] > 100
    assert 0 < npu["cycles_per_frame"] < report["cycles_per_frame"]["value"]
    page = (outcome.folder.path / "report.html").read_text()
    assert "0 left to the processor" in page.replace("\n", " ")
    assert "in place of the board" in page
