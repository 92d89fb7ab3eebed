"""Every kernel set on random networks: the interpreter's bytes, whatever the shapes and values.

Many networks share one image, so that a run costs seconds. A failure prints the case; put it into
``Case(...).model()`` to look into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import aot_harness
import numpy as np
import pytest
from graph_cases import Case, cases
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from qemu_harness import (
    M7,
    M55,
    NEEDS_EMULATOR,
    Board,
    find_arm_sources,
    run_networks,
)

from firmware_gen.backends.aot.cmsis_nn import find_cmsis_nn
from firmware_gen.backends.aot.emit.cmsis_nn import cmsis_nn_emitter
from firmware_gen.backends.aot.kernel_sets import EMITTERS
from quantize.artifact import QuantizedModel
from quantize.tflm_host import TflmRunner

NETWORKS = 52
Outputs = list[list[dict[str, np.ndarray]]]
Run = Callable[[Sequence[QuantizedModel], Sequence[Sequence[np.ndarray]], Path], Outputs]

batches = st.lists(cases(), min_size=NETWORKS, max_size=NETWORKS)
one_image = settings(
    max_examples=1,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def on_host(kernels: str) -> Run:
    def run(
        models: Sequence[QuantizedModel], frames: Sequence[Sequence[np.ndarray]], folder: Path
    ) -> Outputs:
        compiled = aot_harness.compile_cases(models, folder, kernels)
        results = []
        for case, inputs in zip(compiled, frames, strict=True):
            case.reset()
            results.append([case.invoke(values) for values in inputs])
        return results

    return run


def with_cmsis_nn(board: Board, ours: str) -> Run:
    def run(
        models: Sequence[QuantizedModel], frames: Sequence[Sequence[np.ndarray]], folder: Path
    ) -> Outputs:
        root = find_arm_sources()
        emitter = cmsis_nn_emitter(EMITTERS[ours], find_cmsis_nn(str(root)))
        results = run_networks(board, models, frames, folder, emitter, root)
        return [[outputs for outputs, _ in frames] for frames in results]

    return run


def on_board(board: Board, kernels: str) -> Run:
    def run(
        models: Sequence[QuantizedModel], frames: Sequence[Sequence[np.ndarray]], folder: Path
    ) -> Outputs:
        results = run_networks(board, models, frames, folder, kernels)
        return [[outputs for outputs, _ in frames] for frames in results]

    return run


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(on_host("portable"), id="portable on the host"),
        pytest.param(on_host("dsp"), id="dsp in plain C on the host"),
        pytest.param(on_board(M7, "dsp"), id="dsp on Cortex-M7", marks=NEEDS_EMULATOR),
        pytest.param(on_board(M55, "mve"), id="mve on Cortex-M55", marks=NEEDS_EMULATOR),
        pytest.param(with_cmsis_nn(M7, "dsp"), id="cmsis-nn on Cortex-M7", marks=NEEDS_EMULATOR),
        pytest.param(with_cmsis_nn(M55, "mve"), id="cmsis-nn on Cortex-M55", marks=NEEDS_EMULATOR),
    ],
)
@one_image
@given(batch=batches)
def test_networks_equal_the_interpreter(
    run: Run, batch: list[Case], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(len({case.kind for case in batch}) > 4)  # hypothesis begins with equal cases
    models = [case.model() for case in batch]
    frames = [case.frames(model) for case, model in zip(batch, models, strict=True)]
    results = run(models, frames, tmp_path_factory.mktemp("networks"))
    for case, model, inputs, outputs in zip(batch, models, frames, results, strict=True):
        runner = TflmRunner(model)
        for number, (values, actual) in enumerate(zip(inputs, outputs, strict=True)):
            expected = runner.invoke(values)
            for name in ("mask", "phase"):
                message = f"{case!r}, frame {number}, {name}"
                np.testing.assert_array_equal(actual[name], expected[name], err_msg=message)
