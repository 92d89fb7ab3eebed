"""Runs compiled networks on QEMU's Cortex-M boards, many networks in one image."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.aot.cmsis_nn import VARIABLE, cmsis_nn_build_files
from firmware_gen.backends.aot.emit.portable import Emitter
from quantize.artifact import QuantizedModel

NEEDS_EMULATOR = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None or shutil.which("qemu-system-arm") is None,
        reason="arm-none-eabi-gcc or qemu-system-arm is not installed",
    ),
]
_HERE = Path(__file__).parent
_CSRC = _HERE.parents[3] / "firmware_gen" / "csrc"


@dataclass(frozen=True)
class Board:
    """One of QEMU's boards.

    Attributes:
        machine: Name in QEMU.
        flags: Compiler flags of the core.
        memory: Linker script.
        instructions_per_tick: Instructions that one tick of SysTick stands for.
    """

    machine: str
    flags: tuple[str, ...]
    memory: str
    instructions_per_tick: float


_SECTIONS = """
ENTRY(reset_handler)
SECTIONS {
  .vectors : { KEEP(*(.vectors)) } > START
  .text : { *(.text*) *(.rodata*) } > CODE
  .data : { *(.data*) } > CODE
  .bss (NOLOAD) : { *(.bss*) *(COMMON) . = ALIGN(8); . += 16384; stack_top = .; } > RAM
}
"""
M7 = Board(
    "mps2-an500",
    ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
    "MEMORY { START : ORIGIN = 0, LENGTH = 1K\n CODE : ORIGIN = 0x400, LENGTH = 4095K\n"
    "RAM : ORIGIN = 0x60000000, LENGTH = 16M }" + _SECTIONS,
    40.0,
)
M55 = Board(
    "mps3-an547",
    ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
    "MEMORY { START : ORIGIN = 0, LENGTH = 1K\n CODE : ORIGIN = 0x11000000, LENGTH = 2M\n"
    "RAM : ORIGIN = 0x70000000, LENGTH = 64M }" + _SECTIONS,
    31.25,
)


def run_networks(
    board: Board,
    models: Sequence[QuantizedModel],
    features: Sequence[Sequence[np.ndarray]],
    folder: Path,
    kernels: str | type[Emitter],
    cmsis_nn: Path | None = None,
    *,
    fuse: bool = True,
) -> list[list[tuple[dict[str, np.ndarray], float]]]:
    """Run networks on a board.

    Args:
        board: The board.
        models: The networks.
        features: Frames of every network, from a reset on.
        folder: For files of the build.
        kernels: Kernel set, or what writes the layers.
        cmsis_nn: Folder of CMSIS-NN where the kernels call it.
        fuse: Whether operators are joined.

    Returns:
        Per network and frame: mask and phase, and instructions to within one tick.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lengths = [len(frames) for frames in features]
    elf = _build(board, models, lengths, folder, kernels, cmsis_nn, fuse=fuse)
    (folder / "in.bin").write_bytes(b"".join(f.tobytes() for frames in features for f in frames))
    subprocess.run(
        [
            *("qemu-system-arm", "-M", board.machine, "-kernel", str(elf), "-display", "none"),
            *("-monitor", "none", "-serial", "none", "-icount", "shift=0"),
            *("-semihosting-config", "enable=on,target=native"),
        ],
        check=True,
        cwd=folder,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    data, position = (folder / "out.bin").read_bytes(), 0
    results = []
    for model, frames in zip(models, features, strict=True):
        results.append([])
        for _ in frames:
            outputs = {}
            for name in ("mask", "phase"):
                tensor = model.graph.tensors[model.metadata.outputs[name]]
                raw = data[position : position + tensor.nbytes + 32]
                assert raw[:16] == raw[-16:] == b"M" * 16, "written beside the output"
                values = np.frombuffer(raw[16:-16], tensor.dtype).reshape(tensor.shape)
                outputs[name] = values
                position += len(raw)
            ticks = int.from_bytes(data[position : position + 4], "little")
            position += 4
            results[-1].append((outputs, ticks * board.instructions_per_tick))
    assert position == len(data)
    return results


def find_arm_sources() -> Path:
    """CMSIS-NN: where CMSIS_NN_DIR says, else the one that a package of the tests carries."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    package = importlib.util.find_spec("bakenn")
    if package is None or package.origin is None:
        pytest.skip(f"neither {VARIABLE} is set nor the package bakenn installed")
    return Path(package.origin).parent / "backend" / "cmsis_nn" / "vendor" / "cmsis_nn"


def cmsis_nn_includes(root: Path) -> tuple[str, ...]:
    """Compiler flags for the headers of a CMSIS-NN."""
    folders = [root, root / "Include", root.parent / "cmsis_core" / "Include"]
    return tuple(part for folder in folders for part in ("-isystem", str(folder)))


def cmsis_nn_sources(root: Path) -> list[Path]:
    """Sources of a CMSIS-NN that the firmware compiles, less those of types it never has."""
    script = cmsis_nn_build_files()["kernels/imse_cmsis_nn.cmake"].decode()
    parts = re.findall(r"\b[A-Za-z]+Functions\b", script)
    found = [path for part in parts for path in (root / "Source" / part).glob("*.c")]
    others = re.compile(r"_(f16|f32|s4|flt)(_|$)|lstm|svdf")
    return sorted(path for path in found if not others.search(path.stem))


@functools.cache
def _compiled(gcc: tuple[str, ...], path: str, content: bytes) -> bytes:
    """Object of a kernel; many images have the same ones."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / Path(path).name, Path(folder) / "kernel.o"
        source.write_bytes(content)
        includes = [f"-I{_CSRC / 'kernels'}"]
        subprocess.run([*gcc, *includes, "-c", str(source), "-o", str(output)], check=True)
        return output.read_bytes()


def _build(
    board: Board,
    models: Sequence[QuantizedModel],
    frames: Sequence[int],
    folder: Path,
    kernels: str | type[Emitter],
    cmsis_nn: Path | None,
    *,
    fuse: bool,
) -> Path:
    gcc = ["arm-none-eabi-gcc", *board.flags, "-O2", "-std=c99", "-Wall", "-Wextra", "-Werror"]
    gcc += ["-ffunction-sections", "-fdata-sections"]
    includes = [f"-I{_CSRC / 'kernels'}", f"-I{_CSRC / 'network'}"]
    arm = () if cmsis_nn is None else cmsis_nn_includes(cmsis_nn)
    includes += arm
    sources: set[str] = set()
    objects, rows, declarations, largest = [], [], [], 1
    for number, model in enumerate(models):
        network = compile_network(model.graph, model.metadata, kernels, fuse=fuse)
        case = folder / f"case{number}"
        for path, content in network.files.items():
            target = folder / path if path.startswith("kernels/") else case / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            if path.startswith("kernels/") and path.endswith(".c"):
                sources.add(path)
        names = ("network_runtime", "arena", "state", "network_invoke", "network_reset")
        renamed = [f"-Dimse_{name}=case{number}_{name}" for name in names]
        output = case / "network.o"
        source = case / "model" / "network_aot.c"
        command = [*gcc, *includes, f"-I{case / 'model'}", *renamed, "-c", str(source)]
        subprocess.run([*command, "-o", str(output)], check=True)
        objects.append(str(output))
        tensors, metadata = model.graph.tensors, model.metadata
        sizes = [
            tensors[index].nbytes
            for index in (
                metadata.inputs["features"],
                *(metadata.outputs[n] for n in ("mask", "phase")),
            )
        ]
        largest = max(largest, *sizes)
        prefix = f"case{number}_network"
        declarations.append(
            f"void {prefix}_reset(void);\n"
            f"int {prefix}_invoke(const int8_t *features, int8_t *mask, int8_t *phase);"
        )
        rows.append(
            f"{{{prefix}_reset, {prefix}_invoke, {', '.join(map(str, (frames[number], *sizes)))}}},"
        )
    (folder / "cases.h").write_text(
        "typedef struct { void (*reset)(void);\n"
        "  int (*invoke)(const int8_t *features, int8_t *mask, int8_t *phase);\n"
        "  uint32_t frames, features, mask, phase; } case_t;\n"
        f"#define CASE_BYTES {largest}\n"
        + "\n".join(declarations)
        + "\nstatic const case_t cases[] = {\n"
        + "\n".join(rows)
        + "\n};\n"
    )
    (folder / "board.ld").write_text(board.memory)
    for path in sorted(sources):
        kernel = folder / f"{path}.o"
        kernel.write_bytes(_compiled((*gcc, *arm), path, (folder / path).read_bytes()))
        objects.append(str(kernel))
    if cmsis_nn is not None:
        for path in cmsis_nn_sources(cmsis_nn):
            part = folder / f"{path.stem}.o"
            part.write_bytes(_compiled((*gcc, *arm, "-w"), path.name, path.read_bytes()))
            objects.append(str(part))
    elf = folder / "image.elf"
    subprocess.run(
        [
            *gcc, *includes, f"-I{folder}", str(_HERE / "qemu_main.c"),
            *objects,
            "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections", "-T",
            str(folder / "board.ld"), "-Wl,--no-warn-rwx-segments", "-o", str(elf),
        ],
        check=True,
    )  # fmt: skip
    return elf
