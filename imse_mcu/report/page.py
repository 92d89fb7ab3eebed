"""Renders ``report.html`` from a build's record and, once there is one, its last run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from imse_mcu.core.text import count, short_name, size
from imse_mcu.report.figures import audio_uri, spectrogram_uri

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PICTURE_WIDTH = 1000
_PICTURE_HEIGHT = 260


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
    environment.filters.update(size=size, count=count, percent=_percent, short=short_name)
    source = (resources.files("imse_mcu.report") / "page.html.j2").read_text("utf-8")
    players = [
        {"title": clip.title, "audio": audio_uri(clip.pcm), "picture": spectrogram_uri(clip.pcm)}
        for clip in clips
    ]
    return environment.from_string(source).render(
        record=record, run=run, players=players, arena=_arena(record["runtime_report"])
    )


def _arena(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the buffers of the arena as boxes: steps to the right, addresses down."""
    buffers = report.get("buffers") or []
    steps = max((b["last"] for b in buffers), default=0) + 1
    total = max((b["offset"] + b["size_bytes"] for b in buffers), default=1)
    across, down = _PICTURE_WIDTH / steps, _PICTURE_HEIGHT / total
    boxes = [
        {
            "name": b["name"],
            "bytes": b["size_bytes"],
            "offset": b["offset"],
            "x": round(b["first"] * across, 2),
            "y": round(b["offset"] * down, 2),
            "width": round((b["last"] - b["first"] + 1) * across, 2),
            "height": round(b["size_bytes"] * down, 2),
        }
        for b in buffers
    ]
    return {
        "boxes": boxes,
        "bytes": total,
        "lower_bound": report.get("arena_lower_bound_bytes") or total,
        "steps": steps,
        "height": _PICTURE_HEIGHT,
    }


def _percent(part: float, whole: float) -> str:
    """Returns a share for people and for CSS widths."""
    return f"{100 * part / whole:.2f}" if whole else "0"
