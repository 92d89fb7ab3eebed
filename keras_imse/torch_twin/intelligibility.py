"""A differentiable distance after STOI (Taal, Hendriks, Heusdens, Jensen 2011).

Short-time envelopes of 15 third-octave bands are compared by their correlation over 384 ms, as
STOI does. Two differences: the signals stay at 16 kHz instead of being resampled to 10 kHz (the
bands end at 4.3 kHz all the same), and frames without speech are left out of the envelopes instead
of being cut from the waveform.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

SAMPLE_RATE_HZ = 16000
FRAME_SAMPLES = 410
HOP_SAMPLES = 205
FFT_SAMPLES = 512
SEGMENT_FRAMES = 30
LOWEST_BAND_HZ = 150.0
BANDS = 15
DYNAMIC_RANGE_DB = 40.0
CLIP = 1.0 + 10.0 ** (15.0 / 20.0)  # no bin counts as worse than a signal-to-distortion of -15 dB
EPSILON = 1e-8


def _band_matrix() -> np.ndarray:
    """Which bins belong to which third octave, ``(bins, bands)``."""
    frequencies = np.arange(FFT_SAMPLES // 2 + 1) * SAMPLE_RATE_HZ / FFT_SAMPLES
    matrix = np.zeros((len(frequencies), BANDS), np.float32)
    for band in range(BANDS):
        centre = LOWEST_BAND_HZ * 2.0 ** (band / 3.0)
        low, high = (
            int(np.argmin(np.abs(frequencies - centre * 2.0 ** (side / 6.0)))) for side in (-1, 1)
        )
        matrix[low:high, band] = 1.0
    return matrix


class EnvelopeDistance(nn.Module):
    """One minus the mean correlation of short-time envelopes."""

    window: torch.Tensor
    bands: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        window = np.hanning(FRAME_SAMPLES + 2)[1:-1]
        self.register_buffer("window", torch.from_numpy(window.astype(np.float32)))
        self.register_buffer("bands", torch.from_numpy(_band_matrix()))

    def _power(self, wave: torch.Tensor) -> torch.Tensor:
        frames = wave.unfold(1, FRAME_SAMPLES, HOP_SAMPLES) * self.window
        spectrum = torch.fft.rfft(frames, n=FFT_SAMPLES)
        return spectrum.real.square() + spectrum.imag.square()

    def forward(self, clean: torch.Tensor, enhanced: torch.Tensor) -> torch.Tensor:
        """Compares waveforms.

        Args:
            clean: ``(batch, samples)`` at 16 kHz, at least 40 ms.
            enhanced: As ``clean``.

        Returns:
            Distance per item, ``(batch,)``: 0 for equal envelopes. An item with less than 30
            frames of speech has the distance 0.
        """
        clean_power, enhanced_power = self._power(clean), self._power(enhanced)
        energy = clean_power.sum(dim=2)
        floor = energy.amax(dim=1, keepdim=True) * 10.0 ** (-DYNAMIC_RANGE_DB / 10.0)
        distances = []
        for speech, x, y in zip(energy > floor, clean_power, enhanced_power, strict=True):
            if int(speech.sum()) < SEGMENT_FRAMES:
                distances.append(y.sum() * 0.0)
                continue
            distances.append(1.0 - self._correlation(x[speech], y[speech]))
        return torch.stack(distances)

    def _correlation(self, clean: torch.Tensor, enhanced: torch.Tensor) -> torch.Tensor:
        """Mean correlation of power spectra ``(frames, bins)``."""
        # ``(segments, bands, frames of a segment)``
        x = (clean @ self.bands + EPSILON).sqrt().unfold(0, SEGMENT_FRAMES, 1)
        y = (enhanced @ self.bands + EPSILON).sqrt().unfold(0, SEGMENT_FRAMES, 1)
        y = torch.minimum(y * (x.norm(dim=2, keepdim=True) / y.norm(dim=2, keepdim=True)), CLIP * x)
        x, y = x - x.mean(dim=2, keepdim=True), y - y.mean(dim=2, keepdim=True)
        norms = x.square().sum(dim=2) * y.square().sum(dim=2)
        return ((x * y).sum(dim=2) / (norms + EPSILON**2).sqrt()).mean()
