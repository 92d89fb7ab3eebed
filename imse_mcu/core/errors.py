"""The one exception family of imse-mcu.

Every failure that a user can cause or cure is an :class:`ImseMcuError`: one line that says what
failed, where and what was expected, and a hint that says what to do next. The command line prints
both and exits with ``exit_code``; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations


class ImseMcuError(Exception):
    """A failure with one clear message and a hint for the next step.

    Attributes:
        message: One line: what failed, where, what was expected.
        hint: What to do next, or an empty string.
        exit_code: Exit status of the command line for this kind of failure.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message
