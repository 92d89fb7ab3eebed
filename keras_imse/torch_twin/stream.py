"""`imse-stream` in PyTorch, for training: whole recordings only, no state tensors.

The network of :mod:`keras_imse.models.stream` with the same configuration, initial weights and
results. Causal layers see zeros before the first frame, attention its learned prior, as the
streaming form does after a reset. Weights go to and from tf-keras with
:mod:`keras_imse.torch_twin.bridge`. Layout inside: ``(batch, channels, time, freq)``.
"""

from __future__ import annotations

import torch
from torch import nn

from keras_imse.config import StreamConfig
from keras_imse.torch_twin.stream_blocks import (
    Norm,
    StreamBlock,
    StreamConv,
    remember,
)


class ConvNormAct(nn.Module):
    """1xk convolution over frequency, BatchNorm, PReLU per channel.

    Args:
        inputs: Channels of the input.
        channels: Channels of the output.
        kernel: Width over frequency.
        stride: Stride over frequency.
    """

    def __init__(self, inputs: int, channels: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = StreamConv(inputs, channels, kernel, stride=stride, bias=False)
        self.norm = Norm(channels)
        self.act = nn.PReLU(channels, init=0.25)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, inputs, time, freq)`` to ``(batch, channels, time, freq / stride)``."""
        return self.act(self.norm(self.conv(x)))


def channels_to_freq(x: torch.Tensor) -> torch.Tensor:
    """``(batch, 2 c, time, freq)`` -> ``(batch, c, time, 2 freq)``, neighbours from halves."""
    first, second = x.chunk(2, dim=1)
    return torch.stack([first, second], dim=-1).flatten(-2)


class TorchStream(nn.Module):
    """U-Net over frequency with streaming blocks; masks magnitude and corrects phase.

    Args:
        config: Network configuration.
    """

    def __init__(self, config: StreamConfig) -> None:
        super().__init__()
        self.config = config
        c1, c2, c3 = config.channels
        k1, k2, k3 = config.encoder_kernels
        bands = config.frontend.bands
        self.down1 = ConvNormAct(3, c1, k1, stride=2)
        self.down2 = ConvNormAct(c1, c2, k2, stride=2)
        self.encode2 = StreamBlock(config, c2, bands // 4, full=False)
        self.down3 = ConvNormAct(c2, c3, k3, stride=2)
        for i in range(config.middle_blocks):
            self.add_module(f"middle{i}", StreamBlock(config, c3, bands // 8, full=True))
        self.up3 = StreamConv(c3, 2 * c2, 1)
        self.merge2 = ConvNormAct(2 * c2, c2, 1)
        self.decode2 = StreamBlock(config, c2, bands // 4, full=False)
        self.up2 = StreamConv(c2, 2 * c1, 1)
        self.merge1 = ConvNormAct(2 * c1, c1, 1)
        self.mask_head = StreamConv(c1, 2, 3)
        self.phase_head = StreamConv(c1, 4, 3)
        self.slope = nn.Parameter(torch.ones(bands))

    def constrain(self) -> None:
        """Puts weights back into their range; call it after every optimizer step."""
        for i in range(self.config.middle_blocks):
            self.get_submodule(f"middle{i}").mala.constrain()

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs whole recordings from the initial state.

        Args:
            features: Compressed spectrum ``(batch, time, bands, 3)``.

        Returns:
            ``(mask, phase)``: the mask ``(batch, time, bands, 1)`` in 0…1 (the magnitude factor
            is twice that) and the phase correction ``(batch, time, bands, 2)``, both float32.
        """
        skip1 = self.down1(features.permute(0, 3, 1, 2))
        skip2 = self.encode2(self.down2(skip1))
        x = self.down3(skip2)
        for i in range(self.config.middle_blocks):
            x = self.get_submodule(f"middle{i}")(x)
        x = self.up3(x)
        remember(self.up3, x)
        x = self.merge2(torch.cat([channels_to_freq(x), skip2], dim=1))
        x = self.up2(self.decode2(x))
        remember(self.up2, x)
        x = self.merge1(torch.cat([channels_to_freq(x), skip1], dim=1))
        mask = torch.sigmoid(channels_to_freq(self.mask_head(x)).float() * self.slope)
        phase = channels_to_freq(self.phase_head(x)).float()
        return mask.permute(0, 2, 3, 1), phase.permute(0, 2, 3, 1)
