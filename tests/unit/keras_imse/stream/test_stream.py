"""The network gives the same frames in batch, in chunks and one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_imse.config import StreamConfig
from keras_imse.models.stream import ImseStream, build_streaming_model
from keras_imse.presets import load_preset, preset_names


def _features(config: StreamConfig, frames: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    return rng.normal(size=(1, frames, config.frontend.bands, 3)).astype(np.float32)


def test_one_frame_at_a_time_equals_the_batch(small_model: Any, small_config: StreamConfig) -> None:
    """Over several attention windows, norms folded, frame by frame."""
    features = _features(small_config, 20)
    mask, phase = small_model(features)
    frame_model = build_streaming_model(small_model)
    states = small_model.initial_states(1)
    for t in range(features.shape[1]):
        out = frame_model([features[:, t : t + 1], *states])
        states = [out[f"next_state_{i:02d}"] for i in range(len(states))]
        np.testing.assert_allclose(out["mask"][:, 0], mask[:, t], atol=1e-5)
        np.testing.assert_allclose(out["phase"][:, 0], phase[:, t], atol=1e-4)


def test_chunks_equal_the_batch(small_model: Any, small_config: StreamConfig) -> None:
    """Any split into chunks gives the same output, also chunks longer than the window."""
    features = _features(small_config, 24)
    mask, _ = small_model(features)
    states, start = small_model.initial_states(1), 0
    for length in (1, 2, 13, 8):
        part, _, states = small_model.step(features[:, start : start + length], states)
        np.testing.assert_allclose(part, mask[:, start : start + length], atol=1e-5)
        start += length


def test_network_is_causal(small_model: Any, small_config: StreamConfig) -> None:
    """Frames to come change nothing; the past does."""
    features = _features(small_config, 16)
    changed = features.copy()
    changed[:, 10:] += 1.0
    before, after = small_model(features)[0], small_model(changed)[0]
    np.testing.assert_array_equal(before[:, :10], after[:, :10])
    assert np.abs(before[:, 10:] - after[:, 10:]).max() > 1e-3


def test_prior_fills_the_window_before_the_first_frame(
    small_model: Any, small_config: StreamConfig
) -> None:
    """The initial attention state is the learned prior in every frame."""
    frames = small_model.initial_state_frames()
    for frame, state, spec in zip(
        frames, small_model.initial_states(2), small_model.state_specs(), strict=True
    ):
        assert tuple(state.shape) == (2, *spec.shape)
        np.testing.assert_array_equal(state, np.broadcast_to(frame, state.shape))
    assert any(np.abs(frame).max() > 0 for frame in frames)


def test_mask_is_a_sigmoid(small_model: Any, small_config: StreamConfig) -> None:
    mask, phase = small_model(_features(small_config, 3))
    assert mask.shape == (1, 3, small_config.frontend.bands, 1)
    assert phase.shape == (1, 3, small_config.frontend.bands, 2)
    assert 0.0 <= float(np.min(mask)) <= float(np.max(mask)) <= 1.0


@pytest.mark.parametrize("name", [n for n in preset_names() if n.startswith("imse-stream")])
def test_presets_stay_in_budget(name: str) -> None:
    """At most 200 KB of weights and states that leave room in 256 KB of RAM."""
    model = ImseStream(load_preset(name).stream_config())
    state_bytes = sum(int(np.prod(spec.shape)) for spec in model.state_specs())
    assert model.count_params() < 200_000
    assert state_bytes < 128 * 1024


def test_weight_paths_are_unique(small_model: Any) -> None:
    names = [w.name for w in small_model.weights]
    assert len(names) == len(set(names))
    assert all("/" in name for name in names)
