"""Operators on constants."""

from __future__ import annotations

from pathlib import Path

import aot_harness
import pytest
from aot_harness import GraphBuilder, TensorNode

from firmware_gen.backends.aot.backend import compile_network


def _changed_constant(b: GraphBuilder, dtype: str, shape: tuple[int, ...]) -> TensorNode:
    """A constant of one type, changed to the other one."""
    values = b.constant(b.rng.integers(-128, 128, shape).astype(dtype), [0.01])
    return b.requant(values, "int16", 0.0007, 0) if dtype == "int8" else b.requant(values)


@pytest.mark.parametrize("kernels", ["portable", "dsp"])
def test_unary_operators_on_constants_take_no_time(kernels: str, tmp_path: Path) -> None:
    models = []
    for dtype, shape in (("int8", (1, 1, 4, 8)), ("int16", (1, 1, 4, 8)), ("int16", (1, 1, 1, 1))):
        b = GraphBuilder(len(models))
        x = b.input((1, 1, 4, 8))
        c = _changed_constant(b, dtype, shape)
        y = b.binary("ADD", b.requant(x, c.dtype, 0.001 if dtype == "int8" else None), c)
        models.append(b.model(y, b.requant(x)))
        labels = compile_network(models[-1].graph, models[-1].metadata, kernels).source.layer_table
        assert not any(f"'{c.name}'" in str(layer) for layer in labels)
    aot_harness.assert_equal(models, tmp_path, kernels=kernels)


def test_constant_that_is_an_output(tmp_path: Path) -> None:
    models = []
    for dtype in ("int8", "int16"):
        b = GraphBuilder(3)
        x = b.input((1, 1, 4, 8))
        models.append(b.model(b.requant(x), _changed_constant(b, dtype, (1, 1, 4, 8))))
    aot_harness.assert_equal(models, tmp_path)
