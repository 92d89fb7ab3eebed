"""Errors of firmware generation."""

from __future__ import annotations

from imse_mcu.core.errors import ImseMcuError


class FirmwareError(ImseMcuError):
    """A firmware project that cannot be made or built."""


class OptionError(FirmwareError):
    """A choice that does not exist, or that the target or model does not have."""

    exit_code = 2


class LibraryNotFoundError(FirmwareError):
    """A library that the firmware links is not where an environment variable is to say."""

    exit_code = 3


class ModelTooBigError(FirmwareError):
    """The firmware does not fit a memory of the target.

    Attributes:
        table: Lines that say what takes the room.
    """

    def __init__(self, message: str, *, table: str, hint: str = "") -> None:
        super().__init__(message, hint=f"{hint}\n{table}" if hint else table)
        self.table = table


class ProjectFolderError(FirmwareError):
    """A folder that cannot take the firmware project."""


class ToolchainError(FirmwareError):
    """The firmware project could not be compiled, or its image is not as expected."""
