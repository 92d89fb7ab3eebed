"""Model configurations as frozen data: what a preset says, nothing derived from TensorFlow.

Layout everywhere: ``(batch, time, freq, channels)``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from keras_imse.errors import ConfigError


@dataclass(frozen=True)
class LevelConfig:
    """Running input level estimate, so that a device needs no whole-file statistics.

    Per frame, with ``e`` the mean square of the new hop and ``n`` the frames since reset:
    ``p += max(1/(n+1), min_update) * (e - p)``; ``p = max(p, attack * e, floor)``;
    ``gain = target_rms / sqrt(p)``.

    Attributes:
        target_rms: Level that the network sees (full scale is 1).
        attack: Fraction of a frame's power that the estimate never falls below.
        floor: Smallest power estimate; silence is not amplified without bound.
        min_update: Update rate once ``1/(n+1)`` has fallen below it, per frame.
    """

    target_rms: float = 0.1
    attack: float = 0.05
    floor: float = 1e-7
    min_update: float = 0.008


@dataclass(frozen=True)
class FrontendConfig:
    """Short-time Fourier front end of the streaming network.

    Attributes:
        sample_rate_hz: Sample rate.
        n_fft: Window and transform length in samples (square root of a periodic Hann window).
        hop: New samples per frame.
        compression: Exponent of the magnitude in the features.
        first_bin: First transform bin that the network sees (1 drops DC).
        bands: Number of bins that the network sees.
        magnitude_floor: Smallest magnitude before compression.
        level: Running level estimate.
    """

    sample_rate_hz: int = 16000
    n_fft: int = 512
    hop: int = 256
    compression: float = 0.3
    first_bin: int = 1
    bands: int = 256
    magnitude_floor: float = 1e-7
    level: LevelConfig = field(default_factory=LevelConfig)

    @property
    def frames_per_second(self) -> float:
        """Frames per second of audio."""
        return self.sample_rate_hz / self.hop

    @property
    def algorithmic_latency_ms(self) -> float:
        """Delay from a sample's arrival to its enhanced version with zero computing time."""
        return 1000.0 * self.n_fft / self.sample_rate_hz


@dataclass(frozen=True)
class StreamConfig:
    """The causal, frame-by-frame IMSE (`imse-stream`).

    Attributes:
        name: Preset name.
        frontend: Short-time Fourier front end.
        channels: Channels of the encoder levels at 1/2, 1/4 and 1/8 of the bands.
        encoder_kernels: Width over frequency of each level's strided convolution.
        middle_blocks: Full blocks (IDConv, MALA, GDFN) at the lowest level.
        light_expansion: GDFN expansion of the light blocks (IDConv, GDFN) at the middle level.
        block_expansion: GDFN expansion of the full blocks.
        strip: Length of the 1xk and kx1 strips of IDConv.
        long_strip_dilation: Frames between the taps of a second kx1 strip of IDConv, which sees
            ``(strip - 1) * long_strip_dilation`` frames back; 0: no such strip.
        head_size: Channels per attention head.
        window_frames: Frames that one MALA output attends to.
        rope: Whether queries and keys are rotated by frequency.
        attention_floor: Added to the attention normaliser before dividing.
    """

    name: str = "imse-stream"
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    channels: tuple[int, int, int] = (16, 24, 32)
    encoder_kernels: tuple[int, int, int] = (5, 3, 5)
    middle_blocks: int = 2
    light_expansion: float = 1.0
    block_expansion: float = 1.25
    strip: int = 11
    long_strip_dilation: int = 0
    head_size: int = 8
    window_frames: int = 62
    rope: bool = True
    attention_floor: float = 1e-3
    family: str = "imse-stream"

    def __post_init__(self) -> None:
        bands = self.frontend.bands
        if bands % 8:
            raise ConfigError(f"preset '{self.name}': bands must divide by 8, got {bands}")
        if len(self.channels) != 3 or any(c % 8 for c in self.channels):
            raise ConfigError(
                f"preset '{self.name}': channels must be three multiples of 8, got {self.channels}"
            )
        if self.channels[2] % self.head_size or self.head_size % 2:
            raise ConfigError(
                f"preset '{self.name}': head_size must be even and divide "
                f"{self.channels[2]} channels, got {self.head_size}"
            )
        if self.long_strip_dilation < 0:
            raise ConfigError(
                f"preset '{self.name}': long_strip_dilation must not be negative, "
                f"got {self.long_strip_dilation}"
            )
        if self.window_frames < 2 or self.strip < 3 or self.strip % 2 == 0:
            raise ConfigError(
                f"preset '{self.name}': window_frames must be at least 2 and strip an odd number "
                f"of at least 3, got {self.window_frames} and {self.strip}"
            )

    def to_json(self) -> dict[str, Any]:
        """Returns the configuration as plain data."""
        return dataclasses.asdict(self)


def stream_config_from_dict(data: dict[str, Any], *, where: str) -> StreamConfig:
    """Builds a configuration from plain data.

    Args:
        data: Keys of :class:`StreamConfig`; nested tables for ``frontend`` and its ``level``.
        where: What is being read, for error messages.

    Returns:
        The configuration.

    Raises:
        ConfigError: A key is unknown or a value has the wrong type.
    """
    try:
        data = dict(data)
        frontend = dict(data.pop("frontend", {}))
        level = LevelConfig(**frontend.pop("level", {}))
        for key in ("channels", "encoder_kernels"):
            if key in data:
                data[key] = tuple(int(v) for v in data[key])
        return StreamConfig(frontend=FrontendConfig(level=level, **frontend), **data)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where}: not a streaming model configuration: {error}",
            hint="see keras_imse/config.py for the keys and their meaning",
        ) from error
