"""``imse-mcu run``: a recording through the built image."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH
from imse_mcu.core.text import table

#: What the SNR of audio without any difference is given as.
_IDENTICAL_DB = 200.0


@click.command(
    "run",
    epilog="Examples:\n\n  imse-mcu run build/imse-stream-stm32h7 --input noisy.wav\n\n"
    "  imse-mcu run build/imse-stream-stm32h7 --input noisy.wav --output clean.wav "
    "--on serial:/dev/ttyACM0",
)
@click.argument("build", type=PATH)
@click.option("--input", "source", type=PATH, required=True, help="Noisy recording.")
@click.option(
    "--output", "-o", type=PATH, help="Enhanced WAV; default: <input>-enhanced.wav next to it."
)
@click.option(
    "--clean",
    type=PATH,
    metavar="FILE",
    help="The same recording without the noise: adds scores, and the clean one to the page.",
)
@click.option(
    "--on",
    default="emulator",
    show_default=True,
    metavar="emulator|qemu|serial:PORT",
    help="Where the image runs.",
)
@common_options
def command(
    session: Session,
    build: Path,
    source: Path,
    output: Path | None,
    clean: Path | None,
    on: str,
) -> int:
    """Stream a recording through the image of BUILD and write what it returns.

    Every frame's network output is compared with the TFLM interpreter on this machine; the exit
    status is 1 when one differs. Writes run.json and the page report.html into BUILD.
    """
    from imse_mcu.audio_stream import describe, warning
    from imse_mcu.streaming import run_file

    result = run_file(build, source, output, on=on, reporter=session.reporter, clean=clean)
    report = result.report
    data = {**report.to_json(), "output": str(result.output), "page": str(result.page)}
    data["notices"] = list(result.notices)
    data["scores"] = {n: s.to_json() for n, s in result.scores.items()} or None
    exact = (
        "bit-exact: every frame equals the TFLM interpreter"
        if report.bit_exact
        else f"NOT bit-exact: {report.mismatching_frames} of {report.frames} frames differ from "
        f"the TFLM interpreter, first frame {report.first_mismatch}"
    )
    lines = [
        f"{source}: {report.frames} frames through the image ({report.place}, {report.runtime})",
        f"  {exact}",
        f"  audio         {_likeness(report.audio_snr_db)} this machine's own STFT, "
        + (
            f"{report.differing_samples} samples differ from imse-mcu enhance"
            if report.differing_samples
            else "every sample equals imse-mcu enhance"
        ),
        f"  {report.counts:<12}  {report.frame.mean:.0f} per frame (largest {report.frame.maximum})"
        f", network {report.network.mean:.0f}",
    ]
    if report.cycles is not None:
        measured = report.cycles.to_json()
        lines.append(
            f"  real time     factor {measured['real_time_factor']:.3f}, worst frame "
            f"{measured['worst_real_time_factor']:.3f}, measured at {report.clock_hz / 1e6:g} MHz"
        )
    lines.append(f"  stack         {report.peak_stack_bytes} of {report.stack_bytes} bytes used")
    if report.audio_stream is not None:
        lines.append(f"  audio stream  {describe(report.audio_stream)}, before this run")
        problem = warning(report.audio_stream)
        if problem is not None:
            session.note(f"warning: {problem}")
    if result.scores:
        rows = [
            (name, f"{s.pesq_wb:.2f}", f"{s.stoi:.3f}", f"{s.si_sdr_db:.1f}")
            for name, s in result.scores.items()
        ]
        scores = table(("version", "PESQ-WB", "STOI", "SI-SDR dB"), rows)
        lines += ["", *(f"  {line}" for line in scores.splitlines()), ""]
    lines += [f"  enhanced      {result.output}", f"  page          {result.page}"]
    session.emit(data, "\n".join(lines))
    return 0 if report.bit_exact else 1


def _likeness(snr_db: float) -> str:
    """How close audio is to a reference, in words that go before its name."""
    return "identical to" if snr_db >= _IDENTICAL_DB else f"{snr_db:.1f} dB SNR against"
