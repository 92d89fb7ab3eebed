"""The published network in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from keras_imse.imse_config import STAGES, ImseConfig, check_frames
from keras_imse.torch_twin.blocks import Embedding, Stage
from keras_imse.torch_twin.dense import DenseEncoder, MaskDecoder, PhaseDecoder


def _depthwise_pointwise(inputs: int, outputs: int, shuffle: nn.Module) -> nn.Module:
    """Returns depthwise 3x3 → 1x1 → shuffle under the name ``body``."""
    module = nn.Module()
    module.body = nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        shuffle,
    )
    return module


class UNet(nn.Module):
    """U-Net over time and frequency with a refinement head each for magnitude and phase.

    Args:
        config: Network configuration.
    """

    def __init__(self, config: ImseConfig) -> None:
        super().__init__()
        for stage, level in STAGES:
            self.add_module(self._embedding_name(stage), Embedding(config, level))
            self.add_module(stage, Stage(config, level))
        c1, c2, c3 = (config.channels(level) for level in range(3))
        self.down1_2 = _depthwise_pointwise(c1, c2 // 4, nn.PixelUnshuffle(2))
        self.down2_3 = _depthwise_pointwise(c2, c3 // 4, nn.PixelUnshuffle(2))
        self.up3_2 = _depthwise_pointwise(c3, 4 * c2, nn.PixelShuffle(2))
        self.up2_1 = _depthwise_pointwise(c2, 4 * c1, nn.PixelShuffle(2))
        self.reduce_chan_level2 = nn.Sequential(nn.Conv2d(2 * c2, c2, 1, bias=False))
        self.reduce_chan_level1 = nn.Sequential(nn.Conv2d(2 * c1, c1, 1, bias=False))
        self.mag_output = nn.Sequential(nn.Conv2d(c1, c1, 3, padding=1, bias=False))
        self.pha_output = nn.Sequential(nn.Conv2d(c1, c1, 3, padding=1, bias=False))

    @staticmethod
    def _embedding_name(stage: str) -> str:
        """Returns the published name of a stage's embedding."""
        kind, _, rest = stage.partition("_")
        return f"{kind}_patch_embed_{rest}" if rest == "refinement" else f"patch_embed_{stage}"

    def _stage(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Embeds ``x``, runs the stage's blocks and adds ``x``."""
        embedding = self.get_submodule(self._embedding_name(name))
        return self.get_submodule(name)(embedding(x)) + x

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps ``(batch, channels, time, freq)`` to features of magnitude and phase."""
        level1 = self._stage("encoder_level1", x)
        level2 = self._stage("encoder_level2", self.down1_2.body(level1))
        latent = self._stage("latent", self.down2_3.body(level2))
        y = self.reduce_chan_level2(torch.cat([self.up3_2.body(latent), level2], dim=1))
        y = self._stage("decoder_level2", y)
        y = self.reduce_chan_level1(torch.cat([self.up2_1.body(y), level1], dim=1))
        y = self._stage("decoder_level1", y)
        magnitude = self.mag_output(self._stage("mag_refinement", y)) + x
        return magnitude, self.pha_output(self._stage("pha_refinement", y)) + x


class TorchImse(nn.Module):
    """The published network; same input and outputs as the tf-keras network.

    Args:
        config: Network configuration; the published one by default.
    """

    def __init__(self, config: ImseConfig | None = None) -> None:
        super().__init__()
        self.config = config or ImseConfig()
        self.dense_encoder = DenseEncoder(self.config)
        self.TCFTransformer = UNet(self.config)
        self.mask_decoder = MaskDecoder(self.config)
        self.phase_decoder = PhaseDecoder(self.config)

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps features of a noisy spectrum to a mask and a phase.

        Args:
            features: Compressed magnitude and phase, ``(batch, time, bands, 2)``.

        Returns:
            ``mask`` ``(batch, time, bands, 1)`` in 0...1 and ``phase``
            ``(batch, time, bands, 2)``: real and imaginary part.

        Raises:
            ConfigError: The number of frames does not divide by 4.
        """
        check_frames(features.shape[1])
        magnitude, phase = self.TCFTransformer(self.dense_encoder(features.permute(0, 3, 1, 2)))
        return {
            "mask": self.mask_decoder(magnitude).permute(0, 2, 3, 1),
            "phase": self.phase_decoder(phase).permute(0, 2, 3, 1),
        }
