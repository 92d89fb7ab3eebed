"""Errors of the model package."""

from __future__ import annotations

from imse_mcu.core.errors import ImseMcuError


class ConfigError(ImseMcuError):
    """A model configuration or preset that cannot be built."""

    exit_code = 2


class WeightsError(ImseMcuError):
    """Weights that are missing, corrupt or made for another network."""

    exit_code = 2


class AudioError(ImseMcuError):
    """Audio that the front end cannot process."""

    exit_code = 2


class TrainingError(ImseMcuError):
    """A training run that cannot start or go on."""


class TrainingInputError(TrainingError):
    """Recordings or a device that a training run cannot use."""

    exit_code = 2
