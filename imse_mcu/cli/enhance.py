"""``imse-mcu enhance``: the model on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH, engine_option, model_options

if TYPE_CHECKING:
    from imse_mcu.host import HostModel, Precision


@click.command(
    "enhance",
    epilog="Examples:\n\n  imse-mcu enhance noisy.wav -o clean.wav\n\n"
    "  imse-mcu enhance recordings/ -o cleaned/ --precision float\n\n"
    "  imse-mcu enhance noisy.wav -o clean.wav --model imse --weights g_best --precision float\n\n"
    "  imse-mcu enhance hours.wav -o hours-clean.wav --engine aot",
)
@click.argument("source", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="File, or folder for a folder.")
@click.option(
    "--precision",
    type=click.Choice(["int8", "float"]),
    default="int8",
    show_default=True,
    help="int8 is what the firmware computes.",
)
@engine_option
@model_options
@common_options
def command(
    session: Session,
    source: Path,
    output: Path,
    precision: str,
    engine: str,
    model: str,
    weights: Path | None,
    recipe: str,
    calibration: Path | None,
    segment_frames: int | None,
    no_cache: bool,
) -> None:
    """Clean a recording or a folder of recordings on this machine."""
    from imse_mcu.core.quiet import native_chatter_hidden
    from imse_mcu.enhancement import enhance_files, plan_files
    from imse_mcu.offline_host import OfflineHost, is_offline, load_offline
    from imse_mcu.quantization import QuantizationRequest, quantize

    if precision == "float" and engine != "tflm":
        raise click.UsageError(
            f"--engine {engine} computes int8; leave it out, or --precision float"
        )
    jobs = plan_files(source, output)
    kind: Precision = "int8" if precision == "int8" else "float"
    host: HostModel | OfflineHost
    if is_offline(model) and kind == "float" and segment_frames is None:
        with session.reporter.stage(f"loading {model}"), native_chatter_hidden():
            host = load_offline(model, weights)
    else:
        request = QuantizationRequest(
            model, recipe, weights, calibration, not no_cache, segment_frames=segment_frames
        )
        host = replace(quantize(request, session.reporter), engine=engine)
    results = enhance_files(host, jobs, kind, session.reporter)
    data = {"model": model, "precision": precision, "files": [r.to_json() for r in results]}
    lines = [f"{r.output}  ({r.duration_s:.2f} s, {precision})" for r in results]
    session.emit(data, "\n".join(lines))
