"""Presets and configurations."""

from __future__ import annotations

import pytest

from keras_imse.config import stream_config_from_dict
from keras_imse.errors import ConfigError
from keras_imse.presets import load_preset


def test_default_preset() -> None:
    config = load_preset("imse-stream").stream_config()
    assert config.frontend.frames_per_second == 62.5
    assert config.frontend.algorithmic_latency_ms == 32.0


def test_unknown_preset_offers_close_matches() -> None:
    with pytest.raises(ConfigError, match="unknown model 'imse-steam'.*did you mean imse-stream"):
        load_preset("imse-steam")


def test_offline_preset_is_not_streaming() -> None:
    with pytest.raises(ConfigError, match="family 'imse'"):
        load_preset("imse").stream_config()


@pytest.mark.parametrize(
    "data",
    [
        {"channels": [16, 24, 30]},
        {"width": 3},
        {"strip": 4},
        {"head_size": 7},
        {"long_strip_dilation": -1},
    ],
)
def test_bad_values(data: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        stream_config_from_dict(data, where="test")
