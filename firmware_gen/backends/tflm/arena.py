"""Size of the interpreter's arena on a 32-bit processor.

An upper estimate by the interpreter's own rules, as of tflite-micro 90b983c2 with CMSIS-NN:
computed tensors and scratch memory of kernels are laid out greedily by size; every operator and
tensor costs persistent records; a matrix product keeps a transposed copy of an operand, for itself
alone and for good. The exact figure depends on the interpreter's version and kernels, so where the
image can be run on an emulator it is measured there and a margin is added; the runner fails cleanly
when the arena is too small.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from quantize.inspect import Graph, Op, Tensor

_ALIGNMENT = 16
_MARGIN = 0.01
MEASURED_MARGIN_BYTES = 256
"""Added to what the interpreter took, for it may need more while it prepares than it says."""

_INTERPRETER_RECORD = 512
_TENSOR_RECORD = 12
_END_RECORD = 64  # of an input or output of the graph
_NODE_RECORD = 32
_SCRATCH_RECORD = 4
_KERNEL_RECORDS = {
    "ADD": 64,
    "AVERAGE_POOL_2D": 48,
    "BATCH_MATMUL": 112,
    "CONCATENATION": 32,
    "CONV_2D": 64,
    "DEPTHWISE_CONV_2D": 64,
    "DEPTH_TO_SPACE": 32,
    "DIV": 32,
    "ELU": 256,
    "FULLY_CONNECTED": 80,
    "HARD_SWISH": 32,
    "LOGISTIC": 16,
    "MEAN": 48,
    "MUL": 48,
    "PAD": 64,
    "PADV2": 64,
    "PRELU": 32,
    "QUANTIZE": 32,
    "RESHAPE": 32,
    "RSQRT": 32,
    "SQUARED_DIFFERENCE": 112,
    "STRIDED_SLICE": 96,
    "SUB": 64,
}
"""What kernels keep per operator, tables and copies of shapes in it; the others keep nothing."""

_OPTION_RECORDS = {
    "AVERAGE_POOL_2D": 40,
    "CONCATENATION": 8,
    "CONV_2D": 28,
    "DEPTHWISE_CONV_2D": 28,
    "FULLY_CONNECTED": 8,
    "RESHAPE": 36,
    "SQUEEZE": 36,
    "STRIDED_SLICE": 24,
}
_OPTION_RECORD = 4

# While it plans: a record per tensor and per buffer, and the kernels' requests for scratch memory.
_PLANNED_TENSOR = 24
_PLANNED_BUFFER = 40
_SCRATCH_REQUEST = 12
_SPARE_REQUESTS = 12

_HELIUM_CHANNELS = 124  # that a depthwise convolution works on at a time


@dataclass(frozen=True)
class Buffer:
    """Memory that is needed for a while.

    Attributes:
        size: Bytes.
        first: Operator that needs it first, counted from 1; 0 is before all of them.
        last: Operator that needs it last.
    """

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
    scratch = [
        Buffer(_aligned(size), op.index + 1, op.index + 1)
        for op in graph.ops
        for size in _scratch(graph, op)
    ]
    buffers = _activations(graph) + scratch
    planning = (
        _PLANNED_TENSOR * (len(graph.tensors) + len(scratch))
        + _PLANNED_BUFFER * len(buffers)
        + _SCRATCH_REQUEST * (len(scratch) + _SPARE_REQUESTS)
    )
    persistent = (
        _INTERPRETER_RECORD
        + _TENSOR_RECORD * len(graph.tensors)
        + _END_RECORD * (len(graph.inputs) + len(graph.outputs))
        + _SCRATCH_RECORD * len(scratch)
        + sum(_persistent(graph, op) for op in graph.ops)
    )
    return _aligned(int((max(planned_bytes(buffers), planning) + persistent) * (1 + _MARGIN)))


def measured_arena_bytes(used_bytes: int) -> int:
    """Size of the arena when the interpreter's use of it is known.

    Args:
        used_bytes: What the interpreter says it took.

    Returns:
        Bytes, a multiple of 16.
    """
    return _aligned(used_bytes + MEASURED_MARGIN_BYTES)


def planned_bytes(buffers: list[Buffer]) -> int:
    """What the interpreter's planner needs: by size, each buffer into the first gap that fits.

    Args:
        buffers: In the order in which the planner hears of them; of equal ones it takes the last
            first.

    Returns:
        Bytes.
    """
    placed: list[tuple[int, Buffer]] = []
    peak = 0
    largest_last = sorted(buffers, key=attrgetter("size"))
    for buffer in reversed(largest_last):
        offset = 0
        for start, other in placed:
            if other.first > buffer.last or buffer.first > other.last:
                continue
            if offset + buffer.size <= start:
                break
            offset = max(offset, start + other.size)
        insort(placed, (offset, buffer), key=itemgetter(0))
        peak = max(peak, offset + buffer.size)
    return peak


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _activations(graph: Graph) -> list[Buffer]:
    """Lifetimes of computed tensors, by index; inputs live from the start, outputs to the end."""
    end = len(graph.ops)
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for op in graph.ops:
        for index in (*op.outputs, *op.inputs):
            if index >= 0 and not graph.tensors[index].is_constant:
                first.setdefault(index, op.index + 1)
                last[index] = op.index + 1
    last |= dict.fromkeys(graph.outputs, end)
    return [
        Buffer(_aligned(graph.tensors[index].nbytes), first[index], last[index])
        for index in sorted(first)
    ]


def _persistent(graph: Graph, op: Op) -> int:
    """What stays for an operator as long as the interpreter does."""
    size = (
        _NODE_RECORD
        + _OPTION_RECORDS.get(op.kind, _OPTION_RECORD)
        + _KERNEL_RECORDS.get(op.kind, 0)
    )
    if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        size += 2 * _aligned(4 * graph.tensors[op.outputs[0]].shape[-1])
    if op.kind == "BATCH_MATMUL":
        x, y = (graph.tensors[index] for index in op.inputs)
        size += sum(
            _copy(tensor)
            for tensor, copied in ((x, op.options["adj_x"]), (y, not op.options["adj_y"]))
            if copied
        )
    return size


def _copy(tensor: Tensor) -> int:
    return _aligned(_TENSOR_RECORD) + _aligned(4 + 4 * len(tensor.shape)) + _aligned(tensor.nbytes)


def _scratch(graph: Graph, op: Op) -> list[int]:
    """Scratch memory of the kernels, with DSP instructions or Helium, whichever is more."""
    output = graph.tensors[op.outputs[0]]
    channels = output.shape[-1] if output.shape else 1
    if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        x, weights = (graph.tensors[index] for index in op.inputs[:2])
        taps = weights.shape[1] * weights.shape[2]
        columns = 4 * _aligned(taps * x.shape[3] * x.itemsize)
        if op.kind == "CONV_2D" or x.itemsize == 2:
            return [columns]
        if x.shape[3] == 1:
            return [columns + weights.nbytes]
        return [max(2 * taps * x.shape[3], 4 * taps * _HELIUM_CHANNELS)]
    if op.kind == "FULLY_CONNECTED":
        return [8 * channels, 4 * channels]
    if op.kind in ("AVERAGE_POOL_2D", "BATCH_MATMUL"):
        return [4 * channels]
    if op.kind == "MEAN":
        x, axes = (graph.tensors[index] for index in op.inputs)
        return [4 * output.elements, 4 * len(x.shape), 4 * axes.elements]
    return []
