"""Configuration of the published, offline IMSE network as frozen data (no TensorFlow).

Layout everywhere: ``(batch, time, freq, channels)``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_imse.errors import ConfigError

#: Frames and bands must divide by this: two halvings of both axes in the U-Net.
FRAME_MULTIPLE = 4

#: Names of the seven stages in execution order, with their U-Net level (0 = full resolution).
STAGES: tuple[tuple[str, int], ...] = (
    ("encoder_level1", 0),
    ("encoder_level2", 1),
    ("latent", 2),
    ("decoder_level2", 1),
    ("decoder_level1", 0),
    ("mag_refinement", 0),
    ("pha_refinement", 0),
)


@dataclass(frozen=True)
class OfflineAudioConfig:
    """Short-time Fourier front end of the published network.

    Attributes:
        sample_rate_hz: Sample rate.
        n_fft: Window and transform length in samples (periodic Hann, centred, reflect padding).
        hop: Samples between frames.
        compression: Exponent of the magnitude that the network sees and returns.
        segment_samples: Samples that are enhanced at a time.
    """

    sample_rate_hz: int = 16000
    n_fft: int = 510
    hop: int = 100
    compression: float = 0.3
    segment_samples: int = 30_700

    @property
    def bands(self) -> int:
        """Transform bins, DC and Nyquist included."""
        return self.n_fft // 2 + 1

    @property
    def segment_frames(self) -> int:
        """Frames of one segment."""
        return self.frames(self.segment_samples)

    def frames(self, samples: int) -> int:
        """Frames of a recording of ``samples`` samples."""
        return samples // self.hop + 1


@dataclass(frozen=True)
class OpForms:
    """Which of several equivalent compositions the layers are made of.

    Attributes:
        attention: ``reference``: the published formula, head by head.
            ``conditioned``: ``A + z (A - V)`` over all heads at once with block-diagonal
            matrices, no transposes; equal in exact arithmetic, kind to integers.
        gelu: ``erf``: exact. ``logistic``: ``x * sigmoid(x (a + b x^2))``, within 3e-4 of exact.
        division: ``div``: one division. ``rsqrt``: multiply twice by the inverse square root.
    """

    attention: Literal["reference", "conditioned"] = "reference"
    gelu: Literal["erf", "logistic"] = "erf"
    division: Literal["div", "rsqrt"] = "div"

    def __post_init__(self) -> None:
        for name, known in (
            ("attention", ("reference", "conditioned")),
            ("gelu", ("erf", "logistic")),
            ("division", ("div", "rsqrt")),
        ):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"op form '{name}' is one of {', '.join(known)}, got '{getattr(self, name)}'"
                )


#: Forms for training and as the reference.
REFERENCE_FORMS = OpForms()
#: Forms made only of operators that TensorFlow Lite Micro runs.
DEPLOY_FORMS = OpForms(attention="conditioned", gelu="logistic", division="rsqrt")


@dataclass(frozen=True)
class ImseConfig:
    """The published IMSE network.

    Attributes:
        name: Preset name.
        audio: Short-time Fourier front end.
        dense_channels: Channels of the dense blocks and of U-Net level 0; level *n* has *n*+1
            times as many.
        dense_depth: Convolutions per dense block (time dilation 1, 2, 4, ...).
        stage_blocks: Transformer blocks per stage.
        head_size: Channels per attention head.
        expansion: GDFN expansion; hidden channels are ``int(expansion * channels)``.
        strip: Length of the 1xk and kx1 strips of IDConv.
        branch_ratio: Share of the channels that each of IDConv's three branches gets.
        mask_limit: Largest magnitude factor; the mask output times this is the factor.
    """

    name: str = "imse"
    audio: OfflineAudioConfig = field(default_factory=OfflineAudioConfig)
    dense_channels: int = 16
    dense_depth: int = 4
    stage_blocks: int = 4
    head_size: int = 8
    expansion: float = 2.66
    strip: int = 11
    branch_ratio: float = 0.125
    mask_limit: float = 2.0
    family: str = "imse"

    def __post_init__(self) -> None:
        if self.dense_channels % self.head_size or self.head_size % 8:
            raise ConfigError(
                f"preset '{self.name}': head_size must be a multiple of 8 that divides "
                f"{self.dense_channels} channels, got {self.head_size}"
            )
        if self.audio.bands % (2 * FRAME_MULTIPLE):
            raise ConfigError(
                f"preset '{self.name}': n_fft / 2 + 1 must divide by {2 * FRAME_MULTIPLE}, "
                f"got {self.audio.bands}"
            )
        if self.audio.segment_frames % FRAME_MULTIPLE:
            raise ConfigError(
                f"preset '{self.name}': frames per segment must divide by {FRAME_MULTIPLE}, "
                f"got {self.audio.segment_frames}"
            )

    def channels(self, level: int) -> int:
        """Channels of a U-Net level (0 = full resolution)."""
        return self.dense_channels * (level + 1)

    def hidden_channels(self, level: int) -> int:
        """Gated channels inside the GDFN of a U-Net level."""
        return int(self.channels(level) * self.expansion)

    def skff_channels(self, level: int) -> int:
        """Squeezed channels of the (inert) kernel selection of a U-Net level."""
        return max(self.channels(level) // 8, 4)

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as plain data."""
        return dataclasses.asdict(self)


def imse_config_from_dict(data: dict[str, Any], *, where: str) -> ImseConfig:
    """Builds a configuration from plain data.

    Args:
        data: Keys of :class:`ImseConfig`; a nested table for ``audio``.
        where: What is being read, for error messages.

    Returns:
        The configuration.

    Raises:
        ConfigError: A key is unknown or a value has the wrong type.
    """
    try:
        data = dict(data)
        return ImseConfig(audio=OfflineAudioConfig(**data.pop("audio", {})), **data)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: not an IMSE configuration: {error}",
            hint="see keras_imse/imse_config.py for the keys and their meaning",
        ) from error


def check_frames(frames: int) -> None:
    """Refuses a segment length that the U-Net cannot halve twice.

    Args:
        frames: Frames of a segment.

    Raises:
        ConfigError: ``frames`` is not a positive multiple of 4.
    """
    if frames <= 0 or frames % FRAME_MULTIPLE:
        below = max(frames // FRAME_MULTIPLE, 1) * FRAME_MULTIPLE
        raise ConfigError(
            f"segment of {frames} frames: IMSE needs a positive multiple of {FRAME_MULTIPLE}",
            hint=f"use {below} or {below + FRAME_MULTIPLE} frames",
        )
