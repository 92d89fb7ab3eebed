"""State as ring buffers.

The pattern ``extended = concat([state, x], time)``, ``y = valid convolution over time of
extended``, ``next state = extended[:, -past:]`` needs no copying: the frames stay where they are
in a buffer with one row more than the state, the newest frame is written over the oldest, and the
convolution gets a pointer per row. A depthwise convolution with equal taps over the whole window
is a running sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_gen.backends.aot.nodes import Concat, Convolution, Node, Pad, Program, Slice, State

TIME = 1


@dataclass(frozen=True, eq=False)
class Ring:
    """One ring buffer.

    Attributes:
        state: The state it replaces.
        rows: Frames it holds, the newest included.
        newest: Value that is the newest frame.
        extended: Value with all frames in order.
        padded: Value with all frames and a border over frequency, or None.
        window: Convolution kept as a running sum, or None.
    """

    state: State
    rows: int
    newest: int
    extended: int
    padded: int | None
    window: Convolution | None

    @property
    def root(self) -> int:
        """Value whose layout the buffer has."""
        return self.extended if self.padded is None else self.padded


def find_rings(program: Program) -> tuple[Ring, ...]:
    """Find the states that can be ring buffers.

    Args:
        program: The lowered program.

    Returns:
        One ring per such state, in the order of the states.
    """
    rings = (_ring(program, state) for state in program.states)
    return tuple(ring for ring in rings if ring is not None)


def _ring(program: Program, state: State) -> Ring | None:
    concat = _concat_of(program, state)
    if concat is None:
        return None
    newest, extended = concat.inputs[1], concat.outputs[0]
    rows = program.values[extended].shape[TIME]
    found = _readers(program, state, extended)
    if found is None:
        return None
    padded, convolutions = found
    if not convolutions or not all(_covers(node, rows) for node in convolutions):
        return None
    if program.consumers(state.after) or not _produced_by_slice(program, state, extended):
        return None
    others = (other.after for other in program.states if other is not state)
    if not {state.after, extended, padded}.isdisjoint((program.mask, program.phase, *others)):
        return None
    window: Convolution | None = None
    if padded is None and len(convolutions) == 1 and _is_running_sum(program, convolutions[0]):
        window = convolutions[0]
    return Ring(state, rows, newest, extended, padded, window)


def _concat_of(program: Program, state: State) -> Concat | None:
    """The concatenation of a state with one new frame, if that is all the state is read by."""
    readers = program.consumers(state.before)
    if len(readers) != 1 or not isinstance(readers[0], Concat):
        return None
    concat, before = readers[0], program.values[state.before]
    if concat.axis != TIME or len(before.shape) != 4 or before.shape[0] != 1:
        return None
    if before.dtype != "int8":  # the kernels take rows of bytes
        return None
    if len(concat.inputs) != 2 or concat.inputs[0] != state.before:
        return None
    newest = program.values[concat.inputs[1]]
    if newest.shape[TIME] != 1 or newest.data is not None:
        return None
    return concat


def _readers(
    program: Program, state: State, extended: int
) -> tuple[int | None, list[Convolution]] | None:
    """The padded form of all frames and the convolutions over them; None if others read them."""
    padded: int | None = None
    convolutions: list[Convolution] = []
    for node in program.consumers(extended):
        if isinstance(node, Slice) and node.outputs == (state.after,):
            if not _is_tail(program, node):
                return None
        elif isinstance(node, Pad) and padded is None and _pads_frequency(program, node):
            padded = node.outputs[0]
        elif isinstance(node, Convolution):
            convolutions.append(node)
        else:
            return None
    for node in program.consumers(padded) if padded is not None else []:
        if not isinstance(node, Convolution):
            return None
        convolutions.append(node)
    return padded, convolutions


def _produced_by_slice(program: Program, state: State, extended: int) -> bool:
    return any(
        isinstance(node, Slice) and node.outputs == (state.after,) and node.inputs == (extended,)
        for node in program.nodes
    )


def _is_tail(program: Program, node: Slice) -> bool:
    expected = (0, 1, 0, 0)
    return (
        node.begin == expected
        and set(node.steps) == {1}
        and program.values[node.outputs[0]].shape == node.shape
    )


def _pads_frequency(program: Program, node: Pad) -> bool:
    x, y = program.values[node.inputs[0]], program.values[node.outputs[0]]
    return node.value == x.zero_point and all(x.shape[axis] == y.shape[axis] for axis in (0, 1, 3))


def _covers(node: Node, rows: int) -> bool:
    """Whether a convolution turns exactly ``rows`` rows into one."""
    if not isinstance(node, Convolution):
        return False
    return (node.kernel[0] - 1) * node.dilations[0] + 1 == rows


def _is_running_sum(program: Program, node: Convolution) -> bool:
    shape = program.values[node.inputs[0]].shape
    if not node.depthwise or node.kernel[1] != 1 or node.dilations[0] != 1 or shape[2] != 1:
        return False
    if node.weights.shape[-1] != shape[3] or node.kernel[0] < 4:
        return False
    return bool(np.all(node.weights == node.weights[:1]))
