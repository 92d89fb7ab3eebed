"""The PyTorch `imse-stream`: causality, padding, attention, gradients."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")

from keras_imse.config import StreamConfig  # noqa: E402
from keras_imse.torch_twin.stream import TorchStream, channels_to_freq  # noqa: E402
from keras_imse.torch_twin.stream_blocks import (  # noqa: E402
    StreamConv,
    StreamMALA,
    remember,
    tail_penalty,
    watch_tails,
)


@pytest.mark.parametrize(("kernel", "below"), [(5, 1), (3, 0)])
def test_strided_convolutions_pad_as_tensorflow_does(kernel: int, below: int) -> None:
    convolution = StreamConv(1, 1, kernel, stride=2, bias=False)
    band = torch.zeros(1, 1, 1, 16)
    band[..., 6] = 1.0
    with torch.no_grad():
        convolution.weight.copy_(torch.arange(1.0, kernel + 1))
        found = convolution(band)[0, 0, 0]
    # Output j sees the bands 2 j - below … 2 j - below + kernel - 1.
    taps = [6 - (2 * j - below) for j in range(8)]
    assert found.tolist() == [tap + 1.0 if 0 <= tap < kernel else 0.0 for tap in taps]


def test_channels_move_to_neighbouring_bands() -> None:
    x = torch.arange(4.0)[None, :, None, None] * 10 + torch.arange(3.0)
    moved = channels_to_freq(x)
    assert moved.shape == (1, 2, 1, 6)
    assert moved[0, 0, 0].tolist() == [0, 20, 1, 21, 2, 22]


def test_the_future_changes_nothing(small_config: StreamConfig) -> None:
    network = TorchStream(small_config).eval()
    features = torch.rand(1, 20, 64, 3)
    changed = features.clone()
    changed[:, 12:] = torch.rand(1, 8, 64, 3)
    with torch.no_grad():
        for a, b in zip(network(features), network(changed), strict=True):
            torch.testing.assert_close(a[:, :12], b[:, :12], atol=2e-6, rtol=0)
            assert (a[:, 12:] - b[:, 12:]).abs().max() > 1e-4


def test_attention_equals_its_definition(small_config: StreamConfig) -> None:
    """Tokens of the last W frames one by one; priors in the place of missing frames."""
    layer = StreamMALA(small_config, 16, 8)
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.rand(1, 16, 9, 8, generator=generator) + 0.1 for _ in range(2))
    value = torch.randn(1, 16, 9, 8, generator=generator)
    with torch.no_grad():
        layer.prior_kv.normal_(generator=generator)
        layer.prior_k.uniform_(0.5, 1.5, generator=generator)
        layer.prior_v.normal_(generator=generator)
        found = layer._attend(query, key, value).numpy()

    d, heads, window = 8, 2, small_config.window_frames
    rates = 10000.0 ** -np.linspace(0.0, 1.0, d // 2)

    def head(x: torch.Tensor, h: int, t: int, f: int) -> np.ndarray:
        """Channels ``(half, pair)`` of a token."""
        return x[0, :, t, f].double().numpy().reshape(2, heads, d // 2)[:, h]

    def turned(x: np.ndarray, f: int) -> np.ndarray:
        spun = (x[0] + 1j * x[1]) * np.exp(1j * f * rates)
        return np.stack([spun.real, spun.imag])

    prior_kv = layer.prior_kv.detach().numpy().reshape(heads, d, d)
    prior_k, prior_v = (
        p.detach().numpy().reshape(heads, d) for p in (layer.prior_k, layer.prior_v)
    )
    expected = np.empty_like(found)
    for h in range(heads):
        for t in range(9):
            kv, ks, vs = np.zeros((d, d)), np.zeros(d), np.zeros(d)
            for frame in range(t - window + 1, t + 1):
                if frame < 0:
                    kv, ks, vs = kv + prior_kv[h], ks + prior_k[h], vs + prior_v[h]
                    continue
                for f in range(8):
                    k, v = head(key, h, frame, f), head(value, h, frame, f).ravel()
                    kv += np.outer(turned(k, f).ravel(), v) / 8
                    ks, vs = ks + k.ravel() / 8, vs + v / 8
            for f in range(8):
                q = head(query, h, t, f)
                z = d**-0.5 * q.ravel() @ ks / window
                attended = d**-0.5 * turned(q, f).ravel() @ kv / window
                attended = attended / (z + small_config.attention_floor)
                result = attended + z * (attended - vs / window)
                half = result.reshape(2, d // 2)
                for side in range(2):
                    first = side * heads * d // 2 + h * d // 2
                    expected[0, first : first + d // 2, t, f] = half[side]
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-5)


def test_every_parameter_gets_a_gradient(small_config: StreamConfig) -> None:
    network = TorchStream(small_config)
    mask, phase = network(torch.rand(2, 8, 64, 3))
    (mask.square().sum() + phase.square().sum()).backward()
    idle = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert idle == []


def test_mixed_precision_stays_close(small_config: StreamConfig) -> None:
    network = TorchStream(small_config).eval()
    features = torch.rand(1, 10, 64, 3)
    with torch.no_grad():
        exact = network(features)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(features)
    for a, b in zip(exact, rough, strict=True):
        assert b.dtype == torch.float32
        assert 0 < (a - b).abs().max() < 0.05 * max(1.0, float(a.abs().max()))


def test_constrained_priors_are_not_negative(small_config: StreamConfig) -> None:
    network = TorchStream(small_config)
    with torch.no_grad():
        network.middle0.mala.prior_k.fill_(-1.0)
    network.constrain()
    assert network.middle0.mala.prior_k.min() == 0.0


def test_only_values_far_out_count_as_a_tail() -> None:
    layer = torch.nn.Linear(1, 1)
    near = torch.randn(4096)
    remember(layer, near)
    assert layer.activation is None  # nor by a layer that nobody watches
    watch_tails(layer)
    remember(layer, near)
    assert float(tail_penalty(layer)) == 0.0
    far = near.clone().requires_grad_()
    with torch.no_grad():
        far[7] = 40.0
    remember(layer, far)
    tail_penalty(layer).backward()
    assert float(far.grad[7]) > 0.0
    assert int((far.grad != 0.0).sum()) == 1
    layer.eval()
    remember(layer, far)
    assert layer.activation is None  # no memory is held outside training
