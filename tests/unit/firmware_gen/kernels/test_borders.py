"""Why borders are written: a row whose ends are treated on their own takes more instructions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode
from test_m7 import Board

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
    ),
]

_WIDTH = 64


def _counts(
    width: int, folder: Path, layer: Callable[[GraphBuilder, TensorNode], TensorNode]
) -> tuple[int, int]:
    """Instructions of a layer on a row of 16 channels, and those of its border."""
    b = GraphBuilder(1)
    y = layer(b, b.requant(b.input((1, 1, width, 16)), scale=0.05, point=0))
    assert b.features is not None
    board = Board(b.model(y, b.strided_slice(b.features, [0] * 4, [1] * 4)), folder)
    board.frame(np.random.default_rng(0))
    border = sum(n for name, n in board.m7.layers.items() if name.endswith("_pad"))
    kinds = ("_conv", "_depthwise")
    return sum(n for name, n in board.m7.layers.items() if name.endswith(kinds)), border


@pytest.mark.parametrize(("taps", "depthwise"), [(3, False), (11, True)])
def test_a_border_takes_less_than_a_row_in_three_parts(
    taps: int, depthwise: bool, tmp_path: Path
) -> None:
    def layer(b: GraphBuilder, x: TensorNode, *, same: bool = False) -> TensorNode:
        channels = 0 if depthwise else 16
        return b.conv(x, channels, (1, taps), depthwise=depthwise, same=same)

    end, gone = taps // 2, taps - 1
    whole, border = _counts(_WIDTH, tmp_path / "whole", lambda b, x: layer(b, x, same=True))
    middle, _ = _counts(_WIDTH, tmp_path / "middle", layer)
    side, _ = _counts(end + gone, tmp_path / "side", layer)
    more = middle + 2 * side - whole
    print(f"1x{taps}: row {whole}, its border {border}, in three parts {more} more")
    assert 0 < border < more
