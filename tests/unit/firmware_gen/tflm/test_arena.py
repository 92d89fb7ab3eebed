"""The rules by which the interpreter's memory is estimated."""

from __future__ import annotations

import pytest
from aot_harness import GraphBuilder

from firmware_gen.backends.tflm.arena import Buffer, arena_bytes, planned_bytes
from quantize.artifact import QuantizedModel


def test_large_buffers_are_placed_first_and_small_ones_in_the_first_gap() -> None:
    long, early, late = Buffer(64, 0, 9), Buffer(48, 1, 3), Buffer(32, 4, 6)
    small = Buffer(16, 1, 5)
    assert planned_bytes([small, late, early, long]) == 64 + 48 + 16
    assert planned_bytes([late, early, long]) == 64 + 48  # they do not meet
    assert planned_bytes([]) == 0


def test_of_equal_buffers_the_last_is_placed_first() -> None:
    """In a row in which neighbours meet, both ends first leave no room for one in the middle."""
    a, b, c, d = (Buffer(16, first, first + 1) for first in range(4))
    assert planned_bytes([c, b, d, a]) == 48
    assert planned_bytes([a, d, b, c]) == 32


def _product(adj_x: bool, adj_y: bool, rows: int = 512) -> QuantizedModel:
    """One product of two computed matrices of rows * 16 int8, as large as its output is small."""
    b = GraphBuilder(1)
    x = b.input((1, 1, rows, 16) if adj_x else (1, 1, 16, rows))
    left = b.requant(x)
    right = b.requant(b.reshape(x, (1, 1, 16, rows) if adj_y else (1, 1, rows, 16)))
    y = b.op("BATCH_MATMUL", [left, right], b.tensor((1, 1, 16, 16)), adjX=adj_x, adjY=adj_y)
    return b.model(y, b.requant(y))


def test_a_product_keeps_the_operands_that_it_transposes() -> None:
    """Rows are what the kernel reads: of the first as it is, of the second transposed."""
    none, first, second, both = (
        arena_bytes(_product(*turned).graph)
        for turned in ((False, True), (True, True), (False, False), (True, False))
    )
    operand = 512 * 16
    for more, copies in ((first, 1), (second, 1), (both, 2)):
        assert more - none == pytest.approx(1.01 * copies * (operand + 48), abs=32)


def test_products_share_no_copy() -> None:
    """Persistent memory grows with the number of products, activations do not."""

    def chain(products: int) -> int:
        b = GraphBuilder(2)
        x = b.input((1, 1, 256, 16))
        square = b.requant(b.reshape(x, (1, 1, 16, 256)))
        small = None
        for _ in range(products):
            turned = b.op(
                "BATCH_MATMUL", [square, x], b.tensor((1, 1, 16, 16)), adjX=False, adjY=False
            )
            small = turned if small is None else b.binary("ADD", small, turned, 0.1)
        assert small is not None
        return arena_bytes(b.model(small, b.requant(small)).graph)

    step = chain(3) - chain(2)
    assert 256 * 16 < step < 256 * 16 + 1024
    assert chain(4) - chain(3) == pytest.approx(step, abs=32)


def test_planning_many_small_tensors_takes_more_than_they_do() -> None:
    """The planner's records lie where activations come later; the larger of both counts."""

    def chain(length: int) -> int:
        b = GraphBuilder(3)
        x = b.input((1, 1, 1, 16))
        y = x
        for _ in range(length):
            y = b.requant(y)
        return arena_bytes(b.model(y, b.requant(y)).graph)

    # A record of the tensor, the planner's two, a node, its options and its kernel's.
    each = 12 + 24 + 40 + 32 + 4 + 32
    assert chain(300) - chain(200) == pytest.approx(1.01 * 100 * each, abs=32)
