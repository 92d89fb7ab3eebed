"""``imse-mcu check``: int8 against float on pairs of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH, engine_option
from imse_mcu.core.text import short_name, table

if TYPE_CHECKING:
    from imse_mcu.stress import Trial
    from quantize.accuracy import AccuracyReport


@click.command(
    "check",
    epilog="Examples:\n\n  imse-mcu check build/imse-stream-stm32h7 --clean C/ --noisy N/\n\n"
    "  imse-mcu check build/imse-stream-stm32h7 --clean a.wav --noisy b.wav "
    "--max-pesq-drop 0.05 --json\n\n"
    "  imse-mcu check build/imse-stream-stm32h7 --clean C/ --noisy N/ --on emulator\n\n"
    "  imse-mcu check build/imse-stream-stm32h7 --clean C/ --noisy N/ --soak 120 --engine aot\n\n"
    "  imse-mcu check build/imse-mps2_an500 --clean C/ --noisy N/ --engine aot",
)
@click.argument("build", type=PATH)
@click.option("--clean", type=PATH, required=True, help="Clean recording, or folder of them.")
@click.option("--noisy", type=PATH, required=True, help="Noisy recording, or folder of them.")
@click.option("--max-pesq-drop", type=float, default=0.1, show_default=True, metavar="X")
@click.option("--max-stoi-drop", type=float, metavar="X", help="Default: no limit.")
@click.option("--max-si-sdr-drop", type=float, metavar="DB", help="Default: no limit.")
@click.option("--min-pesq", type=float, metavar="X", help="Default: no limit.")
@click.option("--min-output-sqnr", type=float, metavar="DB", help="Default: no limit.")
@click.option(
    "--on",
    metavar="PLACE",
    help="Also send every recording through the image: emulator, unicorn, qemu or serial:PORT.",
)
@click.option(
    "--stress",
    "with_stress",
    is_flag=True,
    help="Also try clean speech, silence, levels, a level jump, loud noise and music.",
)
@click.option(
    "--soak",
    "soak_minutes",
    type=click.IntRange(min=3),
    metavar="MINUTES",
    help="Also play the noisy recordings this long without a reset: nothing may drift.",
)
@engine_option
@click.option("--output", "-o", type=PATH, metavar="FILE", help="Also write the JSON report here.")
@common_options
def command(
    session: Session,
    build: Path,
    clean: Path,
    noisy: Path,
    max_pesq_drop: float,
    max_stoi_drop: float | None,
    max_si_sdr_drop: float | None,
    min_pesq: float | None,
    min_output_sqnr: float | None,
    on: str | None,
    with_stress: bool,
    soak_minutes: int | None,
    engine: str,
    output: Path | None,
) -> int:
    """Compare the int8 model of BUILD with its float reference.

    BUILD is a folder made by imse-mcu build. Reports PESQ-WB, STOI and SI-SDR per recording and
    the signal-to-quantization-noise ratio per layer; the exit status is 1 past a limit. With --on
    the image itself enhances every recording too, and each of its frames must equal the engine's.
    Builds of model imse are compared over whole segments; the layers are those of
    the first one.
    """
    from imse_mcu.checking import check_build, find_recordings
    from imse_mcu.core.files import write_json
    from imse_mcu.soak import check_soakable, soak
    from imse_mcu.stress import stress
    from quantize.accuracy import AccuracyLimits

    limits = AccuracyLimits(
        max_pesq_drop=max_pesq_drop,
        max_stoi_drop=max_stoi_drop,
        max_si_sdr_drop_db=max_si_sdr_drop,
        min_pesq=min_pesq,
        min_output_sqnr_db=min_output_sqnr,
    )
    if soak_minutes:
        check_soakable(build)
    pairs = find_recordings(clean, noisy)
    report = check_build(build, pairs, limits, session.reporter, on=on, engine=engine)
    trials = stress(build, pairs, session.reporter, engine=engine) if with_stress else ()
    laps = soak(build, pairs, soak_minutes, session.reporter, engine=engine) if soak_minutes else ()
    data = {**report.to_json(), "engine": engine}
    if with_stress:
        data["stress"] = [trial.to_json() for trial in trials]
    if soak_minutes:
        data["soak"] = [trial.to_json() for trial in laps]
    trials += laps
    if output is not None:
        write_json(output, data)
    passed = report.passed and all(trial.passed for trial in trials)
    text = [_text(report, engine), *([_stress_text(trials)] if trials else [])]
    session.emit(data, "\n\n".join([*text, "passed" if passed else "failed"]))
    return 0 if passed else 1


def _stress_text(trials: tuple[Trial, ...]) -> str:
    """Describes the trials for people."""
    rows = [
        (
            trial.name,
            f"{trial.value:.2f} {trial.unit}".strip(),
            f"{'at least' if trial.at_least else 'at most'} {trial.limit:g}",
            "passed" if trial.passed else "FAILED",
        )
        for trial in trials
    ]
    return table(("trial (int8)", "figure", "limit", ""), rows, left=(0, 3))


def _text(report: AccuracyReport, engine: str) -> str:
    """Describes a check for people."""
    from imse_mcu.engines import ENGINES, engine_words

    versions = ("noisy", "float", "int8", "image") if report.image else ("noisy", "float", "int8")
    header = ("recording", *(f"{m} {v}" for m in ("PESQ", "STOI", "SI-SDR") for v in versions))
    rows = []
    entries = [(f.name, f.noisy, f.float_model, f.quantized, f.image) for f in report.files]
    entries.append(("mean", report.noisy, report.float_model, report.quantized, report.image))
    for name, *versions_scores in entries:
        scores = [s for s in versions_scores if s is not None]
        cells = [f"{s.pesq_wb:.3f}" for s in scores]
        cells += [f"{s.stoi:.4f}" for s in scores]
        cells += [f"{s.si_sdr_db:.2f}" for s in scores]
        rows.append((name, *cells))
    worst = [
        (
            short_name(layer.tensor),
            layer.kind,
            layer.dtype,
            f"{layer.sqnr_db:.1f}",
            f"{layer.saturated:.2%}",
        )
        for layer in report.worst_layers
    ]
    costliest = [
        (
            short_name(layer.tensor),
            layer.kind,
            layer.dtype,
            f"{layer.lost_db:.1f}",
            f"{layer.sqnr_db:.1f}",
            f"{layer.reaches_db:.1f}",
        )
        for layer in report.costliest_layers
    ]
    outputs = ", ".join(f"{name} {value:.1f} dB" for name, value in report.output_sqnr_db.items())
    lines = [
        table(header, rows),
        "",
        f"int8 against float: PESQ-WB {-report.pesq_drop:+.3f}; SQNR of the outputs: {outputs}",
        f"int8 computed by: {engine_words(engine)}",
        *([f"image: every frame equals {ENGINES[engine]}"] if report.image else []),
        "",
        "layers with the lowest SQNR:",
        table(("tensor", "operator", "type", "SQNR dB", "saturated"), worst, left=(0, 1, 2)),
        "",
        *(
            (
                "layers that add most of the noise that reaches the outputs:",
                table(
                    ("tensor", "operator", "type", "lost dB", "SQNR dB", "reaches dB"),
                    costliest,
                    left=(0, 1, 2),
                ),
                "",
            )
            if costliest
            else ()
        ),
        *(f"past the limit: {line}" for line in report.failures),
    ]
    return "\n".join(lines)
