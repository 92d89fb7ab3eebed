"""Renders ``report.html`` from a build's record and, once there is one, its last run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from imse_mcu.core.text import count, short_name, size
from imse_mcu.profiling import moved_bytes
from imse_mcu.report import charts
from imse_mcu.report.clips import Clip, player_of

_HOTTEST = 15
_FULL_PERCENT = 90.0
_COLOURED = {"code", "weights", "arena", "state", "buffers", "hot_code"}
#: Spread of a frame's work below which it is called constant.
_CONSTANT = 0.001


def render_page(
    record: dict[str, Any], *, run: dict[str, Any] | None = None, clips: Sequence[Clip] = ()
) -> str:
    """Renders the page.

    Args:
        record: Content of ``build.json``.
        run: Content of ``run.json``, or None before the first run.
        clips: Recordings to show and play.

    Returns:
        A self-contained HTML document that loads nothing from outside.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("imse_mcu.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=size,
        count=count,
        percent=_percent,
        short=short_name,
        moved=moved_bytes,
        grouped=_grouped,
        part=_part,
        signed=_signed,
        words=lambda name: name.replace("_", " "),
    )
    regions = charts.region_bars(record["regions"])
    names = [bar["name"] for region in regions for bar in region["bars"]]
    fixed = resources.files("imse_mcu.report") / "templates"
    return environment.get_template("page.html.j2").render(
        record=record,
        run=run,
        style=Markup((fixed / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
        script=Markup((fixed / "players.js").read_text("utf-8")),  # noqa: S704 - our own file
        sections=_sections(bool(clips)),
        segment_frames=record["report"].get("segment_frames"),
        npu=record["report"].get("ethos_u"),
        verdicts=_verdicts(record, run),
        players=[player_of(clip) for clip in clips],
        scored=any(clip.scores for clip in clips),
        budget=charts.frame_budget(record),
        constant_time=_is_constant(record["proof"]),
        cost=charts.cost_chart(record),
        hottest_rows=_HOTTEST,
        regions=regions,
        part_names=list(dict.fromkeys(names)),
        flash_share=_share(record["regions"], "flash"),
        ram_share=_share(record["regions"], "ram"),
        ram_rest=_ram_rest(record["report"]["ram_bytes"]),
        hot_code="hot_code" in names,
        arena=charts.arena_chart(record["runtime_report"]),
        sqnr=charts.sqnr_chart(record["layers"]),
        low_sqnr_db=charts.LOW_SQNR_DB,
    )


def _sections(listen: bool) -> list[tuple[str, str]]:
    """Returns the sections by template and title, in their order."""
    sections = [("summary", "Summary")]
    if listen:
        sections.append(("listen", "Listen"))
    return [
        *sections,
        ("speed", "Speed"),
        ("memory", "Memory"),
        ("accuracy", "Int8 against float"),
        ("versions", "Versions and commands"),
    ]


def _verdicts(record: Mapping[str, Any], run: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Returns the answers that a reader looks for first: ``kind`` (yes, care, no) and ``text``."""
    report = record["report"]
    found = [
        _fit(record["regions"], linked=bool(record["artifacts"])),
        _real_time(report, run, record["clock_hz"]),
    ]
    if report["bit_exact"] is None:
        found.append(("care", "The image was not run: nothing proves that it is the model."))
    elif report["bit_exact"]:
        stand_in = report.get("stand_in")
        place = "on the emulator"
        if stand_in:
            place = f"on QEMU's {stand_in['machine']} in place of the board"
        found.append(("yes", f"The image computes the model bit for bit, frame by frame, {place}."))
    else:
        found.append(("no", "The image differs from the TFLM interpreter."))
    if run is not None and not run["bit_exact"]:
        found.append(("no", "The last run differed from the TFLM interpreter: see Listen."))
    segment_frames = report.get("segment_frames")
    if segment_frames:
        seconds = report["algorithmic_latency_ms"] / 1000
        found.append(
            (
                "note",
                f"Works on whole segments of {segment_frames} frames ({seconds:.2f} s): for clips, "
                "not for live sound. Figures per frame are a segment's, over its frames.",
            )
        )
    accuracy = report["int8_vs_float"]
    found.append(
        (
            "note",
            f"Int8 audio follows float audio with {accuracy['audio_snr_db']} dB SNR on "
            f"{accuracy['recording']}.",
        )
    )
    return [{"kind": kind, "text": text} for kind, text in found]


def _fit(regions: Sequence[Mapping[str, Any]], *, linked: bool) -> tuple[str, str]:
    """Says whether the firmware fits and what is fullest."""
    used = [region for region in regions if region["used_bytes"]]
    if not used:
        return "care", "Nothing was placed in memory."
    fullest = max(used, key=lambda region: region["used_bytes"] / region["size_bytes"])
    share = 100 * fullest["used_bytes"] / fullest["size_bytes"]
    verb = "Fits" if linked else "Fits by the memory plan (not compiled)"
    kind = "care" if share > _FULL_PERCENT or not linked else "yes"
    free = size(fullest["size_bytes"] - fullest["used_bytes"])
    return kind, f"{verb}; the fullest region is {fullest['name']}: {share:.1f} %, {free} free."


def _real_time(
    report: Mapping[str, Any], run: Mapping[str, Any] | None, clock_hz: int
) -> tuple[str, str]:
    """Says whether real time is kept and how that is known."""
    measured = run["measured"] if run is not None else None
    if measured:
        factor, how = measured["worst_real_time_factor"], "worst frame, measured on the board"
    else:
        factor, how = report["real_time_factor"], "by the cycle model, not measured"
    at = f"at {clock_hz / 1e6:g} MHz, {how}"
    if factor > 1:
        return "no", f"Not real time: {factor:.1f} times too slow {at}."
    return (
        "yes" if measured else "note",
        f"Real time: a frame takes {100 * factor:.0f} % of its time {at}.",
    )


def _share(regions: Sequence[Mapping[str, Any]], kind: str) -> float | None:
    """Returns the used share of all memory of a kind in percent, None where nothing is used."""
    of_kind = [region for region in regions if region["kind"] == kind]
    used = sum(region["used_bytes"] for region in of_kind)
    return 100 * used / sum(region["size_bytes"] for region in of_kind) if used else None


def _is_constant(proof: Mapping[str, Any] | None) -> bool:
    """Tells whether every frame of the proof took the same work."""
    if proof is None:
        return False
    frame = proof["frame_per_frame"]
    return frame["max"] - frame["min"] <= _CONSTANT * frame["mean"]


def _ram_rest(ram: Mapping[str, int | None]) -> int | None:
    """Returns the RAM that has no row of its own, None where nothing was linked."""
    rest = ram["total"]
    for name in ("arena", "state", "stack", "buffers"):
        part = ram[name]
        if rest is None or part is None:
            return None
        rest -= part
    return rest


def _percent(part: float, whole: float) -> str:
    """Returns a share for people and for CSS widths."""
    return f"{100 * part / whole:.2f}" if whole else "0"


def _grouped(value: float) -> str:
    """Returns a whole number with narrow spaces between groups of three digits."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _signed(value: float) -> str:
    """Returns a level with one decimal and a real minus sign."""
    return f"{value:.1f}".replace("-", "\N{MINUS SIGN}")


def _part(name: str) -> str:
    """Returns the CSS class of what a memory region holds."""
    if name == "stack":
        return "stackpart"
    return name if name in _COLOURED else "other"
