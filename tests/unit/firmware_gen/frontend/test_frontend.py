"""The C front end on the host against float64 numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from reference_frontend import HOP, Frontend, Reference

from firmware_gen.frontend_tables import TABLES_PATH, render_tables

IDENTITY_MASK = np.zeros(256, np.int8)
IDENTITY_PHASE = np.full(512, 5, np.int8)


def hops(pcm: np.ndarray) -> np.ndarray:
    return pcm[: len(pcm) // HOP * HOP].reshape(-1, HOP)


def check_features(frontend: Frontend, pcm: np.ndarray) -> None:
    reference = Reference()
    got = np.stack([frontend.analyze(hop) for hop in hops(pcm)]).astype(int)
    expected = np.stack([reference.analyze(hop) for hop in hops(pcm)]).astype(int)
    difference = np.abs(got - expected)
    assert np.ptp(expected) > 100, "the signal does not exercise the int8 range"
    assert difference.max() <= 1
    assert np.mean(difference == 0) > 0.9999


def check_synthesis(frontend: Frontend, pcm: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    reference = Reference()
    got, expected = [], []
    for hop in hops(pcm):
        frontend.analyze(hop)
        reference.analyze(hop)
        mask = rng.integers(-128, 60, 256).astype(np.int8)
        phase = rng.integers(-128, 128, 512).astype(np.int8)
        got.append(frontend.synthesize(mask, phase))
        expected.append(reference.synthesize(mask, phase))
    got, expected = np.concatenate(got).astype(float), np.concatenate(expected)
    error = got - np.clip(expected, -32768, 32767)
    assert np.max(np.abs(error)) <= 0.5 + 0.01, "more than the rounding to int16"


def test_tables_are_the_generated_ones() -> None:
    assert TABLES_PATH.read_text(encoding="utf-8") == render_tables()


def test_power_function_is_accurate_over_its_whole_range(frontend_library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(0)
    m2 = np.float32(10.0) ** rng.uniform(-14, 10, 40_000).astype(np.float32)
    got = np.array([frontend_library.probe_compress(float(v)) for v in m2])
    expected = m2.astype(np.float64) ** -0.35
    assert np.max(np.abs(got / expected - 1.0)) < 2e-7


def test_features_of_synthetic_speech(frontend: Frontend, synthetic_speech: np.ndarray) -> None:
    check_features(frontend, synthetic_speech)


def test_features_of_recordings(frontend: Frontend, recorded_speech: np.ndarray) -> None:
    check_features(frontend, recorded_speech)


def test_synthesis_of_synthetic_speech(frontend: Frontend, synthetic_speech: np.ndarray) -> None:
    check_synthesis(frontend, synthetic_speech)


def test_synthesis_of_recordings(frontend: Frontend, recorded_speech: np.ndarray) -> None:
    check_synthesis(frontend, recorded_speech)


def test_synthesis_noise_floor_before_rounding(
    frontend: Frontend, synthetic_speech: np.ndarray
) -> None:
    # The overlap buffer is the part of the output that has not been rounded to int16 yet.
    reference = Reference()
    signal, noise = 0.0, 0.0
    for hop in hops(synthetic_speech):
        frontend.analyze(hop)
        reference.analyze(hop)
        frontend.synthesize(IDENTITY_MASK, IDENTITY_PHASE)
        reference.synthesize(IDENTITY_MASK, IDENTITY_PHASE)
        got = np.frombuffer(frontend.state, np.float32, HOP, offset=4 * (512 + 512))
        signal += float(np.sum(reference.overlap**2))
        noise += float(np.sum((got - reference.overlap) ** 2))
    assert 10 * np.log10(signal / noise) > 110.0


def test_identity_reconstructs_the_input_one_hop_later(frontend: Frontend) -> None:
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(rng.standard_normal(16000))
    spectrum[:3000] = 0.0  # nothing that a dropped bin 0 would take away
    signal = np.fft.irfft(spectrum)
    pcm = np.round(signal / np.max(np.abs(signal)) * 20000).astype(np.int16)
    out = []
    for hop in hops(pcm):
        frontend.analyze(hop)
        out.append(frontend.synthesize(IDENTITY_MASK, IDENTITY_PHASE))
    out = np.concatenate(out).astype(int)
    assert np.max(np.abs(out[HOP:] - pcm[: len(out) - HOP])) <= 1
    assert np.all(np.abs(out[:HOP]) <= 1)


@pytest.mark.parametrize("value", [32767, -32768])
def test_full_scale_saturates_instead_of_wrapping(frontend: Frontend, value: int) -> None:
    square = np.where(np.arange(HOP * 20) % 16 < 8, value, -value - 1).astype(np.int16)
    loud = np.full(256, 127, np.int8)  # twice the input
    out = []
    for hop in hops(square):
        frontend.analyze(hop)
        out.append(frontend.synthesize(loud, IDENTITY_PHASE))
    out = np.concatenate(out[2:])
    middle = np.concatenate(list(hops(square))[1:-1])
    assert out.max() == 32767
    assert out.min() == -32768
    steady = np.abs(out.astype(int)) > 20000
    assert np.all(np.sign(out[steady].astype(int)) == np.sign(middle[: len(out)][steady] + 0.5))


@pytest.mark.parametrize("value", [0, 1, -1, 32767, -32768])
def test_constant_input_gives_finite_features(frontend: Frontend, value: int) -> None:
    check = Reference()
    for _ in range(40):
        hop = np.full(HOP, value, np.int16)
        got, expected = frontend.analyze(hop).astype(int), check.analyze(hop).astype(int)
        assert np.max(np.abs(got[:96] - expected[:96])) <= 1
        frontend.synthesize(IDENTITY_MASK, IDENTITY_PHASE)
    assert np.all(np.isfinite(np.frombuffer(frontend.state, np.float32, 512 + 512 + 256)))


def test_reset_forgets_everything(frontend: Frontend, synthetic_speech: np.ndarray) -> None:
    fresh = frontend.state
    first = [frontend.analyze(hop) for hop in hops(synthetic_speech)[40:60]]
    frontend.synthesize(IDENTITY_MASK, IDENTITY_PHASE)
    assert frontend.state != fresh
    frontend.reset()
    assert frontend.state == fresh
    again = [frontend.analyze(hop) for hop in hops(synthetic_speech)[40:60]]
    assert np.array_equal(first, again)


def test_level_follows_many_frames(frontend: Frontend) -> None:
    rng = np.random.default_rng(5)
    reference = Reference()
    for index in range(2000):
        hop = (
            (rng.standard_normal(HOP) * (300 if index % 200 < 100 else 9000))
            .clip(-32768, 32767)
            .astype(np.int16)
        )
        frontend.analyze(hop)
        reference.analyze(hop)
        (level,) = np.frombuffer(frontend.state, np.float32, 1, offset=4 * 1280 + 512)
        assert abs(level / reference.level - 1.0) < 2e-6
