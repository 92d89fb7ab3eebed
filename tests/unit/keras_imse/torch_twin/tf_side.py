"""Results of the tf-keras network on the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_imse.checkpoint import _key
from keras_imse.models.stream import ImseStream
from keras_imse.train import spectral
from keras_imse.train.losses import enhancement_loss
from keras_imse.train.settings import LossWeights


def results(reference: Any, preset: str) -> dict[str, np.ndarray]:
    """Masks of a recording; then loss, gradients and norm statistics of one training pass."""
    config = reference.config_of(preset)
    network, frontend = ImseStream(config), config.frontend
    for w in network.weights:
        w.assign(reference.weight(_key(w), tuple(w.shape)))
    mask, phase = network(tf.constant(reference.features(frontend)))
    found = {"mask": mask.numpy(), "phase": phase.numpy()}
    clean, noisy, gains = (tf.constant(part) for part in reference.batch(frontend))
    spectrum = spectral.stft(noisy, frontend)
    inputs = spectral.compressed_features(spectrum, gains, frontend)
    with tf.GradientTape() as tape:
        mask, phase = network(inputs, training=True)
        masked = spectral.apply_mask(spectrum, mask, phase, frontend)
        enhanced = spectral.istft(masked, noisy.shape[1], frontend)
        loss = enhancement_loss(enhanced, clean, frontend, LossWeights())
    found["loss"] = loss.numpy()
    variables = network.trainable_variables
    for w, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        found[f"gradient/{_key(w)}"] = gradient.numpy()
    for w in network.non_trainable_weights:
        found[f"statistic/{_key(w)}"] = w.numpy()
    return found
