"""Renders ``report.html`` from a build's record and, once there is one, its last run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from imse_mcu.core.text import count, short_name, size
from imse_mcu.profiling import arena_plan, layers_of, moved_bytes
from imse_mcu.report.figures import audio_uri, spectrogram_uri

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PICTURE_WIDTH = 1000
_PICTURE_HEIGHT = 260
_HOTTEST = 25


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording on the page.

    Attributes:
        title: What it is.
        pcm: int16 samples, shape [n].
    """

    title: str
    pcm: NDArray[np.int16]


def render_page(
    record: dict[str, Any], *, run: dict[str, Any] | None = None, clips: Sequence[Clip] = ()
) -> str:
    """Renders the page.

    Args:
        record: Content of ``build.json``.
        run: Content of ``run.json``, or None before the first run.
        clips: Recordings to show and play.

    Returns:
        A self-contained HTML document: no script, no reference to anything outside.
    """
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        size=size, count=count, percent=_percent, short=short_name, moved=moved_bytes
    )
    source = (resources.files("imse_mcu.report") / "page.html.j2").read_text("utf-8")
    players = [
        {"title": clip.title, "audio": audio_uri(clip.pcm), "picture": spectrogram_uri(clip.pcm)}
        for clip in clips
    ]
    layers = [layer for layer in layers_of(record) if layer["instructions"]]
    return environment.from_string(source).render(
        record=record,
        run=run,
        players=players,
        arena=_arena(record["runtime_report"]),
        hottest=sorted(layers, key=lambda layer: -layer["instructions"])[:_HOTTEST],
        layer_count=len(layers),
    )


def _arena(report: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the arena's buffers as boxes: steps to the right, addresses down."""
    plan = arena_plan(report)
    if not plan or not plan["buffers"]:
        return None
    across, down = _PICTURE_WIDTH / plan["steps"], _PICTURE_HEIGHT / plan["size_bytes"]
    boxes = [
        {
            **buffer,
            "x": round(buffer["first"] * across, 2),
            "y": round(buffer["offset"] * down, 2),
            "width": round((buffer["last"] - buffer["first"] + 1) * across, 2),
            "height": round(buffer["size_bytes"] * down, 2),
        }
        for buffer in plan["buffers"]
    ]
    return {**plan, "boxes": boxes, "height": _PICTURE_HEIGHT}


def _percent(part: float, whole: float) -> str:
    """Returns a share for people and for CSS widths."""
    return f"{100 * part / whole:.2f}" if whole else "0"
