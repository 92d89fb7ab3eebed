"""Moves of data that Arm's CMSIS-NN does, where they are not views of memory."""

from __future__ import annotations

from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit.cmsis_nn_memory import checked_kernel, dims, is_dense
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.loops import Loop, collapse
from firmware_gen.backends.aot.nodes import Concat, Pad, Reshape, Transpose
from firmware_gen.backends.aot.source import struct

_AXES = 4
_MAX_RUN = 1 << 16  # Arm's numbers of rows, and bytes in them, are 16-bit
_MAX_GATHER = 1 << 13  # with Helium, offsets of eight rows are 16-bit


def transpose(library: CmsisNn, emitter: Emitter, node: Transpose) -> list[str] | None:
    """A transposition of dense int8 values, or None where Arm has no function for it."""
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    if x.dtype != "int8" or not library.has("arm_transpose_s8"):
        return None
    if not all(is_dense(emitter.place(value.index), value.shape) for value in (x, y)):
        return None
    shape, perm = _merged(x.shape, node.perm)
    if not 1 < len(shape) <= _AXES or max(shape) >= _MAX_GATHER:
        return None
    if len(shape) == _AXES - 1:  # Arm takes three axes as four, the first one of one element
        shape, perm = (1, *shape), (0, *(axis + 1 for axis in perm))
    fill = _AXES - len(shape)
    lines = struct(
        "imse_transpose_cmsis_t",
        {
            "input": _leading(shape),
            "output": _leading(tuple(shape[axis] for axis in perm)),
            "axes": len(shape),
            "perm": f"{{{', '.join(map(str, (*perm, *(0,) * fill)))}}}",
        },
    )
    kernel = checked_kernel(emitter, "imse_transpose_s8_cmsis")
    return [*lines, f"{kernel}(&p, {emitter.at(x.index)}, {emitter.at(y.index)});"]


def _leading(shape: tuple[int, ...]) -> str:
    """Initialiser of a ``cmsis_nn_dims``; axes of one element are put behind."""
    return dims((*shape, *(1,) * (_AXES - len(shape))))


def _merged(
    shape: tuple[int, ...], perm: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Fewest axes and their permutation that move the same elements to the same places."""
    kept = [axis for axis in perm if shape[axis] != 1]
    order = sorted(kept)
    runs: list[list[int]] = []  # axes that stay neighbours, in the order of the output
    for axis in kept:
        if runs and order.index(axis) == order.index(runs[-1][-1]) + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    inputs = sorted(runs)
    sizes = []
    for run in inputs:
        size = 1
        for axis in run:
            size *= shape[axis]
        sizes.append(size)
    return tuple(sizes), tuple(inputs.index(run) for run in runs)


def pad(library: CmsisNn, emitter: Emitter, node: Pad) -> list[str] | None:
    """A border around a copy of dense values, or None where Arm has no function for it."""
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    if not library.has("arm_pad_s8") or len(x.shape) > _AXES or y.dtype != "int8":
        return None
    if any(ring.padded == y.index for ring in emitter.layout.rings):
        return None
    places = emitter.place(x.index), emitter.place(y.index)
    if places[0].same_memory(emitter.layout.part(y.index, node.before), x.shape):
        return None
    if not all(is_dense(p, v.shape) for p, v in zip(places, (x, y), strict=True)):
        return None
    fill = (0,) * (_AXES - len(x.shape))
    after = tuple(
        whole - inside - before
        for whole, inside, before in zip(y.shape, x.shape, node.before, strict=True)
    )
    lines = struct(
        "imse_pad_cmsis_t",
        {
            "input": dims(x.shape),
            "before": dims((*fill, *node.before)),
            "after": dims((*fill, *after)),
            "value": node.value,
        },
    )
    kernel = checked_kernel(emitter, "imse_pad_s8_cmsis")
    return [*lines, f"{kernel}(&p, {emitter.at(x.index)}, {emitter.at(y.index)});"]


def join(
    library: CmsisNn, emitter: Emitter, node: Concat, begin: tuple[int, ...], index: int
) -> list[str] | None:
    """A dense input of a concatenation to its place, or None where Arm has no function for it."""
    x, place = emitter.value(index), emitter.place(index)
    target = emitter.layout.part(node.outputs[0], begin)
    if not library.has("arm_concatenation_s8_x") or place.same_memory(target, x.shape):
        return None
    loops = collapse(x.shape, (target.strides, place.strides))
    rows, run = (*(Loop(1, (0, 0)),) * (2 - len(loops)), *loops)[-2:]
    length, pitch = run.extent * x.itemsize, rows.steps[0] * x.itemsize
    if len(loops) > 2 or run.steps != (1, 1) or not is_dense(place, x.shape):
        return None
    if max(length, pitch, rows.extent) >= _MAX_RUN:
        return None
    to, origin = emitter.address(target, x.dtype), emitter.at(index)
    if x.dtype != "int8":
        to, origin = f"IMSE_S8({to})", f"IMSE_CONST_S8({origin})"
    kernel = emitter.source.kernel("imse_concatenation_s8_cmsis")
    return [f"{kernel}({origin}, {length}, {rows.extent}, {to}, {pitch});"]


def reshape(library: CmsisNn, emitter: Emitter, node: Reshape) -> list[str] | None:
    """A copy of dense values, or None where Arm has no function for it."""
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    places = emitter.place(x.index), emitter.place(y.index)
    dense = all(is_dense(p, v.shape) for p, v in zip(places, (x, y), strict=True))
    seen = emitter.layout.reshaped(x.index, y.shape)
    if not library.has("arm_reshape_s8") or not dense or seen is None:
        return None
    if seen.same_memory(places[1], y.shape):
        return None
    to, origin = emitter.at(y.index), emitter.at(x.index)
    if y.dtype != "int8":
        to, origin = f"IMSE_S8({to})", f"IMSE_CONST_S8({origin})"
    kernel = emitter.source.kernel("imse_reshape_s8_cmsis")
    return [f"{kernel}({origin}, {to}, {y.elements * y.itemsize});"]
