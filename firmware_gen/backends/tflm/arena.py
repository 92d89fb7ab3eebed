"""Size of the interpreter's arena on a 32-bit processor.

An upper estimate from the interpreter's own rules: activations are laid out greedily by size, every
operator and tensor costs persistent records, and the optimised kernels ask for scratch memory. The
exact figure depends on the interpreter's version and kernels, so where the image can be run on an
emulator it is measured there and a margin is added; the runner fails cleanly when the arena is too
small.
"""

from __future__ import annotations

from dataclasses import dataclass

from quantize.inspect import Graph, Op

_ALIGNMENT = 16
_TENSOR_RECORD = 24
_OP_RECORD = 160
_CHANNEL_RECORD = 8
_INTERPRETER_RECORD = 2048
_MARGIN = 0.1
MEASURED_MARGIN_BYTES = 256
"""Added to what the interpreter took, for it may need more while it prepares than it says."""


@dataclass(frozen=True)
class _Interval:
    size: int
    first: int
    last: int


def arena_bytes(graph: Graph) -> int:
    """Upper estimate of the arena.

    Args:
        graph: Subgraph 0 of the model.

    Returns:
        Bytes, a multiple of 16.
    """
    intervals = _activations(graph) + [
        _Interval(_scratch(graph, op), op.index, op.index) for op in graph.ops
    ]
    activations = _greedy([interval for interval in intervals if interval.size])
    persistent = _INTERPRETER_RECORD + len(graph.tensors) * _TENSOR_RECORD
    for op in graph.ops:
        persistent += _OP_RECORD
        if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            persistent += _CHANNEL_RECORD * graph.tensors[op.outputs[0]].shape[-1]
        if op.kind == "BATCH_MATMUL":
            persistent += sum(graph.tensors[index].nbytes for index in op.inputs)
        if op.kind in ("ELU",):
            persistent += 256
    return _aligned(int((activations + persistent) * (1 + _MARGIN)))


def measured_arena_bytes(used_bytes: int) -> int:
    """Size of the arena when the interpreter's use of it is known.

    Args:
        used_bytes: What the interpreter says it took.

    Returns:
        Bytes, a multiple of 16.
    """
    return _aligned(used_bytes + MEASURED_MARGIN_BYTES)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _activations(graph: Graph) -> list[_Interval]:
    """Lifetimes of computed tensors; inputs live from the start, outputs to the end."""
    end = len(graph.ops)
    first = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = dict.fromkeys(graph.outputs, end)
    for op in graph.ops:
        for index in op.outputs:
            first.setdefault(index, op.index)
            last[index] = max(last.get(index, 0), op.index)
        for index in op.inputs:
            if index >= 0 and not graph.tensors[index].is_constant:
                last[index] = max(last.get(index, 0), op.index)
    return [
        _Interval(_aligned(graph.tensors[index].nbytes), start, last.get(index, start))
        for index, start in first.items()
    ]


def _greedy(intervals: list[_Interval]) -> int:
    """Peak of the interpreter's planner: by size, each into the first gap that fits."""
    placed: list[tuple[int, _Interval]] = []
    peak = 0
    for item in sorted(intervals, key=lambda i: (-i.size, i.first)):
        offset = 0
        for start, other in sorted(placed, key=lambda pair: pair[0]):
            if other.first > item.last or item.first > other.last:
                continue
            if offset + item.size <= start:
                break
            offset = max(offset, start + other.size)
        placed.append((offset, item))
        peak = max(peak, offset + item.size)
    return peak


def _scratch(graph: Graph, op: Op) -> int:
    """Scratch of the optimised kernels: two columns of int16 inputs, or a row of them."""
    if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return 0
    x, weights = graph.tensors[op.inputs[0]].shape, graph.tensors[op.inputs[1]].shape
    taps = weights[1] * weights[2]
    if op.kind == "CONV_2D":
        return _aligned(4 * taps * x[3])
    return _aligned(2 * taps * x[3] + 4 * x[2] * x[3])
