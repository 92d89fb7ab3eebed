"""The training loss in PyTorch, equal to :mod:`keras_imse.train.losses`."""

from __future__ import annotations

import math

import torch

from keras_imse.config import FrontendConfig
from keras_imse.torch_twin.spectral import stft
from keras_imse.train.settings import LossWeights


def _compressed(
    spectrum: torch.Tensor, exponent: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    real, imag = spectrum.real, spectrum.imag
    magnitude = torch.sqrt(real * real + imag * imag + 1e-10)
    factor = magnitude ** (exponent - 1.0)
    return magnitude**exponent, real * factor, imag * factor


def enhancement_loss(
    enhanced: torch.Tensor, clean: torch.Tensor, config: FrontendConfig, weights: LossWeights
) -> torch.Tensor:
    """Loss between waveforms ``(batch, samples)`` of equal level.

    The spectrum is taken from the enhanced *waveform*, so that only what overlap-add keeps counts.
    """
    magnitude, real, imag = _compressed(stft(enhanced, config), config.compression)
    magnitude_c, real_c, imag_c = _compressed(stft(clean, config), config.compression)
    loss = weights.magnitude * (magnitude - magnitude_c).square().mean()
    error = (real - real_c).square() + (imag - imag_c).square()
    loss = loss + weights.complex * error.mean()
    signal = clean.square().sum(dim=1) + 1e-3
    noise = (enhanced - clean).square().sum(dim=1) + 1e-3
    ratio_db = torch.log(signal / noise) * (10.0 / math.log(10.0))
    # Past 30 dB nothing audible is gained.
    return loss - weights.waveform * ratio_db.clamp(max=30.0).mean()
