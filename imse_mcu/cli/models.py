"""``imse-mcu models``: the models that ship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.core.text import table

if TYPE_CHECKING:
    from keras_imse.presets import Preset


@click.command(
    "models", epilog="Examples:\n\n  imse-mcu models\n\n  imse-mcu models imse-stream --json"
)
@click.argument("name", required=False)
@common_options
def command(session: Session, name: str | None) -> None:
    """List the models, or show one with its configuration and model card."""
    from keras_imse.presets import load_preset, preset_names

    if name is not None:
        preset = load_preset(name)
        session.emit(_data(preset), _details(preset))
        return
    presets = [load_preset(item) for item in preset_names()]
    rows = [
        (
            p.name,
            "frame by frame" if p.family == "imse-stream" else "whole recordings",
            "yes" if _data(p)["weights"] else "no",
            p.title,
        )
        for p in presets
    ]
    header = ("name", "runs on", "weights", "what")
    session.emit([_data(p) for p in presets], table(header, rows, left=range(4)))


def _data(preset: Preset) -> dict[str, Any]:
    """Returns a preset as plain data."""
    from keras_imse.shipped import has_shipped_weights

    config = preset.config
    if preset.family == "imse-stream":
        config = preset.stream_config().to_json()
    return {
        "name": preset.name,
        "title": preset.title,
        "family": preset.family,
        "weights": has_shipped_weights(preset.name),
        "config": config,
    }


def _details(preset: Preset) -> str:
    """Describes one model for people."""
    from keras_imse.shipped import model_card

    data = _data(preset)
    lines = [f"{preset.name}: {preset.title}", f"  family    {preset.family}"]
    lines.append(f"  weights   {'shipped' if data['weights'] else 'none shipped'}")
    hidden = ("name", "family")
    lines += [f"  {key}: {value}" for key, value in _flat(data["config"]) if key not in hidden]
    card = model_card(preset.name)
    if card.is_file():
        lines += ["", card.read_text("utf-8")]
    return "\n".join(lines)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings of a model one by one, nested ones as ``frontend.hop``."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", ", ".join(map(str, value))
        else:
            yield f"{prefix}{key}", str(value)
