"""Errors of the targets package."""

from __future__ import annotations

from imse_mcu.core.errors import ImseMcuError


class TargetError(ImseMcuError):
    """Anything wrong with a target, its description or the way to reach it."""


class TargetFileError(TargetError):
    """A target file that cannot be read or breaks the schema."""

    exit_code = 2


class UnknownTargetError(TargetError):
    """A target, board or microcontroller name that nothing answers to."""

    exit_code = 2
