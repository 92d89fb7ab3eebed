"""GELU, exact or made of a logistic function."""

from __future__ import annotations

import tensorflow as tf

from keras_imse.errors import ConfigError

#: ``Phi(x) ~ sigmoid(x (A + B x^2))``: minimax fit of ``x Phi(x)`` over all x, error 2.71e-4.
LOGISTIC_LINEAR = 1.60031416
LOGISTIC_CUBIC = 0.06940179


def gelu(x: tf.Tensor, form: str) -> tf.Tensor:
    """Returns ``x Phi(x)`` with the standard normal distribution function Phi.

    Args:
        x: Any shape.
        form: ``erf`` (exact) or ``logistic`` (see :class:`keras_imse.imse_config.OpForms`).

    Returns:
        Same shape as ``x``.

    Raises:
        ConfigError: ``form`` is unknown.
    """
    if form == "erf":
        return tf.nn.gelu(x, approximate=False)
    if form == "logistic":
        return x * tf.sigmoid(x * (LOGISTIC_LINEAR + LOGISTIC_CUBIC * (x * x)))
    raise ConfigError(f"GELU has the forms erf and logistic, got '{form}'")
