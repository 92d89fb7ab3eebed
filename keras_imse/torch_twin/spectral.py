"""Differentiable front end in PyTorch, equal to :mod:`keras_imse.audio`.

Spectra are complex ``(batch, frames, n_fft / 2 + 1)``, waveforms ``(batch, samples)``.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from keras_imse.audio import analysis_window
from keras_imse.config import FrontendConfig


def _window(config: FrontendConfig, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(analysis_window(config.n_fft)).to(like.device)


def stft(wave: torch.Tensor, config: FrontendConfig) -> torch.Tensor:
    """Short-time spectrum of waveforms with a whole number of hops."""
    padded = functional.pad(wave, (config.hop, config.hop))
    return torch.fft.rfft(padded.unfold(1, config.n_fft, config.hop) * _window(config, wave))


def istft(spectrum: torch.Tensor, samples: int, config: FrontendConfig) -> torch.Tensor:
    """Waveform of a short-time spectrum."""
    blocks = torch.fft.irfft(spectrum, n=config.n_fft)
    blocks = (blocks * _window(config, blocks)).transpose(1, 2)
    length = (spectrum.shape[1] - 1) * config.hop + config.n_fft
    wave = functional.fold(blocks, (1, length), (1, config.n_fft), stride=(1, config.hop))
    return wave[:, 0, 0, config.hop : config.hop + samples]


def compressed_features(
    spectrum: torch.Tensor, gains: torch.Tensor, config: FrontendConfig
) -> torch.Tensor:
    """Network input ``(batch, frames, bands, 3)``; ``gains`` is ``(batch, frames)``."""
    first = config.first_bin
    scaled = spectrum[:, :, first : first + config.bands] * gains[:, :, None]
    magnitude = scaled.abs().clamp(min=config.magnitude_floor)
    factor = magnitude ** (config.compression - 1.0)
    features = [magnitude**config.compression, scaled.real * factor, scaled.imag * factor]
    return torch.stack(features, dim=-1)


def apply_mask(
    spectrum: torch.Tensor, mask: torch.Tensor, phase: torch.Tensor, config: FrontendConfig
) -> torch.Tensor:
    """Enhanced short-time spectrum; bins outside the bands are zero.

    Args:
        spectrum: Short-time spectrum.
        mask: ``(batch, frames, bands, 1)`` in 0…1; the magnitude factor is twice that.
        phase: ``(batch, frames, bands, 2)`` the correction ``(a, b)`` of ``1 + a + ib``.
        config: Front end.
    """
    real, imag = 1.0 + phase[..., 0], phase[..., 1]
    scale = 2.0 * mask[..., 0] * torch.rsqrt(real * real + imag * imag + 1e-8)
    first, bands = config.first_bin, config.bands
    sides = (first, config.n_fft // 2 + 1 - first - bands)
    factor = torch.complex(functional.pad(scale * real, sides), functional.pad(scale * imag, sides))
    return spectrum * factor
