"""Model presets: one TOML file each in ``presets/``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from typing import Any

from keras_imse.config import StreamConfig, stream_config_from_dict
from keras_imse.errors import ConfigError


@dataclass(frozen=True)
class Preset:
    """A named model configuration.

    Attributes:
        name: Name on the command line.
        title: One line for listings.
        family: ``imse`` or ``imse-stream``.
        config: Configuration values as read from the file.
    """

    name: str
    title: str
    family: str
    config: dict[str, Any]

    def stream_config(self) -> StreamConfig:
        """Returns the configuration of a streaming preset.

        Raises:
            ConfigError: The preset is of another family.
        """
        if self.family != "imse-stream":
            raise ConfigError(f"model '{self.name}' is of family '{self.family}', not streaming")
        return stream_config_from_dict(
            {"name": self.name, **self.config}, where=f"preset '{self.name}'"
        )


def preset_names() -> list[str]:
    """Returns the names of all presets, sorted."""
    folder = resources.files("keras_imse") / "presets"
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


def load_preset(name: str) -> Preset:
    """Reads one preset.

    Args:
        name: Preset name.

    Returns:
        The preset.

    Raises:
        ConfigError: No preset of that name; close matches are offered.
    """
    names = preset_names()
    if name not in names:
        close = get_close_matches(name, names, n=3)
        raise ConfigError(
            f"unknown model '{name}'",
            hint=f"did you mean {' or '.join(close)}?" if close else f"models: {', '.join(names)}",
        )
    text = (resources.files("keras_imse") / "presets" / f"{name}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return Preset(name, data["title"], data["family"], data.get("config", {}))
