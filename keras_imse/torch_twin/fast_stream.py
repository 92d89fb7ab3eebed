"""`imse-stream` for training on a processor: the same weights, channels last, fused operators.

The network of :mod:`keras_imse.torch_twin.stream` with the operators of
:mod:`keras_imse.torch_twin.native`.
Layout: ``(batch, time, freq, channels)``.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from keras_imse.torch_twin import native
from keras_imse.torch_twin.stream import ConvNormAct, TorchStream
from keras_imse.torch_twin.stream_blocks import (
    CausalDepthwise,
    Norm,
    StreamBlock,
    StreamConv,
    StreamGDFN,
    StreamIDConv,
    StreamMALA,
    is_watched,
    remember,
)


class FastStream(TorchStream):
    """:class:`TorchStream` with another forward pass; weights and names are the same."""

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs whole recordings from the initial state, see :class:`TorchStream`."""
        skip1 = _conv_norm_act(self.down1, features)
        skip2 = _block(self.encode2, _conv_norm_act(self.down2, skip1))
        x = _conv_norm_act(self.down3, skip2)
        for i in range(self.config.middle_blocks):
            x = _block(self.get_submodule(f"middle{i}"), x)
        x = _conv(self.up3, x)
        remember(self.up3, x)
        x = torch.cat([_channels_to_freq(x), skip2], dim=-1)
        x = _block(self.decode2, _conv_norm_act(self.merge2, x))
        x = _conv(self.up2, x)
        remember(self.up2, x)
        x = torch.cat([_channels_to_freq(x), skip1], dim=-1)
        x = _conv_norm_act(self.merge1, x)
        heads = _centred(x)
        mask = _channels_to_freq(_as_linear(self.mask_head, heads))
        mask = torch.sigmoid(mask * self.slope[:, None])
        return mask, _channels_to_freq(_as_linear(self.phase_head, heads))


def _as_linear(conv: StreamConv, x: torch.Tensor) -> torch.Tensor:
    weight = conv.weight[:, :, 0].transpose(1, 2).flatten(1)  # (outputs, kernel * inputs)
    return functional.linear(x, weight, conv.bias)


def _conv(conv: StreamConv, x: torch.Tensor) -> torch.Tensor:
    kernel, stride = conv.kernel_size[1], conv.stride[1]
    if kernel > 1 and stride == 2:
        x = native.windows(x, kernel)
    return _as_linear(conv, x)


def _centred(x: torch.Tensor) -> torch.Tensor:
    """Windows of three bands at every band."""
    padded = functional.pad(x, (0, 0, 1, 1))
    return torch.cat([padded[:, :, :-2], x, padded[:, :, 2:]], dim=-1)


def _channels_to_freq(x: torch.Tensor) -> torch.Tensor:
    batch, time, freq, channels = x.shape
    return x.reshape(batch, time, 2 * freq, channels // 2)


def _norm(norm: Norm, x: torch.Tensor, slope: torch.Tensor | None = None) -> torch.Tensor:
    if not norm.training:
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        y = x * scale + (norm.bias - norm.running_mean * scale)
        return y if slope is None else torch.where(y > 0, y, y * slope)
    y, mean, variance = native.norm(x, norm.weight, norm.bias, slope)
    count = x.numel() / x.shape[-1]
    with torch.no_grad():
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / (count - 1.0)), norm.momentum)
    return y


def _conv_norm_act(layer: ConvNormAct, x: torch.Tensor) -> torch.Tensor:
    return _norm(layer.norm, _conv(layer.conv, x), layer.act.weight)


def _depthwise(conv: CausalDepthwise, x: torch.Tensor) -> torch.Tensor:
    dilation = conv.dilation[0]
    if dilation > 1:  # a strip over time: frames of one phase become bands beside each other
        batch, time, freq, channels = x.shape
        missing = -time % dilation
        phases = functional.pad(x, (0, 0, 0, 0, 0, missing)).reshape(
            batch, (time + missing) // dilation, dilation * freq, channels
        )
        y = native.depthwise(phases, conv.weight[:, 0].permute(1, 2, 0), conv.bias)
        return y.reshape(batch, time + missing, freq, channels)[:, :time]
    return native.depthwise(x, conv.weight[:, 0].permute(1, 2, 0), conv.bias)


def _idconv(layer: StreamIDConv, x: torch.Tensor) -> torch.Tensor:
    x = _norm(layer.norm, _conv(layer.pointwise, x))
    identity, long, square, band, time = x.split(layer.sizes, dim=-1)
    branches = [
        identity,
        long if layer.long_strip is None else _depthwise(layer.long_strip, long),
        _depthwise(layer.square, square),
        _depthwise(layer.band_strip, band),
        _depthwise(layer.time_strip, time),
    ]
    return torch.cat(branches, dim=-1)


def _gdfn(layer: StreamGDFN, x: torch.Tensor) -> torch.Tensor:
    wide = _depthwise(layer.depthwise, _conv(layer.widen, _norm(layer.norm, x)))
    product = native.gate(wide)
    remember(layer, product)
    return _conv(layer.narrow, product)


def _mala(layer: StreamMALA, x: torch.Tensor) -> torch.Tensor:
    x = _norm(layer.norm, x)
    query, key = native.positive(_conv(layer.query, x)), native.positive(_conv(layer.key, x))
    value, gate = _conv(layer.value, x), _conv(layer.gate, x)
    freq, pairs = x.shape[2], layer.head_size // 2
    cos = layer.cos[:pairs, 0].t().contiguous() if layer.rope else x.new_ones(freq, pairs)
    sin = layer.sin[-pairs:, 0].t().contiguous() if layer.rope else x.new_zeros(freq, pairs)
    kv, k_mean, v_mean = native.summary(key, value, cos, sin)
    mean_kv = layer._window_mean(kv.flatten(2), layer.prior_kv).view_as(kv)
    mean_k = layer._window_mean(k_mean, layer.prior_k)
    mean_v = layer._window_mean(v_mean, layer.prior_v)
    if is_watched(layer):  # the fused operator keeps them to itself
        magnitudes = query * (mean_k.unsqueeze(2) * layer.scale)
        remember(layer, magnitudes.unflatten(-1, (2, layer.heads, pairs)).sum(dim=(-3, -1)))
    attended = native.attend(query, mean_kv, mean_k, mean_v, cos, sin, layer.scale, layer.floor)
    return _conv(layer.project, (attended + _depthwise(layer.position, value)) * gate)


def _block(block: StreamBlock, x: torch.Tensor) -> torch.Tensor:
    x = x + _idconv(block.idconv, x)
    if block.full:
        x = x + _mala(block.mala, x)
    return x + _gdfn(block.gdfn, x)
