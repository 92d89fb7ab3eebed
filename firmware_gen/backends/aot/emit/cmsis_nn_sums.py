"""Matrix products and pooling that Arm's CMSIS-NN computes."""

from __future__ import annotations

from math import prod

from firmware_gen.backends.aot.cmsis_nn import CmsisNn
from firmware_gen.backends.aot.emit.addresses import SUFFIX
from firmware_gen.backends.aot.emit.cmsis_nn_convolutions import wide_sum_fits
from firmware_gen.backends.aot.emit.cmsis_nn_memory import Scratch, checked_kernel, dims
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.layout import Placement
from firmware_gen.backends.aot.multipliers import RANGES
from firmware_gen.backends.aot.nodes import AveragePool, MatMul
from firmware_gen.backends.aot.source import struct

_Seen = tuple[Placement, tuple[int, ...]]


def matmul(library: CmsisNn, emitter: Emitter, node: MatMul) -> list[str] | None:
    """A product of matrices that lie behind each other, the second one transposed.

    Of matrices that fall into blocks, every block is a product of its own.

    Args:
        library: Which functions there are.
        emitter: Writes the layer.
        node: The product.

    Returns:
        Lines of C, or None where Arm has no function for it.
    """
    a, b = (emitter.value(index) for index in node.inputs)
    y = emitter.value(node.outputs[0])
    values, suffix = (a, b, y), SUFFIX[y.dtype]
    depth = a.shape[-2 if node.transpose_a else -1]
    if not library.has(f"arm_batch_matmul_{suffix}"):
        return None
    if y.dtype == "int16" and not wide_sum_fits(depth << 30, node.out):
        return None
    batches = [_two_axes(value.shape[:-2]) for value in values]
    if any(len(batch) > 2 for batch in batches):
        return None
    blocks, needed = node.blocks > 1, node.needed_blocks > 1
    parts = max(node.blocks, node.needed_blocks) if len(set(batches)) == 1 else 1
    turned = (node.transpose_a, not node.transpose_b, False)
    # Rows and columns that are split, of the second matrix as Arm sees it.
    split = ((needed, blocks), (True, blocks), (needed, True))
    scratch = Scratch(emitter)
    seen = []
    for value, turns, axes in zip(values, turned, split, strict=True):
        matrix: _Seen = (emitter.place(value.index), value.shape)
        matrix = _transposed(*matrix) if turns else matrix
        seen.append(_diagonal(*matrix, parts, axes) if parts > 1 else matrix)
    (copy_a, first), (copy_b, second) = (
        scratch.seen(*matrix, value) for matrix, value in zip(seen, (a, b), strict=False)
    )
    target, copy_out = scratch.result(*seen[2], y)
    sizes = [
        dims((*((prod(batch), parts) if parts > 1 else batch), *shape[-2:]))
        for batch, (_, shape) in zip(batches, seen, strict=True)
    ]
    low, high = RANGES[y.dtype]
    members = {
        "layer": f"{{{-a.zero_point}, {-b.zero_point}, {y.zero_point}, {{{low}, {high}}}}}",
        "a": sizes[0],
        "b": sizes[1],
        "output": sizes[2],
        "multiplier": node.out[0],
        "shift": node.out[1],
    }
    if y.dtype == "int8":
        members["sums"] = scratch.buffer(4 * seen[2][1][-1])
    kernel = checked_kernel(emitter, f"imse_matmul_{suffix}_cmsis")
    call = f"{kernel}(&p, {first}, {second}, {target});"
    return [*struct("imse_matmul_cmsis_t", members), *copy_a, *copy_b, call, *copy_out]


def _two_axes(batch: tuple[int, ...]) -> tuple[int, ...]:
    """Sizes of Arm's two axes of matrices; more than two where it has too few."""
    while len(batch) > 2 and batch[0] == 1:
        batch = batch[1:]
    return (1,) * (2 - len(batch)) + batch


def _transposed(place: Placement, shape: tuple[int, ...]) -> _Seen:
    """Matrices with rows and columns exchanged."""
    *outer, row, column = place.strides
    turned = Placement(place.buffer, place.offset, (*outer, column, row), place.in_newest_row)
    return turned, (*shape[:-2], shape[-1], shape[-2])


def _diagonal(
    place: Placement, shape: tuple[int, ...], parts: int, split: tuple[bool, bool]
) -> _Seen:
    """Blocks of matrices as matrices behind each other.

    Args:
        place: Where the matrices lie.
        shape: Their shape.
        parts: Number of blocks per matrix.
        split: Whether rows and whether columns are split; with both, the blocks are those along
            the diagonal.

    Returns:
        Placement and shape, with one axis more.
    """
    sizes = [n // parts if cut else n for n, cut in zip(shape[-2:], split, strict=True)]
    inner = place.strides[-2:]
    step = sum(n * s for n, s, cut in zip(sizes, inner, split, strict=True) if cut)
    strides = (*place.strides[:-2], step, *inner)
    blocks = Placement(place.buffer, place.offset, strides, place.in_newest_row)
    return blocks, (*shape[:-2], parts, *sizes)


def average_pool(library: CmsisNn, emitter: Emitter, node: AveragePool) -> list[str] | None:
    """Average pooling, or None where Arm has no function for it."""
    if not library.has("arm_avgpool_s8", "arm_avgpool_s8_get_buffer_size"):
        return None
    x, y = emitter.value(node.inputs[0]), emitter.value(node.outputs[0])
    scratch = Scratch(emitter)
    copy_in, source = scratch.image(x.index)
    target, copy_out = scratch.output(y.index)
    size = 4 * x.shape[3]
    stride, pads = (f"{{{b}, {a}}}" for a, b in (node.strides, node.pads))
    lines = struct(
        "imse_average_pool_cmsis_t",
        {
            "pool": f"{{{stride}, {pads}, {{{node.low}, {node.high}}}}}",
            "input": dims(x.shape),
            "filter": dims((1, *node.window, 1)),
            "output": dims(y.shape),
            "buffer": scratch.buffer(size),
            "buffer_bytes": size,
        },
    )
    kernel = checked_kernel(emitter, "imse_average_pool_s8_cmsis")
    return [*lines, *copy_in, f"{kernel}(&p, {source}, {target});", *copy_out]
