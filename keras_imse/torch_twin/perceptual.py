"""A differentiable loudness distance between speech signals, after ITU-T P.862 (PESQ).

Short-time power in 49 bands of the Bark scale becomes loudness (Zwicker's law above the hearing
threshold); the loudness difference counts where it is audible, additions more than omissions, loud
moments more than quiet ones. Level and slow colouring are compensated as in P.862. Band layout and
threshold are closed formulas (Traunmüller's Bark scale, Terhardt's threshold), not the tables of
the recommendation, so the distance follows PESQ closely but is not PESQ; scores in documents come
from the ``pesq`` package.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

FFT = 512
BANDS = 49
SAMPLE_RATE_HZ = 16000
ALIGNED_POWER = 1e7
DENSITY = 6.9e-4
LOUDNESS = 0.1866
ZWICKER = 0.23

#: P.862: frames per interval and norm over them.
INTERVAL = 20
INTERVAL_NORM = 6.0


def _bark(hertz: np.ndarray) -> np.ndarray:
    return 7.0 * np.arcsinh(hertz / 650.0)


def _hertz(bark: np.ndarray) -> np.ndarray:
    return 650.0 * np.sinh(bark / 7.0)


class LoudnessDistance(nn.Module):
    """Distance between clean and enhanced waveforms of 16 kHz, ``(batch, samples)``."""

    def __init__(self) -> None:
        super().__init__()
        edges = _hertz(np.linspace(0.0, _bark(np.array(SAMPLE_RATE_HZ / 2.0)), BANDS + 1))
        bin_hz = SAMPLE_RATE_HZ / FFT
        low = (np.arange(FFT // 2 + 1) - 0.5) * bin_hz
        overlap = np.minimum(low[:, None] + bin_hz, edges[1:]) - np.maximum(
            low[:, None], edges[:-1]
        )
        bank = np.clip(overlap, 0.0, None) / bin_hz
        bank[0] = 0.0  # no direct current
        centre = 0.5 * (edges[1:] + edges[:-1])
        kilo = np.maximum(centre, 20.0) / 1000.0
        threshold_db = 3.64 * kilo**-0.8 - 6.5 * np.exp(-0.6 * (kilo - 3.3) ** 2) + 1e-3 * kilo**4
        bark = np.linspace(0.0, 24.0, BANDS)
        widened = np.where(bark < 4.0, np.minimum(6.0 / (bark + 2.0), 2.0) ** 0.15, 1.0)
        hertz = np.arange(FFT // 2 + 1) * bin_hz
        emphasis = _emphasis(hertz) * DENSITY

        def constant(name: str, value: np.ndarray) -> None:
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32), persistent=False)

        constant("window", np.hanning(FFT + 1)[:-1])
        constant("bank", bank * emphasis[:, None])
        constant("speech_band", ((hertz >= 325.0) & (hertz <= 3250.0)).astype(float))
        constant("threshold", 10.0 ** (threshold_db / 10.0))
        constant("exponent", ZWICKER * widened)
        constant("width", np.full(BANDS, 24.0 / BANDS))

    def _power(self, wave: torch.Tensor) -> torch.Tensor:
        frames = wave.unfold(1, FFT, FFT // 2) * self.window
        spectrum = torch.fft.rfft(frames)
        return spectrum.real.square() + spectrum.imag.square()

    def _aligned(self, power: torch.Tensor) -> torch.Tensor:
        """Scales to the level of P.862 in the band of 325 to 3,250 Hz."""
        scale = 2.0 / (FFT * float(self.window.square().sum()))
        level = (power * self.speech_band).sum(dim=2).mean(dim=1) * scale
        return power * (ALIGNED_POWER / (level + 1e-9))[:, None, None]

    def _audible(self, bands: torch.Tensor, factor: float) -> torch.Tensor:
        return bands * (bands > self.threshold * factor)

    def _loudness(self, bands: torch.Tensor) -> torch.Tensor:
        ratio = (bands / self.threshold).clamp(min=1.0)
        loud = (0.5 + 0.5 * ratio) ** self.exponent - 1.0
        return LOUDNESS * (2.0 * self.threshold) ** self.exponent * loud

    def disturbances(
        self, clean: torch.Tensor, enhanced: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the symmetric and the asymmetric disturbance, each ``(batch,)``."""
        reference = self._aligned(self._power(clean)) @ self.bank
        degraded = self._aligned(self._power(enhanced)) @ self.bank
        active = (self._audible(reference, 1e2).sum(dim=2) > 1e7).unsqueeze(2)
        colour = ((self._audible(degraded, 1e2) * active).mean(dim=1) + 1e3) / (
            (self._audible(reference, 1e2) * active).mean(dim=1) + 1e3
        )
        reference = reference * colour.clamp(1e-2, 1e2).unsqueeze(1)
        total = self._audible(reference, 1.0).sum(dim=2)
        gain = (total + 5e3) / (self._audible(degraded, 1.0).sum(dim=2) + 5e3)
        gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], dim=1)
        degraded = degraded * gain.clamp(3e-4, 5.0).unsqueeze(2)

        loud, loud_reference = self._loudness(degraded), self._loudness(reference)
        difference = loud - loud_reference
        dead = 0.25 * torch.minimum(loud, loud_reference)
        difference = (difference.abs() - dead).clamp(min=0.0)
        asymmetry = ((degraded + 50.0) / (reference + 50.0)) ** 1.2
        asymmetry = torch.where(asymmetry < 3.0, 0.0 * asymmetry, asymmetry.clamp(max=12.0))

        width = self.width.sum()
        squares = (difference * self.width).square().sum(dim=2) / width
        symmetric = width * torch.sqrt(squares + 1e-8)
        asymmetric = (difference * asymmetry * self.width).sum(dim=2)
        quiet = ((total + 1e5) / 1e7) ** 0.04
        return _over_time(symmetric / quiet), _over_time(asymmetric / quiet)

    def forward(self, clean: torch.Tensor, enhanced: torch.Tensor) -> torch.Tensor:
        """Returns the distance of each item ``(batch,)``; P.862's raw score is 4.5 minus it."""
        symmetric, asymmetric = self.disturbances(clean, enhanced)
        return 0.1 * symmetric + 0.0309 * asymmetric


def _emphasis(hertz: np.ndarray) -> np.ndarray:
    """Power response of the input filter of wideband PESQ: a high-pass near 100 Hz."""
    return np.asarray(hertz**4 / (hertz**4 + 100.0**4)) * 1.0


def _over_time(frames: torch.Tensor) -> torch.Tensor:
    frames = frames.clamp(1e-4, 45.0)
    intervals = frames.unfold(1, INTERVAL, INTERVAL // 2)
    loudest = (intervals**INTERVAL_NORM).mean(dim=2) ** (1.0 / INTERVAL_NORM)
    return torch.sqrt(loudest.square().mean(dim=1))
