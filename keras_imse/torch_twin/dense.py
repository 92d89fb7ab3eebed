"""Dense encoder and decoders of the PyTorch twin."""

from __future__ import annotations

import torch
from torch import nn

from keras_imse.imse_config import ImseConfig


def unit(inputs: int, outputs: int, kernel: tuple[int, int], **options: object) -> nn.Sequential:
    """Returns convolution → instance norm → PReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, **options),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.PReLU(outputs),
    )


class DenseBlock(nn.Module):
    """3x3 convolutions with time dilation 1, 2, 4, ... that see all earlier outputs.

    Args:
        channels: Channels of the input and of every convolution.
        depth: Number of convolutions.
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.dense_block = nn.ModuleList(
            unit(channels * (i + 1), channels, (3, 3), dilation=(2**i, 1), padding=(2**i, 1))
            for i in range(depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        seen = x
        for layer in self.dense_block:
            x = layer(seen)
            seen = torch.cat([x, seen], dim=1)
        return x


class DenseEncoder(nn.Module):
    """1x1 unit → dense block → 1x3 unit with stride 2 over frequency."""

    def __init__(self, config: ImseConfig) -> None:
        super().__init__()
        channels = config.dense_channels
        self.dense_conv_1 = unit(2, channels, (1, 1))
        self.dense_block = DenseBlock(channels, config.dense_depth)
        self.dense_conv_2 = unit(channels, channels, (1, 3), stride=(1, 2), padding=(0, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, 2, time, bands)`` to ``(batch, channels, time, bands / 2)``."""
        return self.dense_conv_2(self.dense_block(self.dense_conv_1(x)))


def freq_upsample(channels: int) -> list[nn.Module]:
    """Returns 1x1 → pixel shuffle → depthwise 1x3 that drops every second frame."""
    return [
        nn.Conv2d(channels, 4 * channels, 1, bias=False),
        nn.PixelShuffle(2),
        nn.Conv2d(
            channels,
            channels,
            (1, 3),
            stride=(2, 1),
            padding=(0, 1),
            groups=channels,
            bias=False,
        ),
    ]


class BandSigmoid(nn.Module):
    """Sigmoid with a slope per band.

    Args:
        bands: Number of bands.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones(bands, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, 1, time, bands)`` to the same shape in 0...1."""
        return torch.sigmoid(self.slope[:, 0] * x)


class MaskDecoder(nn.Module):
    """Dense block → doubled bands → one channel → sigmoid with a slope per band."""

    def __init__(self, config: ImseConfig) -> None:
        super().__init__()
        channels = config.dense_channels
        self.dense_block = DenseBlock(channels, config.dense_depth)
        self.mask_conv = nn.Sequential(
            *freq_upsample(channels),
            nn.Conv2d(channels, 1, 1),
            nn.InstanceNorm2d(1, affine=True),
            nn.PReLU(1),
            nn.Conv2d(1, 1, 1),
        )
        self.lsigmoid = BandSigmoid(config.audio.bands)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, bands / 2)`` to ``(batch, 1, time, bands)``."""
        return self.lsigmoid(self.mask_conv(self.dense_block(x)))


class PhaseDecoder(nn.Module):
    """Dense block → doubled bands → norm and PReLU → real and imaginary part."""

    def __init__(self, config: ImseConfig) -> None:
        super().__init__()
        channels = config.dense_channels
        self.dense_block = DenseBlock(channels, config.dense_depth)
        self.phase_conv = nn.Sequential(
            *freq_upsample(channels), nn.InstanceNorm2d(channels, affine=True), nn.PReLU(channels)
        )
        self.phase_conv_r = nn.Conv2d(channels, 1, 1)
        self.phase_conv_i = nn.Conv2d(channels, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, bands / 2)`` to ``(batch, 2, time, bands)``."""
        x = self.phase_conv(self.dense_block(x))
        return torch.cat([self.phase_conv_r(x), self.phase_conv_i(x)], dim=1)
