"""``imse-mcu plan``: what a model costs before it is trained or built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.core.text import count, size, table

if TYPE_CHECKING:
    from imse_mcu.planning import Plan


@click.command(
    "plan",
    epilog="Examples:\n\n  imse-mcu plan\n\n"
    "  imse-mcu plan --model imse-stream-small --target stm32h7 --json",
)
@click.option(
    "--model", "models", multiple=True, metavar="NAME", help="Model; may be repeated. Default: all."
)
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Target; may be repeated.")
@click.option(
    "--quant", "recipe", metavar="RECIPE", help="Recipe. [default: int8; imse for model imse]"
)
@common_options
def command(
    session: Session, models: tuple[str, ...], targets: tuple[str, ...], recipe: str | None
) -> None:
    """Say what models cost on targets and where they fit, before any training or build.

    For model imse, RAM is shown by the length of a segment, and the plan says what short segments
    cost in quality.

    Cycles come from a planning figure of the target with its source; they are no measurement.
    """
    from imse_mcu.planning import plan_models
    from keras_imse.presets import load_preset, preset_names
    from targets.loader import list_targets, load_target

    chosen = [load_target(name) for name in targets] or list(list_targets())
    names = list(models)
    if not names:
        names = [n for n in preset_names() if load_preset(n).family == "imse-stream"]
    plans = plan_models(names, chosen, recipe, session.reporter)
    rows = [
        (
            p.model,
            p.target,
            f"{count(p.macs_per_frame)}MAC",
            size(p.flash_bytes) if p.flash_bytes is not None else "-",
            size(p.ram_bytes) if p.ram_bytes is not None else "-",
            count(p.cycles.value),
            f"{p.real_time_factor:.2f}",
            p.verdict,
        )
        for p in plans
    ]
    header = ("model", "target", "per frame", "flash", "RAM", "cycles", "real time", "verdict")
    sources = dict.fromkeys(f"  {p.target}: {p.cycles.method}" for p in plans)
    lines = [
        table(header, rows, left=(0, 1, 7)),
        "",
        "Flash and RAM are the memory plan of the aot runtime. Cycles are a model:",
        *sources,
        *_segment_lines(plans),
    ]
    session.emit([p.to_json() for p in plans], "\n".join(lines))


def _segment_lines(plans: Sequence[Plan]) -> list[str]:
    """RAM by segment length, for models that take whole segments."""
    from imse_mcu.segment_planning import QUALITY, SHOWN_FRAMES

    rows = [
        (
            p.model,
            p.target,
            *(f"{size(s.ram_bytes)}{'' if s.fits else ' (no)'}" for s in p.segments),
            str(p.largest_segment),
        )
        for p in plans
        if p.segments
    ]
    if not rows:
        return []
    header = ("model", "target", *(f"{n} frames" for n in SHOWN_FRAMES), "longest that fits")
    scores = ", ".join(f"{score:.2f} at {n}" for n, score in sorted(QUALITY.items()))
    return [
        "",
        "RAM by frames of a segment, 100 frames being 0.62 s; (no): does not fit.",
        table(header, rows, left=(0, 1)),
        "",
        f"Quality by frames of a segment, PESQ-WB in float on six recordings: {scores}.",
    ]
