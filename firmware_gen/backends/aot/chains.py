"""Element-wise operators in a row as one loop.

Where a value is read by one element-wise operator only, its producer joins that operator: nothing
lies in memory between them. Every integer on the way is the one the single operators give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from firmware_gen.backends.aot.fold import kept_values
from firmware_gen.backends.aot.nodes import Chain, Node, Program, Requantize


def fuse_chains(program: Program, accepts: Callable[[Program, Node], bool]) -> None:
    """Join element-wise operators, in place.

    Args:
        program: The program.
        accepts: Whether the kernel set has an operator as a step of a chain.
    """
    kept = kept_values(program)
    readers = Counter(index for node in program.nodes for index in set(node.inputs))
    steps: dict[int, list[Node]] = {}
    joined: set[Node] = set()
    for node in program.nodes:
        if not accepts(program, node):
            continue
        (output,) = node.outputs
        shape = program.values[output].shape
        before: list[Node] = []
        for index in dict.fromkeys(node.inputs):
            alone = index in steps and readers[index] == 1 and index not in kept
            if alone and program.values[index].shape == shape:
                before += steps.pop(index)
        steps[output] = [*before, node]
        joined.update(before)
    nodes: list[Node] = []
    for node in program.nodes:
        chain = steps.get(node.outputs[0], [])
        if node in joined:
            continue
        alone = len(chain) < 2 and not (chain and isinstance(node, Requantize))
        nodes.append(node if alone else _chain(chain))
    program.nodes = nodes


def _chain(steps: list[Node]) -> Chain:
    inside = {node.outputs[0] for node in steps}
    read = dict.fromkeys(index for node in steps for index in node.inputs)
    return Chain(
        label=", ".join(node.label for node in steps),
        inputs=tuple(index for index in read if index not in inside),
        outputs=steps[-1].outputs,
        steps=tuple(steps),
    )
