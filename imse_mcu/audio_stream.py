"""What a board says of its own audio stream, microphone to DAC, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from targets.protocol import AudioStatus


def describe(audio: AudioStatus) -> str:
    """Returns how the stream fared, in one line."""
    return (
        f"{audio.recorded} hops recorded, {audio.overruns} not processed in time, "
        f"{audio.underruns} played before they were written, {audio.missed} interrupts missed"
    )


def warning(audio: AudioStatus) -> str | None:
    """Returns what is wrong with the stream, None if nothing is or the image has none."""
    from targets.protocol import AudioState

    if audio.state is AudioState.FAILED:
        return "the board's audio stream did not start: its clock, pins or DMA do not come up"
    if not audio.complete:
        return f"the board's audio stream lost something: {describe(audio)}"
    return None
