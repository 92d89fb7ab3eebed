"""``check --soak`` on networks that repeat and on networks that drift."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from imse_mcu import soak
from keras_imse.config import FrontendConfig

State = dict[str, int]


class FakeRunner:
    """A network with a state that a function updates."""

    def __init__(self, step: Callable[[State, np.ndarray], int], *, resets: bool = True) -> None:
        self.step, self.resets = step, resets
        self.state: State = {"frames": 0, "sum": 0}

    def reset(self) -> None:
        if self.resets:
            self.state = {"frames": 0, "sum": 0}

    def invoke(self, features: np.ndarray) -> dict[str, np.ndarray]:
        self.state["frames"] += 1
        return {"mask": np.array([self.step(self.state, features)], np.int8)}


def repeats(state: State, features: np.ndarray) -> int:
    return int(features.ravel()[0])


def decays(state: State, features: np.ndarray) -> int:
    """A state that forgets, as those of the network do."""
    state["sum"] = state["sum"] // 2 + int(features.ravel()[0])
    return state["sum"] % 100


def loses_a_rounding(state: State, features: np.ndarray) -> int:
    """A running sum that gains one in a thousand frames."""
    return int(features.ravel()[0]) // 2 + state["frames"] // 1000


def figures(runner: FakeRunner) -> list[float]:
    frontend = FrontendConfig()
    tensor = SimpleNamespace(scale=0.01, zero_point=-128)
    metadata = SimpleNamespace(inputs={"features": 0}, frontend=frontend, family="imse-stream")
    quantized = SimpleNamespace(metadata=metadata, graph=SimpleNamespace(tensors=[tensor]))
    host = SimpleNamespace(quantized=quantized, frontend=frontend, integers=runner)
    rng = np.random.default_rng(0)
    lap = (3000 * rng.standard_normal(1500 * frontend.hop)).astype(np.int16)
    seen: list[int] = []
    trials = soak._trials(host, lap, 4, lambda done, total, unit: seen.append(done))
    assert seen == sorted(seen)
    return [trial.value for trial in trials]


@pytest.mark.parametrize("step", [repeats, decays])
def test_what_repeats_has_no_difference(step: Callable) -> None:
    assert figures(FakeRunner(step)) == [0.0, 0.0, 0.0]


def test_drift_is_counted() -> None:
    features, drifted, reset = figures(FakeRunner(loses_a_rounding))
    assert (features, reset) == (0.0, 0.0)
    assert drifted > 1500


def test_a_reset_that_leaves_something_is_counted() -> None:
    _, _, reset = figures(FakeRunner(loses_a_rounding, resets=False))
    assert reset > 0
