"""How much memory the values of a layout need at the least, step by step."""

from __future__ import annotations

import numpy as np

from firmware_gen.backends.aot.layout import Buffer, Layout


def value_spans(layout: Layout) -> dict[int, tuple[int, int]]:
    """First and last step that uses each placed value."""
    steps = len(layout.program.nodes)
    spans: dict[int, tuple[int, int]] = {}
    for position, node in enumerate(layout.program.nodes):
        for index in (*node.inputs, *node.outputs):
            first, _ = spans.get(index, (position, position))
            spans[index] = (first, position)
    for state in layout.program.states:
        if state.after in spans:
            spans[state.after] = (spans[state.after][0], steps)
    return {index: span for index, span in spans.items() if index in layout.placements}


def live_bytes(layout: Layout) -> np.ndarray:
    """Bytes of the arena that hold a value which is still needed, per step.

    Views of one memory count once; a part of a buffer that nothing has written yet, or that nothing
    reads any more, does not count.

    Args:
        layout: A layout.

    Returns:
        int64, shape ``(steps,)``. No plan of this program is smaller than the largest.
    """
    program = layout.program
    spans = value_spans(layout)
    members: dict[Buffer, list[int]] = {}
    for index in spans:
        buffer = layout.placements[index].buffer
        if buffer.kind == "arena":
            members.setdefault(buffer, []).append(index)
    total = np.zeros(len(program.nodes) + 1, np.int64)
    for buffer, values in members.items():
        if len(values) == 1:
            first, last = spans[values[0]]
            total[first : last + 1] += buffer.size_bytes
            continue
        total += _union(layout, buffer, values, spans, len(total))
    return total[: len(program.nodes)]


def taken_bytes(layout: Layout) -> np.ndarray:
    """Bytes of all buffers of the arena that are in use, whole, per step.

    Args:
        layout: A layout with lifetimes.

    Returns:
        int64, shape ``(steps,)``.
    """
    total = np.zeros(len(layout.program.nodes) + 1, np.int64)
    for buffer in layout.buffers:
        if buffer.kind == "arena":
            total[buffer.first : buffer.last + 1] += buffer.size_bytes
    return total[:-1]


def _union(
    layout: Layout,
    buffer: Buffer,
    values: list[int],
    spans: dict[int, tuple[int, int]],
    steps: int,
) -> np.ndarray:
    """Bytes of one buffer in use, per step."""
    itemsize = layout.program.values[buffer.value].itemsize
    changes = sorted({edge for i in values for edge in (spans[i][0], spans[i][1] + 1)})
    masks = {index: elements_of(layout, index) for index in values}
    result = np.zeros(steps, np.int64)
    for begin, end in zip(changes, [*changes[1:], steps], strict=True):
        live = [masks[i] for i in values if spans[i][0] <= begin <= spans[i][1]]
        if live:
            result[begin:end] = itemsize * int(np.count_nonzero(np.any(live, axis=0)))
    return result


def elements_of(layout: Layout, index: int) -> np.ndarray:
    """Which elements of its buffer a value takes, as bool of the buffer's number of elements."""
    place, value = layout.placements[index], layout.program.values[index]
    mask = np.zeros(place.buffer.size_bytes // value.itemsize, bool)
    view = np.lib.stride_tricks.as_strided(mask[place.offset :], value.shape, place.strides)
    view[...] = True
    return mask
