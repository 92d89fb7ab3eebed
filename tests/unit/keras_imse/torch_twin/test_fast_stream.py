"""The network for training on a processor against the plain PyTorch one: values and gradients."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra torch)")
if not (shutil.which("g++") and shutil.which("ninja")):
    pytest.skip("compiling the operators needs g++ and ninja", allow_module_level=True)

from keras_imse.config import StreamConfig  # noqa: E402
from keras_imse.errors import TrainingError  # noqa: E402
from keras_imse.torch_twin.fast_stream import FastStream  # noqa: E402
from keras_imse.torch_twin.stream import TorchStream  # noqa: E402
from keras_imse.torch_twin.stream_blocks import tail_penalty, watch_tails  # noqa: E402
from keras_imse.torch_twin.trainer import Machine, TorchTrainer  # noqa: E402
from keras_imse.train.settings import TrainingConfig  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[True, False], ids=["rope", "plain"])
def both(request: pytest.FixtureRequest, small_config: StreamConfig) -> tuple:
    config = dataclasses.replace(
        small_config, rope=request.param, encoder_kernels=(5, 3, 5), long_strip_dilation=3
    )
    torch.manual_seed(3)
    plain, fast = TorchStream(config), FastStream(config)
    with torch.no_grad():
        for weight in plain.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    plain.constrain()
    fast.load_state_dict(plain.state_dict())
    return plain, fast


def test_training_is_the_same(both: tuple) -> None:
    plain, fast = both
    features = torch.randn(2, 21, 64, 3)
    features[0, 5] *= 30.0  # one frame that lies far out
    results = []
    for network in both:
        watch_tails(network)
        network.train()
        network.zero_grad()
        mask, phase = network(features)
        tails = tail_penalty(network)
        assert float(tails.detach()) > 0.0
        (mask.square().sum() + (phase * features[..., :2]).sum() + tails).backward()
        results.append((mask.detach(), phase.detach(), tails.detach()))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-4)
    for (name, a), b in zip(plain.named_parameters(), fast.parameters(), strict=True):
        error = (a.grad - b.grad).norm() / (a.grad.norm() + 1e-4)
        assert error < 1e-2, name
    for (name, a), b in zip(plain.named_buffers(), fast.buffers(), strict=True):
        if "tracked" not in name:
            torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-4, msg=name)


def test_inference_is_the_same(both: tuple) -> None:
    plain, fast = (network.eval() for network in both)
    features = torch.randn(1, 33, 64, 3)
    with torch.no_grad():
        for a, b in zip(plain(features), fast(features), strict=True):
            torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)


def test_native_operators_need_a_processor(
    small_config: StreamConfig, corpus_dir: Path, tmp_path: Path
) -> None:
    machine = Machine("cpu", mixed_precision=True, native=True)
    with pytest.raises(TrainingError, match="float32"):
        TorchTrainer(small_config, TrainingConfig(), machine, corpus_dir, tmp_path)
