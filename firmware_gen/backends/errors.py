"""Errors of the runtimes."""

from __future__ import annotations

from firmware_gen.errors import FirmwareError


class BackendError(FirmwareError):
    """A model that a runtime cannot turn into firmware."""


class UnsupportedOpError(BackendError):
    """An operator, type or layout that a runtime has no kernel for."""
