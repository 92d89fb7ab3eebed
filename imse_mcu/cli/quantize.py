"""``imse-mcu quantize``: only the integer .tflite."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH, model_options
from imse_mcu.core.text import count, size


@click.command(
    "quantize",
    epilog="Examples:\n\n  imse-mcu quantize -o model.tflite\n\n"
    "  imse-mcu quantize --weights train-1/weights.npz --calibration recordings/ -o model.tflite",
)
@model_options
@click.option("-o", "--output", type=PATH, required=True, metavar="FILE", help="File to write.")
@common_options
def command(
    session: Session,
    model: str,
    weights: Path | None,
    recipe: str,
    calibration: Path | None,
    segment_frames: int | None,
    no_cache: bool,
    output: Path,
) -> None:
    """Make the integer .tflite of a model: int8, no float tensor, run by TFLM."""
    from imse_mcu import segment_host
    from imse_mcu.core.files import write_bytes
    from imse_mcu.quantization import QuantizationRequest, quantize
    from quantize.costs import graph_costs

    request = QuantizationRequest(
        model, recipe, weights, calibration, not no_cache, segment_frames=segment_frames
    )
    quantized = quantize(request, session.reporter).quantized
    write_bytes(output, quantized.tflite)
    costs = graph_costs(quantized.graph)
    frames = segment_host.segment_frames(quantized)
    unit = f"segment of {frames} frames" if frames else "frame"
    carried = "" if frames else f", state {size(costs.state_bytes)}"
    data = {
        "file": str(output),
        "bytes": len(quantized.tflite),
        "sha256": quantized.digest,
        "model": quantized.metadata.model,
        "quant": quantized.metadata.recipe,
        "costs": costs.to_json(),
    }
    text = (
        f"{output}: {quantized.metadata.model}, {quantized.metadata.recipe}, "
        f"{size(len(quantized.tflite))}\n"
        f"  {count(costs.macs)}MAC per {unit} ({100 * costs.int16_macs / max(1, costs.macs):.1f} % "
        f"with int16 activations), weights {size(costs.weight_bytes)}"
        f"{carried}\n"
        f"  sha256 {quantized.digest}"
    )
    session.emit(data, text)
