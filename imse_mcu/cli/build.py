"""``imse-mcu build``: int8 firmware for a target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH, model_options
from imse_mcu.core.text import count

if TYPE_CHECKING:
    from imse_mcu.pipeline import BuildOutcome


@click.command(
    "build",
    epilog="Examples:\n\n  imse-mcu build --target stm32h7\n\n"
    "  imse-mcu build --target stm32h7 --weights train-1/weights.npz -o out --json",
)
@click.option("--target", required=True, metavar="NAME", help="Target, see: imse-mcu targets.")
@model_options
@click.option(
    "--runtime",
    default="auto",
    show_default=True,
    metavar="auto|aot|tflm",
    help="What executes the model; auto is tflm where TFLM_DIR is set, else aot.",
)
@click.option(
    "--kernels",
    default="auto",
    show_default=True,
    metavar="auto|portable|dsp|mve|cmsis-nn",
    help="Kernels of the aot runtime; auto is the best of ours that the core has, cmsis-nn takes "
    "Arm's from CMSIS_NN_DIR.",
)
@click.option(
    "--app",
    default="uart",
    show_default=True,
    metavar="uart|i2s",
    help="Audio from the host, or from the board's microphone to its DAC.",
)
@click.option(
    "--weights-in",
    type=click.Choice(("auto", "flash", "ram")),
    default="auto",
    show_default=True,
    help="Where the network reads its weights; ram is a copy made at start-up, auto takes it where "
    "the flash is slow.",
)
@click.option(
    "--no-fuse",
    is_flag=True,
    help="One kernel of the aot runtime per operator, nothing joined: to see what that saves.",
)
@click.option(
    "-o", "--output", type=PATH, metavar="DIR", help="Folder; default build/<model>-<target>."
)
@click.option("--no-compile", is_flag=True, help="Write the project only.")
@common_options
def command(
    session: Session,
    target: str,
    model: str,
    weights: Path | None,
    recipe: str,
    calibration: Path | None,
    segment_frames: int | None,
    no_cache: bool,
    runtime: str,
    kernels: str,
    app: str,
    weights_in: str,
    no_fuse: bool,
    output: Path | None,
    no_compile: bool,
) -> int:
    """Make int8 firmware for a target and prove it on the emulator.

    Writes a CMake project with its compiled image, report.json and report.html. Two seconds of
    audio go through the image and are compared bit for bit with the TFLM interpreter.
    """
    from imse_mcu.pipeline import BuildRequest, build
    from imse_mcu.quantization import QuantizationRequest

    request = BuildRequest(
        target=target,
        output=output,
        quantization=QuantizationRequest(
            model, recipe, weights, calibration, not no_cache, segment_frames=segment_frames
        ),
        runtime=runtime,
        kernels=kernels,
        app=app,
        weights_in=weights_in,
        fuse=not no_fuse,
        compile=not no_compile,
    )
    outcome = build(request, session.reporter)
    session.emit(dict(outcome.report), _text(outcome))
    return 1 if outcome.report["bit_exact"] is False else 0


def _linked_for(report: Mapping[str, Any]) -> str:
    """Says what ran in place of the board's image, if anything did."""
    stand_in = report.get("stand_in")
    if stand_in is None:
        return ""
    return f" ({stand_in['same_objects']} of its objects, linked for QEMU {stand_in['machine']})"


def _text(outcome: BuildOutcome) -> str:
    """Describes a build for people."""
    r, record = outcome.report, outcome.folder.record
    flash, ram = r["flash_bytes"], r["ram_bytes"]
    exact = {True: "yes", False: "NO", None: "not run"}[r["bit_exact"]]
    instructions = r["instructions_per_frame"]
    ratio = r["int8_vs_float"]
    lines = [
        f"{r['model']} ({r['quant']}) on {record['target_title']}, runtime {r['runtime']}",
        f"  work          {count(r['macs_per_frame'])}MAC per frame of {r['hop_samples']} samples, "
        f"{r['frames_per_second']:g} frames/s",
    ]
    if flash["total"] is not None:
        lines += [
            f"  flash         {flash['total']} bytes: code {flash['code']}, "
            f"weights {flash['weights']}",
            f"  RAM           {ram['total']} bytes: arena {ram['arena']}, state {ram['state']}, "
            f"stack {ram['stack']}, buffers {ram['buffers']}",
        ]
    if instructions is not None:
        lines.append(f"  instructions  {instructions} per frame, counted on the emulator")
    lines += [
        f"  cycles        {r['cycles_per_frame']['value']} per frame by a model, not measured",
        f"  real time     factor {r['real_time_factor']:.3f} by that model, "
        f"latency {r['algorithmic_latency_ms']:g} ms",
        f"  bit-exact     {exact}, image against the TFLM interpreter{_linked_for(r)}",
        f"  int8 / float  mask {ratio['mask_sqnr_db']} dB, phase {ratio['phase_sqnr_db']} dB, "
        f"audio {ratio['audio_snr_db']} dB ({ratio['recording']})",
        f"  digest        {record['project_digest']}",
    ]
    npu = r.get("ethos_u")
    if npu is not None:
        text = npu.get("missing") or (
            f"{npu['cycles_per_frame']} cycles per frame, factor {npu['real_time_factor']:.3f}, "
            f"{npu['operators_cpu']} operators left to the processor (vela's estimate)"
        )
        lines.append(f"  {npu['accelerator']} {text}")
    lines += [f"  {kind:<12}  {path}" for kind, path in outcome.files.items()]
    return "\n".join(lines)
