"""What TensorFlow Lite Micro takes per operator: the figures that ours are compared with.

One network holds all operators. The image is that of a network over segments, which tells the host
after every operator; here it tells how long the operator took.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from aot_harness import GraphBuilder, TensorNode
from qemu_harness import NEEDS_EMULATOR
from test_m7 import COSTS

from firmware_gen.options import FirmwareOptions
from firmware_gen.project import generate_project, write
from firmware_gen.toolchain import compile_project
from imse_mcu.buildfolder import RECORD_FORMAT, BuildFolder
from imse_mcu.device import open_device
from imse_mcu.segment_host import segment_samples
from keras_imse.config import FrontendConfig
from quantize.artifact import METADATA_NAME, ModelMetadata, QuantizedModel
from quantize.flatmodel import FlatModel
from targets.loader import load_target
from targets.segments import process_segment

pytestmark = [
    *NEEDS_EMULATOR,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("TFLM_DIR"), reason="TFLM_DIR is not set: no TensorFlow Lite Micro"
    ),
]

# What interpreters have one operator for.
NAMES = [
    name
    for name in COSTS
    if not name.startswith(("layer norm", "rotation", "linear attention"))
    and name != "conv 1x1 with prelu"
]
_FRAMES, _BANDS = 64, 256
_PROGRESS = re.compile(r"void imse_network_progress\(uint32_t done, uint32_t all\) \{.*?\n\}", re.S)
_TELL_TIME = """void imse_network_progress(uint32_t done, uint32_t all) {
    (void)all;
    imse_segment_progress(done, platform_cycles() - clock.reported);
    clock.reported = platform_cycles();
    (void)cycles();
}"""


class _Operators(GraphBuilder):
    """Many networks in one: the input of each is the first part of the features."""

    def input(self, shape: Sequence[int], scale: float = 0.04, point: int = 3) -> TensorNode:
        assert self.features is not None
        size = int(np.prod(shape))
        flat = self.reshape(self.features, (1, 1, 1, _FRAMES * _BANDS * 2))
        first = self.strided_slice(flat, [0] * 4, [1, 1, 1, size])
        return self.requant(self.reshape(first, shape), "int8", scale, point)


def _model() -> tuple[QuantizedModel, dict[str, int]]:
    """The network, and the index of each operator in it."""
    b = _Operators(1)
    shape = (1, _FRAMES, _BANDS, 2)
    b.features = TensorNode("features", shape, "int8", scales=(0.03,), zero_points=(-10,))
    indices = {}
    for name in NAMES:
        COSTS[name][0](b)
        indices[name] = len(b.ops) - 1
    first = b.strided_slice(b.features, [0] * 4, [1, _FRAMES, _BANDS, 1])
    mask, phase = b.requant(first, "int8", 1 / 256, -128), b.requant(b.features, scale=0.05)
    flat = FlatModel(b.ops, {"features": b.features}, {"mask": mask, "phase": phase})
    index = flat.indices()
    metadata = ModelMetadata(
        "operators",
        "imse",
        "int8",
        0,
        FrontendConfig(n_fft=510, hop=100, first_bin=0),
        {"features": index[id(b.features)]},
        {"mask": index[id(mask)], "phase": index[id(phase)]},
    )
    flat.metadata[METADATA_NAME] = metadata.to_bytes()
    return QuantizedModel.from_bytes(flat.to_bytes()), indices


@pytest.mark.parametrize("board", ["mps2_an500", "mps3_an547"])
def test_instructions_of_the_interpreter_per_unit(board: str, tmp_path: Path) -> None:
    (model, indices), target = _model(), load_target(board)
    project = generate_project(model, target, "tflm", FirmwareOptions())
    write(project, tmp_path)
    source = tmp_path / "segment/imse_segment.c"
    text, count = _PROGRESS.subn(_TELL_TIME, source.read_text("utf-8"))
    assert count == 1
    source.write_text(text)
    definitions = {"TFLM_DIR": os.environ["TFLM_DIR"]}
    compile_project(tmp_path, target, plan=project.plan, definitions=definitions)
    record = {"format": RECORD_FORMAT, "target": target.name, "model_digest": model.digest}
    ticks: dict[int, int] = {}
    samples = np.random.default_rng(0).integers(-9000, 9000, segment_samples(model))
    with open_device(BuildFolder(tmp_path, record), "emulator") as device:
        device.greet(model.digest)
        data = samples.astype("<i2").tobytes()
        process_segment(device.link, data, 0.0, on_progress=ticks.__setitem__)
        per_tick = device.counts_per_tick
    assert len(ticks) == len(model.graph.ops)
    for name, index in indices.items():
        cost = ticks[index + 1] * per_tick / COSTS[name][2]
        print(f"{name}: {cost:.3g} instructions per MAC or element")
        assert 0.1 < cost < 1000
