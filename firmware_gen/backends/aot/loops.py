"""Loop nests over strided tensors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loop:
    """One loop.

    Attributes:
        extent: Number of iterations.
        steps: Elements that each operand advances per iteration.
    """

    extent: int
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Nest:
    """Loops around a vector kernel.

    Attributes:
        loops: Outer loops, outermost first.
        count: Elements per kernel call.
        steps: Elements that each operand advances per element of a call.
    """

    loops: tuple[Loop, ...]
    count: int
    steps: tuple[int, ...]


def collapse(shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...]) -> tuple[Loop, ...]:
    """Merge axes that lie behind each other for every operand.

    Args:
        shape: Extents.
        strides: Per operand, elements per axis (0 where it is broadcast).

    Returns:
        The fewest loops, outermost first; none for a single element.
    """
    merged: list[Loop] = []
    for axis in range(len(shape) - 1, -1, -1):
        extent, steps = shape[axis], tuple(operand[axis] for operand in strides)
        if extent == 1:
            continue
        if merged:
            inner = merged[-1]
            if all(s == i * inner.extent for s, i in zip(steps, inner.steps, strict=True)):
                merged[-1] = Loop(inner.extent * extent, inner.steps)
                continue
        merged.append(Loop(extent, steps))
    return tuple(reversed(merged))


def nest(
    shape: tuple[int, ...],
    strides: tuple[tuple[int, ...], ...],
    unit: tuple[bool, ...],
) -> Nest:
    """Loops around a kernel that works on vectors.

    Args:
        shape: Extents of the output.
        strides: Per operand, elements per axis.
        unit: Per operand, whether the kernel needs it dense (else any step will do).

    Returns:
        The nest; one element per call when the innermost axis does not suit the kernel.
    """
    loops = collapse(shape, strides)
    if loops and all(
        step == 1 or not dense for step, dense in zip(loops[-1].steps, unit, strict=True)
    ):
        return Nest(loops[:-1], loops[-1].extent, loops[-1].steps)
    return Nest(loops, 1, tuple(1 for _ in unit))


def broadcast(
    shape: tuple[int, ...], strides: tuple[int, ...], target: tuple[int, ...]
) -> tuple[int, ...]:
    """Strides of an operand that is broadcast to ``target``."""
    missing = len(target) - len(shape)
    return (0,) * missing + tuple(
        0 if size == 1 and wanted != 1 else stride
        for size, stride, wanted in zip(shape, strides, target[missing:], strict=True)
    )
