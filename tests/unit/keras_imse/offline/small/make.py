"""Records activations of the authors' implementation at a small size.

    python make.py CHECKOUT

runs the published code (a checkout of the authors' repository, with PyTorch and einops) with
8 channels, one block per stage and 32 bands on fixed pseudo-random weights and input, and writes
``activations.npz`` next to this file. Weights and input come from ``fixture.py``, so only results
are stored. Nothing of the authors' code is part of this project.
"""

from __future__ import annotations

import io
import sys
import types
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from fixture import FRAMES, STAGE_BLOCKS, noisy_input, small_tensor

HERE = Path(__file__).resolve().parent


def main(checkout: str) -> None:
    """Runs the published network and writes the recording."""
    sys.path.insert(0, checkout)
    # Imported by the published code, used by none of what runs here.
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.deform_conv", "triton"):
        sys.modules[name] = mock.MagicMock()
    for name in ("triton.language", "pesq", "joblib", "librosa"):
        sys.modules[name] = mock.MagicMock()
    from models.generator import IMSE
    from models.IMSE_net import Multi_transformer

    sizes = types.SimpleNamespace(dense_channel=8, n_fft=62, beta=2.0)
    network = IMSE(sizes)
    blocks = [STAGE_BLOCKS] * 4
    network.TCFTransformer = Multi_transformer(
        dense_channel=8, num_blocks=blocks, dec_num_blocks=blocks
    )
    state = {
        name: value if name.endswith("angle") else torch.from_numpy(small_tensor(name, value.shape))
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state)
    network.eval()
    recording: dict[str, np.ndarray] = {}
    modules = dict(network.named_modules())
    for name in RECORDED:
        modules[name].register_forward_hook(_recorder(recording, name))
    magnitude, phase = noisy_input(FRAMES)
    with torch.no_grad():
        results = network(torch.from_numpy(magnitude)[None], torch.from_numpy(phase)[None])
    recording["mag"], recording["pha"] = (r[0].numpy() for r in results[:2])
    recording["names"] = np.array(sorted(state))
    _write(recording)


#: Modules whose output is stored, as (channels, time, freq).
RECORDED = (
    "dense_encoder",
    "TCFTransformer.encoder_level1",
    "TCFTransformer.down1_2",
    "TCFTransformer.latent",
    "TCFTransformer.up3_2",
    "TCFTransformer.decoder_level1",
    "mask_decoder",
    "phase_decoder",
)


def _recorder(recording: dict[str, np.ndarray], name: str) -> object:
    """Returns a hook that stores a module's output."""

    def hook(_module: object, _inputs: object, output: torch.Tensor) -> None:
        recording[name] = output[0].numpy().copy()

    return hook


def _write(recording: dict[str, np.ndarray]) -> None:
    """Writes the recording; the same activations give the same bytes."""
    with zipfile.ZipFile(HERE / "activations.npz", "w") as archive:
        for name, array in sorted(recording.items()):
            data = io.BytesIO()
            np.save(data, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data.getvalue())


if __name__ == "__main__":
    main(sys.argv[1])
