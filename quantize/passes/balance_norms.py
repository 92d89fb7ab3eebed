"""Bring the channels in front of an instance normalisation to equal levels.

Normalisation per channel undoes any factor and any offset per channel, so the convolution in front
may be scaled and shifted freely: with equal variances around zero, mean, variance and the values
themselves use all the levels of a scale that the channels share. Only the constant that is added to
the variance must follow.
"""

from __future__ import annotations

import numpy as np

from quantize.calibration import Calibration
from quantize.flatmodel import FlatModel, OpNode
from quantize.passes.linear import CHANNEL_AXIS, has_constants, per_channel

_LARGEST_FACTOR = 64.0


def balance_norms(model: FlatModel, survey: Calibration) -> int:
    """Scale every convolution whose result only an instance normalisation reads.

    Args:
        model: Float model read from the surveyed flatbuffer, changed in place.
        survey: Statistics of its tensors; the variance's channels must be whole tensors' means.

    Returns:
        Number of normalisations balanced.
    """
    balanced = 0
    for op in model.ops:
        if op.kind == "SQUARED_DIFFERENCE":
            balanced += _balance(model, op, survey)
    return balanced


def _balance(model: FlatModel, difference: OpNode, survey: Calibration) -> bool:
    source, mean = difference.operand(0), difference.operand(1)
    conv = model.producer(source)
    averages = model.consumers(difference.outputs[0])
    if conv is None or conv.kind not in CHANNEL_AXIS or len(averages) != 1:
        return False
    if conv.options["activation"] != "NONE" or not has_constants(conv):
        return False
    mean_op, variance = model.producer(mean), averages[0]
    if mean_op is None or {mean_op.kind, variance.kind} != {"MEAN"}:
        return False
    if variance.options["axes"] != [1, 2] or model.is_output(source):
        return False
    readers = model.consumers(source)
    scaled = [op for op in readers if op.kind == "MUL"]
    epsilon = model.consumers(variance.outputs[0])
    if len(readers) != 3 or len(scaled) != 1 or [op.kind for op in epsilon] != ["ADD"]:
        return False
    variances = np.maximum(survey[variance.outputs[0].key].channel_means, 1e-30)
    factors = np.sqrt(float(np.mean(variances)) / variances)
    factors = np.clip(factors, 1.0 / _LARGEST_FACTOR, _LARGEST_FACTOR)
    offsets = conv.constant(2) - survey[mean.key].channel_means
    conv.set_constant(1, conv.constant(1) * per_channel(conv, factors))
    conv.set_constant(2, offsets * factors)
    position = 1 if epsilon[0].operand(1).is_constant else 0
    epsilon[0].set_constant(position, epsilon[0].constant(position) * np.square(factors))
    return True
