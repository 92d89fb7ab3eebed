"""The trials of ``check --stress`` on models that are right and wrong in known ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from imse_mcu import stress
from keras_imse.config import FrontendConfig

Wave = np.ndarray


@dataclass(frozen=True)
class FakeHost:
    """A model that is a function of the waveform."""

    function: Callable[[Wave], Wave]
    engine: str = "tflm"
    frontend: ClassVar[FrontendConfig] = FrontendConfig()

    def enhance(self, samples: Wave, precision: str) -> Wave:
        assert precision == "int8"
        assert np.abs(samples).max() <= 1.0
        return np.clip(np.rint(self.function(samples) * 32768.0), -32768, 32767).astype(np.int16)


@pytest.fixture(scope="module")
def used() -> list[tuple[Wave, Wave]]:
    rng = np.random.default_rng(0)
    time = np.arange(48000) / 16000
    voice = sum(np.sin(2 * np.pi * 140 * h * time) / h for h in range(1, 20))
    voice = (0.1 * voice * (np.sin(2 * np.pi * 1.5 * time) > -0.3)).astype(np.float32)
    return [(voice, voice + (0.02 * rng.standard_normal(48000)).astype(np.float32))]


def figures(job: Callable, function: Callable[[Wave], Wave], used: list) -> dict[str, bool]:
    return {trial.name: trial.passed for trial in job(FakeHost(function), used)}


def test_a_wire_keeps_speech_and_silence_but_no_noise_away(used: list) -> None:
    wire = lambda x: x  # noqa: E731
    for job in (stress._silence, stress._levels, stress._jump, stress._music):
        assert all(figures(job, wire, used).values()), job
    assert not any(figures(stress._loud_noise, wire, used).values())


def test_faults_are_found(used: list) -> None:
    def hum(x: Wave) -> Wave:
        return x + 0.001

    def clicking(x: Wave) -> Wave:
        y = x.copy()
        y[len(y) // 2 + 100] += 0.9
        return y

    def loud(x: Wave) -> Wave:
        return 2.0 * x

    def gated(x: Wave) -> Wave:
        return x * (np.sqrt(np.mean(x**2)) > 0.01)

    assert not any(figures(stress._silence, hum, used).values())
    assert not any(figures(stress._jump, clicking, used).values())
    assert not any(figures(stress._music, loud, used).values())
    assert not any(figures(stress._levels, gated, used).values())


def test_a_figure_that_is_no_number_never_passes() -> None:
    assert not stress.Trial("x", float("nan"), "dB", 1.0, at_least=True).passed
    assert not stress.Trial("x", float("nan"), "dB", 1.0, at_least=False).passed


def test_uses_no_more_pairs_than_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        stress.BuildFolder, "open", lambda _: SimpleNamespace(host_model=lambda: FakeHost(np.copy))
    )
    monkeypatch.setattr(
        stress, "read_audio", lambda _: SimpleNamespace(samples=np.ones(99, np.float32))
    )
    for name in ("_clean_speech", "_silence", "_levels", "_jump", "_loud_noise", "_music"):
        monkeypatch.setattr(stress, name, lambda _, used: seen.append(len(used)) or [])
        getattr(stress, name).__name__ = name
    pairs = [SimpleNamespace(clean="a", noisy="b")] * 9
    from imse_mcu.core.progress import Reporter

    assert stress.stress("folder", pairs, Reporter(enabled=False), most=3) == ()
    assert seen == [3] * 6
