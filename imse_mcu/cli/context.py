"""What every command shares: ``--json``, ``-v``, output, progress."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from imse_mcu.core.files import json_text
from imse_mcu.core.progress import Reporter

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Session:
    """State of one call of the command line.

    Attributes:
        as_json: Print one JSON document on standard output instead of text.
        verbosity: 0 quiet, 1 with the commands that are run, 2 with their output.
        reporter: Progress on standard error.
    """

    as_json: bool = False
    verbosity: int = 0
    reporter: Reporter = field(default_factory=Reporter)

    def emit(self, data: Any, text: str) -> None:
        """Prints a result: JSON for machines or text for people.

        Args:
            data: JSON-ready data.
            text: The same for people.
        """
        if self.as_json:
            sys.stdout.write(json_text(data))
        else:
            sys.stdout.write(text.rstrip("\n") + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Prints one line on standard error that the user should see."""
        self.reporter.note(text)


def common_options(command: Command) -> Command:
    """Adds ``--json`` and ``-v`` and passes a :class:`Session` as first argument."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines.")
    @click.option(
        "-v",
        "--verbose",
        count=True,
        help="Show programs that are run and where the time goes; -vv what programs print.",
    )
    @click.pass_context
    @functools.wraps(command)
    def wrapper(context: click.Context, as_json: bool, verbose: int, **kwargs: Any) -> Any:
        session = context.ensure_object(Session)
        session.as_json = session.as_json or as_json
        session.verbosity = max(session.verbosity, verbose)
        set_up_logging(session.verbosity)
        result = context.invoke(command, session, **kwargs)
        if session.verbosity:
            session.note(session.reporter.describe_times())
        return result

    return wrapper  # type: ignore[return-value]


def set_up_logging(verbosity: int) -> None:
    """Sends the tool's own log to standard error, at a level chosen by ``-v``."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    logger = logging.getLogger("imse_mcu")
    logger.setLevel(level)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
