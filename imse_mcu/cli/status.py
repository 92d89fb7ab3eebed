"""``imse-mcu status``: what a running board says of itself."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH


@click.command(
    "status",
    epilog="Examples:\n\n  imse-mcu status build/imse-stream-stm32h7 --on serial:/dev/ttyACM0",
)
@click.argument("build", type=PATH)
@click.option(
    "--on",
    metavar="PLACE",
    required=True,
    help="Where the image of BUILD runs: serial:PORT, or emulator.",
)
@common_options
def command(session: Session, build: Path, on: str) -> int:
    """Ask a board that runs the image of BUILD how it fares.

    Says image, clock, stack in use and, with --app i2s, whether the stream from microphone to DAC
    lost anything; the sound goes on meanwhile. The exit status is 1 when the network or the
    stream failed to start.
    """
    from imse_mcu.audio_stream import describe, warning
    from imse_mcu.buildfolder import BuildFolder
    from imse_mcu.device import open_device
    from targets.protocol import AudioState, NetworkState

    folder = BuildFolder.open(build)
    with open_device(folder, on) as device:
        info = device.identify(folder.record["model_digest"])
        state = device.link.state()
    audio = state.audio
    data = {
        "place": device.place,
        "runtime": info.runtime,
        "model_digest": info.model_digest,
        "build_id": info.build_id,
        "protocol_version": info.protocol_version,
        "clock_hz": info.clock_hz,
        "network": state.network.name.lower(),
        "message": state.message,
        "stack_bytes": state.stack_bytes,
        "peak_stack_bytes": state.stack_peak_bytes,
        "audio_stream": None if audio.state is AudioState.NONE else audio.to_json(),
    }
    network = state.network.name.lower().replace("_", " ")
    lines = [
        f"{folder.target().title}: image {info.build_id[:12]}, runtime {info.runtime}, "
        f"{info.clock_hz / 1e6:g} MHz",
        f"  network       {network}{': ' + state.message if state.message else ''}",
        f"  stack         {state.stack_peak_bytes} of {state.stack_bytes} bytes used",
    ]
    if audio.state is AudioState.RUNNING:
        lines.append(f"  audio stream  {describe(audio)}")
    problem = warning(audio)
    if problem is not None:
        session.note(f"warning: {problem}")
    session.emit(data, "\n".join(lines))
    ready = state.network in (NetworkState.READY, NetworkState.NOT_PREPARED)
    return 0 if ready and audio.state is not AudioState.FAILED else 1
