"""Convolutions, IDConv, attention and feed-forward network of the PyTorch `imse-stream`."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from keras_imse.config import StreamConfig

TAIL_LIMIT = 8.0
"""Values up to this multiple of the root mean square of an activation fit into eight bits well."""


def watch_tails(network: nn.Module) -> None:
    """Makes the layers of a network keep activations with heavy tails for :func:`tail_penalty`."""
    for layer in network.modules():
        layer.watched = True


def is_watched(layer: nn.Module) -> bool:
    """Whether a layer keeps its activation: while training, after :func:`watch_tails`."""
    return layer.training and getattr(layer, "watched", False) is True


def remember(layer: nn.Module, activation: torch.Tensor) -> None:
    """Keeps an activation if the layer is watched; outside training none is held."""
    layer.activation = activation if is_watched(layer) else None


def tail_penalty(network: nn.Module) -> torch.Tensor:
    """How far rare values of the remembered activations lie out; integers must cut them off.

    Args:
        network: Network that is watched, after a forward pass in training mode.

    Returns:
        Sum over the activations of ``mean(max(|x| / (8 rms(x)) - 1, 0)^2)``; values within eight
        times the root mean square are free.
    """
    terms = []
    for layer in network.modules():
        activation = getattr(layer, "activation", None)
        if isinstance(activation, torch.Tensor):
            magnitude = activation.float().abs()
            limit = TAIL_LIMIT * magnitude.detach().square().mean().sqrt() + 1e-6
            terms.append(functional.relu(magnitude / limit - 1.0).square().mean())
    return torch.stack(terms).sum()


class Norm(nn.BatchNorm2d):
    """BatchNorm with the constants of the tf-keras network.

    Args:
        channels: Number of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.02)


