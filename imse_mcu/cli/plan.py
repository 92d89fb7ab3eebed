"""``imse-mcu plan``: what a model costs before it is trained or built."""

from __future__ import annotations

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.core.text import count, size, table


@click.command(
    "plan",
    epilog="Examples:\n\n  imse-mcu plan\n\n"
    "  imse-mcu plan --model imse-stream-small --target stm32h7 --json",
)
@click.option(
    "--model", "models", multiple=True, metavar="NAME", help="Model; may be repeated. Default: all."
)
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Target; may be repeated.")
@click.option("--quant", "recipe", default="int8", show_default=True, metavar="RECIPE")
@common_options
def command(
    session: Session, models: tuple[str, ...], targets: tuple[str, ...], recipe: str
) -> None:
    """Say what models cost on targets and where they fit, before any training or build.

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
    ]
    session.emit([p.to_json() for p in plans], "\n".join(lines))
