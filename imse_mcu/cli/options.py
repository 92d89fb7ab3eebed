"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

#: What computes int8 on this machine.
engine_option = click.option(
    "--engine",
    type=click.Choice(["tflm", "aot"]),
    default="tflm",
    show_default=True,
    help="What computes int8 here: the TFLM interpreter, or the firmware's C compiled for this "
    "machine, which is faster; its first frames must equal the interpreter's.",
)


def model_options(command: Command) -> Command:
    """Adds the options that say which model: preset, weights, recipe, calibration, segments."""
    for option in reversed(
        (
            click.option(
                "--model",
                default="imse-stream",
                show_default=True,
                metavar="NAME",
                help="Model, see: imse-mcu models.",
            ),
            click.option(
                "--weights", type=PATH, metavar="FILE", help="Your weights; default: shipped ones."
            ),
            click.option(
                "--quant",
                "recipe",
                metavar="RECIPE",
                help="Quantization recipe: a name or a TOML file. [default: int8; imse: imse]",
            ),
            click.option(
                "--calibration",
                type=PATH,
                metavar="FOLDER",
                help="Noisy recordings to calibrate on; default: a shipped one.",
            ),
            click.option(
                "--segment-frames",
                type=int,
                metavar="N",
                help="Frames of a segment, a multiple of 4 (model imse); default: the authors'.",
            ),
            click.option(
                "--no-cache", is_flag=True, help="Quantize even if the same was done before."
            ),
        )
    ):
        command = option(command)
    return command
