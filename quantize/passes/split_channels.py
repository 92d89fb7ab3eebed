"""Give parts of a convolution's result that are used apart scales of their own.

A 1x1 convolution that makes query, key, value and gate at once, split behind it, forces one scale
on all of them. Computed as one convolution per part (the same multiply-accumulates and weights),
each part has its own. The same holds for a depthwise convolution between the two.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np

from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.passes.linear import CHANNEL_AXIS, has_constants


def split_channels(model: FlatModel) -> int:
    """Replace every channel split behind linear operators by one chain of operators per part.

    Args:
        model: Float model, changed in place.

    Returns:
        Number of splits removed.
    """
    removed = 0
    for split in [op for op in model.ops if op.kind in ("SPLIT", "SPLIT_V")]:
        source = split.operand(1 if split.kind == "SPLIT" else 0)
        if split.options["axis"] != len(source.shape) - 1:
            continue
        chain = _linear_chain(model, source)
        if not chain:
            continue
        edges = np.cumsum([0, *split.options["sizes"]])
        parts: list[OpNode] = []
        for part, (start, stop) in zip(split.outputs, pairwise(edges), strict=True):
            parts.extend(_part(chain, part, slice(int(start), int(stop))))
        position = next(i for i, op in enumerate(model.ops) if op is split)
        gone = {id(op) for op in (*chain, split)}
        head = [op for op in model.ops[:position] if id(op) not in gone]
        model.ops = [*head, *parts, *model.ops[position + 1 :]]
        removed += 1
    return removed


def _linear_chain(model: FlatModel, source: TensorNode) -> list[OpNode]:
    """The convolution, and depthwise ones behind it, that make a tensor nothing else reads."""
    chain: list[OpNode] = []
    tensor = source
    while not model.is_output(tensor) and len(model.consumers(tensor)) == 1:
        op = model.producer(tensor)
        if op is None or op.kind not in CHANNEL_AXIS or not has_constants(op):
            return []
        chain.insert(0, op)
        if op.kind == "CONV_2D":
            return chain
        if op.options["depth_multiplier"] != 1:
            return []
        tensor = op.operand(0)
    return []


def _part(chain: list[OpNode], result: TensorNode, channels: slice) -> list[OpNode]:
    """The chain for some of the channels, ending in ``result``."""
    ops: list[OpNode] = []
    source = chain[0].operand(0)
    for op in chain:
        whole = op.outputs[0]
        output = result
        if op is not chain[-1]:
            shape = (*whole.shape[:-1], channels.stop - channels.start)
            output = TensorNode(f"{result.name}/{op.kind.lower()}", shape, whole.dtype)
        part = OpNode(
            op.kind, [source, *op.inputs[1:]], [output], copy.copy(op.builtin), op.builtin_type
        )
        axis = CHANNEL_AXIS[op.kind]
        part.set_constant(1, np.moveaxis(np.moveaxis(op.constant(1), axis, 0)[channels], 0, axis))
        part.set_constant(2, op.constant(2)[channels])
        ops.append(part)
        source = output
    return ops
