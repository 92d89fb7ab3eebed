"""Attention, feed-forward network and stages of the PyTorch twin."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from keras_imse.imse_config import ImseConfig
from keras_imse.rotary import angles


class ChannelNorm(nn.Module):
    """Divides by the standard deviation over channels; the mean is not subtracted.

    Args:
        channels: Number of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Module()
        self.body.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalises ``(batch, channels, time, freq)``."""
        variance = x.var(dim=1, keepdim=True, unbiased=False)
        return x * torch.rsqrt(variance + 1e-5) * self.body.weight[:, None, None]


class Rotary(nn.Module):
    """Rotary position embedding: half of each head by time, half by frequency.

    Args:
        head_size: Channels per head.
    """

    def __init__(self, head_size: int) -> None:
        super().__init__()
        self.register_buffer("angle", torch.from_numpy(angles(head_size)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rotates ``(batch, heads, time, freq, head_size)``."""
        frames, bands = x.shape[2:4]
        time = torch.arange(frames, device=x.device)[:, None, None] * self.angle
        freq = torch.arange(bands, device=x.device)[None, :, None] * self.angle
        turn = torch.cat([time.expand(frames, bands, -1), freq.expand(frames, bands, -1)], dim=-1)
        swapped = torch.stack([-x[..., 1::2], x[..., ::2]], dim=-1).flatten(-2)
        return x * turn.cos() + swapped * turn.sin()


class MALA(nn.Module):
    """Magnitude-aware linear attention in the conditioned form ``A + z (A - V)``.

    Args:
        channels: Channels of the input and output.
        head_size: Channels per head.
    """

    def __init__(self, channels: int, head_size: int) -> None:
        super().__init__()
        self.head_size = head_size
        self.qkvo = nn.Conv2d(channels, 4 * channels, 1)
        self.lepe = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor, rotary: Rotary) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        shape = x.shape
        q, k, v, gate = self.qkvo(x).chunk(4, dim=1)
        lepe = self.lepe(v)
        q, k, v = (self._by_head(t) for t in (functional.elu(q) + 1, functional.elu(k) + 1, v))
        scale, positions = self.head_size**-0.5, shape[2] * shape[3]
        z = scale * (q * k.mean(dim=(2, 3), keepdim=True)).sum(-1, keepdim=True)
        kv = torch.einsum("bntfd,bntfe->bnde", rotary(k), v) * (scale / positions)
        attended = torch.einsum("bntfd,bnde->bntfe", rotary(q), kv) / (z + 1e-6)
        res = attended + z * (attended - v.mean(dim=(2, 3), keepdim=True))
        return self.proj((res.permute(0, 1, 4, 2, 3).reshape(shape) + lepe) * gate)

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, time, freq)`` → ``(batch, heads, time, freq, head_size)``."""
        return x.unflatten(1, (-1, self.head_size)).permute(0, 1, 3, 4, 2)


class GDFN(nn.Module):
    """1x1 → depthwise 3x3 → ``gelu(a) b`` → 1x1, no biases.

    Args:
        channels: Channels of the input and output.
        hidden: Gated channels.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        gate, value = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        return self.project_out(functional.gelu(gate) * value)


class TransformerBlock(nn.Module):
    """``x += MALA(norm(x))``, then ``x += GDFN(norm(x))``."""

    def __init__(self, channels: int, hidden: int, head_size: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.rope = Rotary(head_size)
        self.mala = MALA(channels, head_size)
        self.norm2 = ChannelNorm(channels)
        self.ffn = GDFN(channels, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        x = x + self.mala(self.norm1(x), self.rope)
        return x + self.ffn(self.norm2(x))


class SinglePathSKFF(nn.Module):
    """The identity with the inert parameters of the published fusion (zero gradients)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(nn.Conv2d(channels, squeezed, 1, bias=False), nn.PReLU())
        self.fcs = nn.ModuleList([nn.Conv2d(squeezed, channels, 1, bias=False)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns ``x``."""
        if not self.training:
            return x
        return x + 0.0 * sum(parameter.sum() for parameter in self.parameters())


class Stage(nn.Module):
    """Transformer blocks one after the other, and the inert fusion."""

    def __init__(self, config: ImseConfig, level: int) -> None:
        super().__init__()
        channels, hidden = config.channels(level), config.hidden_channels(level)
        path = nn.Module()
        path.transformer_layers = nn.ModuleList(
            TransformerBlock(channels, hidden, config.head_size) for _ in range(config.stage_blocks)
        )
        self.mhca_blks = nn.ModuleList([path])
        self.aggregate = SinglePathSKFF(channels, config.skff_channels(level))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        for block in self.mhca_blks[0].transformer_layers:
            x = block(x)
        return self.aggregate(x)


class IDConv(nn.Module):
    """1x1 convolution, then identity, 3x3, 1xk and kx1 depthwise branches side by side."""

    def __init__(self, config: ImseConfig, level: int) -> None:
        super().__init__()
        channels, strip = config.channels(level), config.strip
        branch = int(channels * config.branch_ratio)
        side = strip // 2
        self.sizes = (channels - 3 * branch, branch, branch, branch)
        self.dwconv_hw = nn.Conv2d(branch, branch, 3, padding=1, groups=branch)
        self.dwconv_w = nn.Conv2d(branch, branch, (1, strip), padding=(0, side), groups=branch)
        self.dwconv_h = nn.Conv2d(branch, branch, (strip, 1), padding=(side, 0), groups=branch)
        self.pwconv = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        identity, square, over_freq, over_time = self.pwconv(x).split(self.sizes, dim=1)
        return torch.cat(
            [identity, self.dwconv_hw(square), self.dwconv_w(over_freq), self.dwconv_h(over_time)],
            dim=1,
        )


class Embedding(nn.Module):
    """IDConv under the names of the published embedding stage."""

    def __init__(self, config: ImseConfig, level: int) -> None:
        super().__init__()
        path = nn.Module()
        path.patch_conv = IDConv(config, level)
        self.patch_embeds = nn.ModuleList([path])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        return self.patch_embeds[0].patch_conv(x)
