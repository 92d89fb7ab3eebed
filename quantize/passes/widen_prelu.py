"""PReLU made of operators that have int16 kernels.

``prelu(x) = x + (slope - 1) min(x, 0)``: TensorFlow Lite Micro's PRELU is int8 only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.recipe import Selection


def widen_prelu(model: FlatModel, wide: Sequence[Selection]) -> int:
    """Replace the chosen PReLUs.

    Args:
        model: Float model, changed in place.
        wide: Operators that are to be computed in int16.

    Returns:
        Number of operators replaced.
    """
    replaced = 0
    ops: list[OpNode] = []
    for op in model.ops:
        if op.kind == "PRELU" and any(s.matches(op.kind, op.outputs[0].name) for s in wide):
            ops.extend(_composed(op))
            replaced += 1
        else:
            ops.append(op)
    model.ops = ops
    return replaced


def _composed(op: OpNode) -> list[OpNode]:
    source, result = op.operand(0), op.outputs[0]
    zero = TensorNode(f"{result.name}/zero", (), "float32", np.zeros((), np.float32))
    change = TensorNode(
        f"{result.name}/slope", op.operand(1).shape, "float32", op.constant(1) - np.float32(1.0)
    )
    low = TensorNode(f"{result.name}/min", source.shape, source.dtype)
    bent = TensorNode(f"{result.name}/mul", source.shape, source.dtype)
    options = schema.BuiltinOptions
    return [
        OpNode(
            "MINIMUM",
            [source, zero],
            [low],
            schema.MaximumMinimumOptionsT(),
            options.MaximumMinimumOptions,
        ),
        OpNode("MUL", [low, change], [bent], schema.MulOptionsT(), options.MulOptions),
        OpNode("ADD", [source, bent], [result], schema.AddOptionsT(), options.AddOptions),
    ]
