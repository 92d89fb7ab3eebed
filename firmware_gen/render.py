"""The one template environment of the firmware project."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> jinja2.Environment:
    # The output is C, CMake and linker text: nothing here must be escaped for HTML.
    return jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **values: Any) -> bytes:
    """Render a template of the firmware project.

    Args:
        template: File name under ``templates/``.
        **values: Its variables; a missing one is an error.

    Returns:
        UTF-8 text with Unix line ends.

    Raises:
        jinja2.UndefinedError: The template uses a variable that was not given.
    """
    return _environment().get_template(template).render(**values).encode("utf-8")
