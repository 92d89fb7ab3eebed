"""Errors of the quantize package."""

from __future__ import annotations

from imse_mcu.core.errors import ImseMcuError


class QuantizeError(ImseMcuError):
    """A model, recipe or recording set that cannot be quantized or measured."""


class ModelFileError(QuantizeError):
    """A .tflite file that cannot be read or lacks what imse-mcu needs in it."""

    exit_code = 2


class NotIntegerError(QuantizeError):
    """A graph that still computes in floating point somewhere."""


class RecipeError(QuantizeError):
    """A quantization recipe that does not exist or does not parse."""

    exit_code = 2
