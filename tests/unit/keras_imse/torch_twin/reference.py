"""Weights and recordings that both frameworks are compared on (numpy only)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from keras_imse.audio import features_of
from keras_imse.config import FrontendConfig, StreamConfig
from keras_imse.presets import load_preset
from keras_imse.train.settings import training_inputs

PRESETS = ("imse-stream", "imse-stream-small")
#: Frames of the inference comparison: more than the window of attention.
FRAMES = 70
#: The stored frames are every one of this many.
STORED = 7
#: Hops of the training comparison.
TRAINING_HOPS = 8


def config_of(preset: str) -> StreamConfig:
    return load_preset(preset).stream_config()


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values of a weight, in the layout of tf-keras; they depend on its name and shape only."""
    layer, leaf = name.split("/")[-2] if "/" in name else "", name.rpartition("/")[2]
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if leaf == "kernel":
        values /= np.sqrt(np.prod(shape[:3]))
        # The normaliser of attention stays away from zero, and what branches add to their input
        # stays small: else values grow a thousandfold, and rounding with them.
        if layer in ("query", "key", "project", "narrow"):
            values *= 0.2
    elif leaf == "depthwise_kernel":
        values /= np.sqrt(np.prod(shape[:2]))
    elif leaf in ("gamma", "slope"):
        values = 1.0 + 0.1 * values
    elif leaf == "alpha":
        values = 0.25 + 0.05 * values
    elif leaf == "moving_variance":
        values = np.exp(0.2 * values)
    elif leaf == "prior_k":
        values = 1.0 + 0.1 * np.abs(values)
    else:
        values = 0.1 * values
    return values.astype(np.float32)


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {name: weight(name, tuple(shape)) for name, shape in shapes.items()}


def wave(samples: int, seed: int, rate: float) -> np.ndarray:
    """Noise that swells and fades, so that no two frames are alike."""
    noise = np.random.RandomState(seed).standard_normal(samples)
    return (0.1 * noise * (1.1 + np.sin(rate * np.arange(samples)))).astype(np.float32)


def features(frontend: FrontendConfig) -> np.ndarray:
    """Network input ``(1, FRAMES, bands, 3)``."""
    recording = wave(frontend.hop * (FRAMES - 1), 5, 3e-3)
    return features_of(recording, frontend)[0][None]


def batch(frontend: FrontendConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training items: clean, noisy, gains."""
    samples = TRAINING_HOPS * frontend.hop
    clean = np.stack([wave(samples, 10 + i, 2e-3 * (i + 1)) for i in range(2)])
    noisy = clean + np.stack([0.3 * wave(samples, 20 + i, 1e-3) for i in range(2)])
    return training_inputs(clean, noisy, frontend)


def condensed(results: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is stored of the results of one side: frames, norms of gradients, statistics."""
    gradients = sorted(name for name in results if name.startswith("gradient/"))
    statistics = sorted(name for name in results if name.startswith("statistic/"))
    norms = [np.sqrt(np.sum(np.square(results[name], dtype=np.float64))) for name in gradients]
    return {
        "mask": results["mask"][:, ::STORED],
        "phase": results["phase"][:, ::STORED],
        "loss": np.reshape(results["loss"], 1),
        "names": np.array([*gradients, *statistics]),
        "gradient_norms": np.array(norms, np.float32),
        "statistics": np.concatenate([results[name].ravel() for name in statistics]),
    }