class StreamConv(nn.Conv2d):
    """1xk convolution over frequency that keeps ``freq / stride`` bands, padded as TensorFlow does.

    An odd number of padding bands puts the extra one above, so a strided convolution is not
    centred: 1 below and 2 above for five bands with stride 2, none and 1 for three.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Width over frequency.
        stride: Stride over frequency.
        bias: Whether to add a bias per channel.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, (1, kernel), stride=(1, stride), bias=bias)
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolves ``(batch, inputs, time, freq)``."""
        freq, kernel, stride = x.shape[-1], self.kernel_size[1], self.stride[1]
        total = max((-(-freq // stride) - 1) * stride + kernel - freq, 0)
        if total:
            x = functional.pad(x, (total // 2, total - total // 2))
        return super().forward(x)


class CausalDepthwise(nn.Conv2d):
    """Depthwise ``time x freq`` convolution, causal in time, centred in frequency.

    Args:
        channels: Channels of the input and output.
        kernel: ``(frames, bands)``; bands must be odd.
        dilation: Frames between two taps over time.
    """

    def __init__(self, channels: int, kernel: tuple[int, int], dilation: int = 1) -> None:
        super().__init__(channels, channels, kernel, groups=channels, dilation=(dilation, 1))
        nn.init.normal_(self.weight, std=(kernel[0] * kernel[1]) ** -0.5)
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolves ``(batch, channels, time, freq)``."""
        frames, bands = self.kernel_size
        past = (frames - 1) * self.dilation[0]
        return super().forward(functional.pad(x, (bands // 2, bands // 2, past, 0)))


class StreamIDConv(nn.Module):
    """1x1 convolution and norm, then identity (5/8), 3x3, 1xk and kx1 branches (1/8 each).

    With a long strip, a kx1 branch with dilation takes 1/8 of the identity.

    Args:
        channels: Channels of the input and output.
        strip: Length k of the strips.
        long_strip_dilation: Frames between the taps of the long strip; 0: none.
    """

    def __init__(self, channels: int, strip: int, long_strip_dilation: int = 0) -> None:
        super().__init__()
        branch = channels // 8
        identity = channels - (4 if long_strip_dilation else 3) * branch
        self.sizes = (identity, channels - 3 * branch - identity, branch, branch, branch)
        self.long_strip = None
        if long_strip_dilation:
            self.long_strip = CausalDepthwise(branch, (strip, 1), long_strip_dilation)
            with torch.no_grad():  # starts as the identity that it replaces
                self.long_strip.weight.zero_()
                self.long_strip.weight[:, :, -1] = 1.0
        self.pointwise = StreamConv(channels, channels, 1, bias=False)
        self.norm = Norm(channels)
        self.square = CausalDepthwise(branch, (3, 3))
        self.band_strip = CausalDepthwise(branch, (1, strip))
        self.time_strip = CausalDepthwise(branch, (strip, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        x = self.norm(self.pointwise(x))
        identity, long, square, band, time = x.split(self.sizes, dim=1)
        if self.long_strip is not None:
            long = self.long_strip(long)
        branches = [identity, long, self.square(square), self.band_strip(band)]
        return torch.cat([*branches, self.time_strip(time)], dim=1)


class StreamGDFN(nn.Module):
    """Norm, 1x1 to twice the hidden width, depthwise 3x3, hard-swish gate, 1x1.

    Args:
        channels: Channels of the input and output.
        expansion: Hidden channels as a multiple of the input's.
    """

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.norm = Norm(channels)
        self.widen = StreamConv(channels, 2 * hidden, 1)
        self.depthwise = CausalDepthwise(2 * hidden, (3, 3))
        self.narrow = StreamConv(hidden, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        gate, value = self.depthwise(self.widen(self.norm(x))).chunk(2, dim=1)
        product = functional.hardswish(gate) * value
        remember(self, product)
        return self.narrow(product)


def _rotation(freq: int, channels: int, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and signed sines of the rotary embedding over frequency, ``(channels, 1, freq)``."""
    pairs = head_size // 2
    rates = torch.exp(-math.log(10000.0) * torch.linspace(0.0, 1.0, pairs, dtype=torch.float64))
    angle = rates.repeat(channels // head_size)[:, None, None] * torch.arange(freq)
    cos, sin = angle.cos().float(), angle.sin().float()
    return torch.cat([cos, cos]), torch.cat([-sin, sin])


class StreamMALA(nn.Module):
    """Magnitude-aware linear attention over the last W frames and all bands.

    Every frame is summarised once; frame ``t`` attends to the mean of the summaries of frames
    ``t - W + 1 … t``, with the learned prior in the place of frames before the first. Channels
    are ordered ``(pair half, head, pair)`` as in :mod:`keras_imse.layers.mala`. Attention runs in
    float32 under mixed precision: it divides, and it sums over a whole recording.

    Args:
        config: Network configuration.
        channels: Channels of the input and output.
        freq: Number of bands.
    """

    def __init__(self, config: StreamConfig, channels: int, freq: int) -> None:
        super().__init__()
        self.head_size = config.head_size
        self.heads = channels // config.head_size
        self.scale = config.head_size**-0.5
        self.window_frames = config.window_frames
        self.floor = config.attention_floor
        self.rope = config.rope
        self.norm = Norm(channels)
        self.query = StreamConv(channels, channels, 1)
        self.key = StreamConv(channels, channels, 1)
        self.value = StreamConv(channels, channels, 1)
        self.gate = StreamConv(channels, channels, 1)
        self.position = CausalDepthwise(channels, (3, 5))
        self.project = StreamConv(channels, channels, 1)
        self.prior_kv = nn.Parameter(torch.zeros(channels * config.head_size))
        self.prior_k = nn.Parameter(torch.ones(channels))
        self.prior_v = nn.Parameter(torch.zeros(channels))
        cos, sin = _rotation(freq, channels, config.head_size)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keeps the key prior positive, as keys are; else the normaliser could change sign."""
        self.prior_k.clamp_(min=0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        x = self.norm(x)
        query = functional.elu(self.query(x)) + 1.0
        key = functional.elu(self.key(x)) + 1.0
        value, gate = self.value(x), self.gate(x)
        with torch.autocast(x.device.type, enabled=False):
            attended = self._attend(query.float(), key.float(), value.float())
        return self.project((attended + self.position(value)) * gate)

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Attends, all ``(batch, channels, time, freq)``."""
        shape = query.shape
        rotated_query, rotated_key = self._rotate(query), self._rotate(key)
        query, key, value, rotated_query, rotated_key = (
            self._by_head(t) for t in (query, key, value, rotated_query, rotated_key)
        )
        kv = rotated_key.transpose(-1, -2) @ value * (1.0 / shape[-1])
        mean_kv = self._window_mean(kv.flatten(2), self.prior_kv).view_as(kv)
        mean_k = self._window_mean(key.mean(dim=3).flatten(2), self.prior_k)
        mean_v = self._window_mean(value.mean(dim=3).flatten(2), self.prior_v)
        mean_k = mean_k.unflatten(2, (self.heads, self.head_size, 1)) * self.scale
        mean_v = mean_v.unflatten(2, (self.heads, 1, self.head_size))
        z = query @ mean_k
        remember(self, z)
        attended = (rotated_query * self.scale) @ mean_kv / (z + self.floor)
        result = attended + z * (attended - mean_v)
        # (batch, time, heads, freq, (half, pair)) -> (batch, (half, heads, pair), time, freq)
        result = result.unflatten(-1, (2, self.head_size // 2))
        return result.permute(0, 4, 2, 5, 1, 3).reshape(shape)

    def _rotate(self, x: torch.Tensor) -> torch.Tensor:
        """Turns pairs of channels by an angle per band."""
        if not self.rope:
            return x
        return x * self.cos + x.roll(x.shape[1] // 2, dims=1) * self.sin

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, time, freq)`` -> ``(batch, time, heads, freq, head_size)``."""
        x = x.unflatten(1, (2, self.heads, self.head_size // 2))
        return x.permute(0, 4, 2, 5, 1, 3).flatten(-2)

    def _window_mean(self, summary: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        """Mean of the last W frames of ``(batch, time, n)``, the prior before the first."""
        past = prior.expand(summary.shape[0], self.window_frames - 1, -1)
        total = torch.cat([past, summary], dim=1).cumsum(dim=1)
        before = functional.pad(total[:, : -self.window_frames], (0, 0, 1, 0))
        return (total[:, self.window_frames - 1 :] - before) * (1.0 / self.window_frames)


class StreamBlock(nn.Module):
    """``x + IDConv(x)``, then ``x + MALA(x)`` in a full block, then ``x + GDFN(x)``.

    Args:
        config: Network configuration.
        channels: Channels of the input and output.
        freq: Number of bands.
        full: Whether the block has attention and the expansion of full blocks.
    """

    def __init__(self, config: StreamConfig, channels: int, freq: int, *, full: bool) -> None:
        super().__init__()
        self.full = full
        self.idconv = StreamIDConv(channels, config.strip, config.long_strip_dilation)
        if full:
            self.mala = StreamMALA(config, channels, freq)
        expansion = config.block_expansion if full else config.light_expansion
        self.gdfn = StreamGDFN(channels, expansion)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``(batch, channels, time, freq)`` to the same shape."""
        x = x + self.idconv(x)
        if self.full:
            x = x + self.mala(x)
        return x + self.gdfn(x)
