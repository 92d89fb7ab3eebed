"""Results of the PyTorch network on the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_imse.torch_twin import bridge, spectral
from keras_imse.torch_twin.losses import enhancement_loss
from keras_imse.torch_twin.stream import TorchStream
from keras_imse.train.settings import LossWeights


def network_of(reference: Any, preset: str) -> TorchStream:
    network = TorchStream(reference.config_of(preset))
    shapes = {entry.name: entry.shape for entry in bridge.entries(network)}
    bridge.load_state(network, reference.weights(shapes), where="reference")
    return network


def results(reference: Any, preset: str) -> dict[str, np.ndarray]:
    """Masks of a recording; then loss, gradients and norm statistics of one training pass."""
    network = network_of(reference, preset)
    frontend = network.config.frontend
    with torch.no_grad():
        mask, phase = network.eval()(torch.from_numpy(reference.features(frontend)))
    found = {"mask": mask.numpy(), "phase": phase.numpy()}
    clean, noisy, gains = (torch.from_numpy(part) for part in reference.batch(frontend))
    spectrum = spectral.stft(noisy, frontend)
    inputs = spectral.compressed_features(spectrum, gains, frontend)
    mask, phase = network.train()(inputs)
    masked = spectral.apply_mask(spectrum, mask, phase, frontend)
    enhanced = spectral.istft(masked, noisy.shape[1], frontend)
    loss = enhancement_loss(enhanced, clean, frontend, LossWeights())
    loss.backward()
    found["loss"] = loss.detach().numpy()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    state = network.state_dict()
    for entry in bridge.entries(network):
        if entry.torch_name in gradients:
            value, kind = gradients[entry.torch_name], "gradient"
        else:
            value, kind = state[entry.torch_name], "statistic"
        found[f"{kind}/{entry.name}"] = entry.layout.to_ours(value.numpy())
    return found
