"""The cache key of an integer model holds all that the model depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from imse_mcu import quantization, segment_quantization
from imse_mcu.core.progress import Reporter
from imse_mcu.quantization import QuantizationRequest, model_key
from quantize.recipe import load_recipe


def test_the_code_that_chooses_what_to_calibrate_on_is_part_of_the_key(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    keys = []
    for text in ("FRAMES = 1", "FRAMES = 2", "FRAMES = 1"):
        source.write_text(text)
        keys.append(model_key("model", {}, load_recipe("int8"), b"", [], str(source)))
    assert keys[0] == keys[2] != keys[1]


class _StopError(Exception):
    pass


def test_one_segment_to_calibrate_on_gives_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def key(*parts: object) -> str:
        asked.append(parts)
        raise _StopError

    monkeypatch.setattr(segment_quantization, "check_weights", lambda request: None)
    monkeypatch.setattr(quantization, "read_weights", lambda path: b"weights")
    monkeypatch.setattr(quantization, "calibration_waves", lambda folder: [])
    monkeypatch.setattr(quantization, "model_key", key)
    for untrained in (False, True):
        request = QuantizationRequest("imse", weights=Path("w.npz"), untrained=untrained)
        with pytest.raises(_StopError):
            segment_quantization.quantize_offline(request, Reporter(enabled=False))
    assert asked[0] != asked[1]
    assert all(segment_quantization.__file__ in parts for parts in asked)
