"""``imse-mcu plan``: what a model costs before it is trained or built."""

from __future__ import annotations

import re
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

    Cycles come from what images of the aot runtime took, or from MAC per cycle of the core, with
    the source; they are no measurement. A model is quantized for its first plan, which takes as
    long as in a build; later plans and builds find it in the cache.
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
    lines = [
        *_overview_lines(plans),
        table(header, rows, left=(0, 1, 7)),
        "",
        "Flash and RAM are the memory plan of the aot runtime. Cycles are a model, real time the",
        "share of the processor's time that they take:",
        *_source_lines(plans),
        *_segment_lines(plans),
    ]
    session.emit([p.to_json() for p in plans], "\n".join(lines))


def _overview_lines(plans: Sequence[Plan]) -> list[str]:
    """Which model runs where, at a glance; nothing for a single model or target."""
    models = list(dict.fromkeys(p.model for p in plans))
    targets = dict.fromkeys(p.target for p in plans)
    if len(models) < 2 or len(targets) < 2:
        return []
    words = {(p.model, p.target): _short_verdict(p) for p in plans}
    rows = [(target, *(words[model, target] for model in models)) for target in targets]
    return [table(("target", *models), rows, left=range(len(models) + 1)), ""]


def _short_verdict(plan: Plan) -> str:
    """The verdict in two or three words."""
    if not plan.fits:
        return "does not fit"
    if plan.largest_segment is not None:
        return f"offline, {plan.largest_segment} frames"
    if plan.real_time_factor > 1:
        return f"{plan.real_time_factor:.1f}x too slow"
    return f"real time, {100 * plan.real_time_factor:.0f} %"


def _source_lines(plans: Sequence[Plan]) -> list[str]:
    """Where the cycles come from, targets with the same source together."""
    from textwrap import wrap

    targets: dict[str, dict[str, None]] = {}
    for plan in plans:
        # The count of MACs differs by model and stands in the table.
        source = re.sub(r"^model: \d+ MAC per frame at ", "", plan.cycles.method)
        targets.setdefault(source, {})[plan.target] = None
    lines = []
    for source, names in targets.items():
        text = f"{', '.join(names)}: {source}"
        lines += wrap(text, 98, initial_indent="  ", subsequent_indent="    ")
    return lines


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
