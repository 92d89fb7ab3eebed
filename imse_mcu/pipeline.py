"""From a model's name to firmware with a report: the steps of ``imse-mcu build`` in order.

ModelConfig -> tf_keras.Model -> QuantizedModel -> FirmwareProject -> BuildResult -> RunReport.
Everything is made in a temporary folder next to the output and put in its place at the end, so an
interrupted or failed build leaves the earlier one as it was.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.accuracy import Int8VersusFloat, LayerRow, compare_on, layer_rows
from imse_mcu.buildfolder import (
    ARTIFACTS,
    PAGE_FILE,
    RECORD_FILE,
    RECORD_FORMAT,
    REFERENCE_DIR,
    REPORT_FILE,
    RUN_FILE,
    BuildFolder,
    BuildFolderError,
)
from imse_mcu.core.files import atomic_dir, write_bytes, write_json, write_text
from imse_mcu.core.progress import Reporter
from imse_mcu.cycles import CycleEstimate, add_flash_reads, from_instructions, from_macs
from imse_mcu.host import FLOAT_FILE, STATES_FILE, HostModel
from imse_mcu.offline_host import is_offline
from imse_mcu.planning import planned_cycles
from imse_mcu.profiling import arena_plan
from imse_mcu.proof import PROOF_TITLE, proof_recording
from imse_mcu.quantization import QuantizationRequest, quantize
from imse_mcu.running import RunReport, run_recording
from imse_mcu.segment_host import segment_frames, segment_samples
from imse_mcu.segment_planning import check_fit
from imse_mcu.segment_quantization import check_weights
from imse_mcu.stand_in import StandIn, link_stand_in
from imse_mcu.versions import tool_versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from firmware_gen.project import FirmwareProject
    from firmware_gen.toolchain import BuildResult
    from quantize.artifact import QuantizedModel
    from targets.model import Target
    from targets.protocol import DeviceState

_FLASH_KEYS = ("code", "weights", "total")
_RAM_KEYS = ("arena", "state", "stack", "buffers", "total")


@dataclass(frozen=True)
class BuildRequest:
    """What to build.

    Attributes:
        target: Name or alias of the target, as the user gave it.
        output: Folder to make; the default is ``build/<model>-<target>``.
        quantization: Model, recipe, weights, calibration.
        runtime: ``auto``, ``aot`` or ``tflm``.
        kernels: Kernels of the aot runtime, or ``auto``.
        app: ``uart``, or ``i2s`` for the board's microphone and DAC.
        weights_in: ``flash``, or ``ram`` to copy the weights there at start-up; ``auto`` does so
            where the flash is slow.
        fuse: Whether the aot runtime joins operators.
        compile: Whether to compile and run the image; otherwise only the project is made.
    """

    target: str
    output: Path | None = None
    quantization: QuantizationRequest = field(default_factory=QuantizationRequest)
    runtime: str = "auto"
    kernels: str = "auto"
    app: str = "uart"
    weights_in: str = "auto"
    fuse: bool = True
    compile: bool = True

    @property
    def folder(self) -> Path:
        """The output folder."""
        if self.output is not None:
            return self.output
        name = Path(self.target).stem if self.target.endswith(".toml") else self.target
        return Path("build") / f"{self.quantization.model}-{name}"


@dataclass(frozen=True)
class BuildOutcome:
    """A finished build.

    Attributes:
        folder: Where it lies.
        report: Content of ``report.json``.
        record: Content of ``build.json``.
    """

    folder: BuildFolder
    report: Mapping[str, Any]

    @property
    def files(self) -> dict[str, Path]:
        """What a user looks for: images and reports by kind."""
        base = self.folder.path
        found = {
            kind: base / entry["path"] for kind, entry in self.folder.record["artifacts"].items()
        }
        return {**found, "report": base / REPORT_FILE, "page": base / PAGE_FILE}


@dataclass(frozen=True)
class _Parts:
    """What the steps of a build produced."""

    target: Target
    host: HostModel
    runtime: str
    project: FirmwareProject
    compiled: BuildResult | None
    proof: RunReport | None
    accuracy: Int8VersusFloat
    layers: tuple[LayerRow, ...]
    npu: Mapping[str, Any] | None = None
    stand_in: StandIn | None = None


def build(request: BuildRequest, reporter: Reporter) -> BuildOutcome:
    """Builds firmware and proves it on the emulator.

    Args:
        request: What to build.
        reporter: Progress.

    Returns:
        The build in its final place.

    Raises:
        ImseMcuError: If an input is unknown or damaged, a tool is missing, the model does not fit
            the target, or the output folder cannot be written; an earlier build stays as it was.
    """
    from firmware_gen.backends.aot.cmsis_nn import VARIABLE as CMSIS_NN_VARIABLE
    from firmware_gen.backends.aot.kernel_sets import check_kernels
    from firmware_gen.options import FirmwareOptions
    from firmware_gen.platforms import find_platform
    from firmware_gen.project import check_app, generate_project
    from firmware_gen.toolchain import check_tools
    from targets.loader import load_target

    target = load_target(request.target)
    runtime = choose_runtime(request.runtime)
    options = FirmwareOptions(
        kernels=request.kernels,
        app=request.app,
        weights_in=request.weights_in,
        fuse=request.fuse,
        cmsis_nn_dir=_folder_of(CMSIS_NN_VARIABLE),
    )
    folder = request.folder
    check_output(folder)
    if request.compile:
        check_tools()
        _check_tflm(runtime)
    if runtime == "aot":
        check_kernels(target, options)
    find_platform(target)
    offline = is_offline(request.quantization.model)
    check_app(target, options, request.quantization.model, segments=offline)
    if offline:
        check_weights(request.quantization)
        check_fit(request.quantization, target, options, reporter)
    host = quantize(request.quantization, reporter)
    if request.runtime == "auto":
        reporter.note(
            "runtime: tflm, since TFLM_DIR is set"
            if runtime == "tflm"
            else "runtime: aot (no TFLM is configured; set TFLM_DIR to link TFLM)"
        )
    with reporter.stage(f"generating the firmware project ({runtime})"):
        project = generate_project(host.quantized, target, runtime, options)
    with atomic_dir(folder.absolute(), replace=True) as staging:
        outcome = _finish(request, target, host, runtime, project, staging, reporter)
        _keep_own_files(folder, staging)
    return replace(outcome, folder=BuildFolder(folder, outcome.folder.record))


def _finish(
    request: BuildRequest,
    target: Target,
    host: HostModel,
    runtime: str,
    project: FirmwareProject,
    staging: Path,
    reporter: Reporter,
) -> BuildOutcome:
    """Writes, compiles, runs and reports inside the staging folder."""
    from firmware_gen.project import write

    write(project, staging)
    files = host.to_files()
    for name in (FLOAT_FILE, STATES_FILE):
        write_bytes(staging / REFERENCE_DIR / name, files[name])
    compiled = _compile(staging, project, reporter) if request.compile else None
    clip, title = _proof_clip(host)
    record: dict[str, Any] = {
        "format": RECORD_FORMAT,
        "target": target.name,
        "model_digest": host.quantized.digest,
    }
    runs = compiled is not None and _can_run(target, reporter)
    stand_in = None
    if compiled is not None and runs:
        stand_in = _link_stand_in(staging, host, project, compiled, reporter)
    if compiled is not None and runs and runtime == "tflm":
        place = BuildFolder(staging, record)
        project, compiled = _fit_arena(place, host, project, compiled, reporter)
    if compiled is not None and runtime == "tflm":
        _say_which_kernels(BuildFolder(staging, record), reporter)
    proof = None
    if runs:
        place = BuildFolder(staging, record)
        proof = run_recording(place, host, clip, reporter=reporter).report
    with reporter.stage("comparing int8 with float"):
        accuracy, compared = compare_on(host, clip, title)
        layers = layer_rows(host.quantized.graph, compared)
    parts = _Parts(target, host, runtime, project, compiled, proof, accuracy, layers)
    parts = replace(parts, npu=_on_npu(target, host, reporter), stand_in=stand_in)
    report = make_report(request, parts)
    record = {**record, **_record(request, parts, report, staging)}
    write_json(staging / REPORT_FILE, report)
    write_json(staging / RECORD_FILE, record)
    from imse_mcu.report.page import render_page

    write_text(staging / PAGE_FILE, render_page(record))
    return BuildOutcome(BuildFolder(staging, record), report)


def _proof_clip(host: HostModel) -> tuple[NDArray[np.int16], str]:
    """The recording that the image is proved with: all of it, or one segment out of its middle."""
    clip = proof_recording()
    samples = segment_samples(host.quantized)
    if samples <= 0:
        return clip, PROOF_TITLE
    start = max(0, (len(clip) - samples) // 2)
    return clip[start : start + samples], f"{PROOF_TITLE}: one segment of it"


def choose_runtime(wanted: str) -> str:
    """Chooses the runtime that the firmware links.

    Args:
        wanted: ``auto``, ``aot`` or ``tflm``.

    Returns:
        ``aot`` or ``tflm``.

    Raises:
        UnknownNameError: If there is no such runtime.
    """
    from firmware_gen.options import RUNTIMES
    from imse_mcu.core.registry import UnknownNameError

    if wanted == "auto":
        return "tflm" if os.environ.get("TFLM_DIR") else "aot"
    if wanted not in RUNTIMES:
        raise UnknownNameError("runtime", wanted, ("auto", *RUNTIMES))
    return wanted


def check_output(folder: Path) -> None:
    """Refuses a folder that the build may not replace, before any work is done.

    Args:
        folder: Output folder.

    Raises:
        ProjectFolderError: If it is a file, is not ours, or holds generated files that were
            edited.
        BuildFolderError: If it cannot be written.
    """
    from firmware_gen.project import check_folder

    check_folder(folder)
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BuildFolderError(
            f"cannot make {folder}: {parent} is not a folder that you may write to",
            hint="give another -o",
        )


def _keep_own_files(old: Path, new: Path) -> None:
    """Copies what the user put into the old folder: everything that no build makes."""
    from firmware_gen.project import MANIFEST, read_manifest

    if not (old / MANIFEST).is_file():
        return
    made = {MANIFEST, RECORD_FILE, REPORT_FILE, PAGE_FILE, RUN_FILE, *read_manifest(old)["files"]}
    try:
        for path in sorted(old.rglob("*")):
            name = path.relative_to(old)
            if name.parts[0] in ("build", REFERENCE_DIR) or name.as_posix() in made:
                continue
            if path.is_file() and not (new / name).exists():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, new / name)
    except OSError as error:
        raise BuildFolderError(
            f"cannot keep your files of {old}: {(error.strerror or str(error)).lower()}",
            hint="move them out of the build folder",
        ) from error


def _check_tflm(runtime: str) -> None:
    """Refuses to compile the tflm runtime without TensorFlow Lite Micro."""
    from firmware_gen.errors import LibraryNotFoundError

    if runtime == "tflm" and not _folder_of("TFLM_DIR"):
        raise LibraryNotFoundError(
            "the tflm runtime needs TensorFlow Lite Micro, and TFLM_DIR is not set",
            hint="set TFLM_DIR to a TFLM build, use --runtime aot, or add --no-compile",
        )


def _folder_of(variable: str) -> str:
    """Absolute path that an environment variable names, or nothing."""
    value = os.environ.get(variable, "")
    return str(Path(value).absolute()) if value else ""


def _compile(staging: Path, project: FirmwareProject, reporter: Reporter) -> BuildResult:
    """Compiles the project; TFLM and CMSIS-NN come from where the environment says."""
    from firmware_gen.toolchain import compile_project

    tflm = _folder_of("TFLM_DIR")
    definitions = {"TFLM_DIR": tflm} if tflm else {}
    if project.options.cmsis_nn_dir and project.options.kernels == "cmsis-nn":
        definitions["CMSIS_NN_DIR"] = project.options.cmsis_nn_dir
    with reporter.stage("compiling the firmware"):
        return compile_project(staging, project.target, plan=project.plan, definitions=definitions)


def _can_run(target: Target, reporter: Reporter) -> bool:
    """Whether an emulator runs the image; one that only stands in for the board may be missing."""
    from imse_mcu.core.process import ToolNotFoundError, find_tool
    from targets.emulators.qemu import QEMU

    emulator = target.board.emulator
    if emulator is not None and emulator.stand_in is not None:
        try:
            find_tool(QEMU, what=f"run the image on {emulator.machine} in place of the board")
        except ToolNotFoundError as error:
            reporter.note(f"not run: {error.message}; {error.hint}")
            return False
    return emulator is not None


def _link_stand_in(
    staging: Path,
    host: HostModel,
    project: FirmwareProject,
    compiled: BuildResult,
    reporter: Reporter,
) -> StandIn | None:
    """Links the image for the emulator where that has another machine than the board."""
    from firmware_gen.project import generate_project

    return link_stand_in(
        staging,
        project,
        compiled,
        lambda target: generate_project(host.quantized, target, project.runtime, project.options),
        lambda folder, twin: _compile(folder, twin, reporter),
    )


def _say_which_kernels(place: BuildFolder, reporter: Reporter) -> None:
    """Warns of an interpreter that computes without CMSIS-NN, which is several times slower."""
    from targets.emulators.image import FirmwareImage

    names = FirmwareImage(place.artifact("elf")).symbols
    if not any(name.startswith(("arm_convolve", "arm_nn")) for name in names):
        reporter.note(
            "warning: this TFLM was built without CMSIS-NN, its kernels are several times slower "
            "(OPTIMIZED_KERNEL_DIR=cmsis_nn)"
        )


def _fit_arena(
    place: BuildFolder,
    host: HostModel,
    project: FirmwareProject,
    compiled: BuildResult,
    reporter: Reporter,
) -> tuple[FirmwareProject, BuildResult]:
    """Builds again with the arena that the interpreter turns out to need on the emulator."""
    from firmware_gen.options import FirmwareOptions
    from firmware_gen.project import generate_project, write
    from imse_mcu.arena import fit, measure

    state = project, compiled

    def rebuild(options: FirmwareOptions) -> DeviceState:
        nonlocal state
        changed = generate_project(host.quantized, project.target, project.runtime, options)
        write(changed, place.path)
        state = changed, _compile(place.path, changed, reporter)
        _link_stand_in(place.path, host, *state, reporter)
        return measure(place)

    with reporter.stage("asking the interpreter how much memory it needs"):
        first = measure(place)
    fit(project.options, first, rebuild)
    return state


def make_report(request: BuildRequest, parts: _Parts) -> dict[str, Any]:
    """Returns the content of ``report.json``: the same inputs give the same bytes.

    Args:
        request: What was built.
        parts: What the steps produced.
    """
    metadata = parts.host.quantized.metadata
    frontend = metadata.frontend
    clock_hz = parts.target.mcu.clock_hz
    proof = parts.proof
    cycles = _cycles(parts)
    flash: Mapping[str, int] = parts.compiled.flash_bytes if parts.compiled else {}
    ram: Mapping[str, int] = parts.compiled.ram_bytes if parts.compiled else {}
    return {
        "model": metadata.model,
        "target": request.target,
        "runtime": parts.runtime,
        "quant": metadata.recipe,
        "macs_per_frame": metadata.macs_per_frame,
        "hop_samples": frontend.hop,
        "frames_per_second": frontend.frames_per_second,
        "flash_bytes": {key: flash.get(key) for key in _FLASH_KEYS},
        "ram_bytes": {key: ram.get(key) for key in _RAM_KEYS},
        "instructions_per_frame": round(proof.frame.mean) if proof else None,
        "cycles_per_frame": cycles.to_json(),
        "real_time_factor": round(cycles.real_time_factor(frontend.frames_per_second, clock_hz), 4),
        "algorithmic_latency_ms": _latency_ms(parts.host.quantized),
        "segment_frames": segment_frames(parts.host.quantized) or None,
        "bit_exact": proof.bit_exact if proof else None,
        "arena": arena_plan(parts.project.reports[parts.runtime]),
        "int8_vs_float": parts.accuracy.to_json(),
        "tool_versions": tool_versions(compiled=parts.compiled is not None),
        **({} if parts.npu is None else {"ethos_u": dict(parts.npu)}),
        **({} if parts.stand_in is None else {"stand_in": parts.stand_in.to_json()}),
    }


def _on_npu(target: Target, host: HostModel, reporter: Reporter) -> dict[str, Any] | None:
    """What the model would need on the target's Ethos-U; None where it has none."""
    npu = target.mcu.npu
    model = host.quantized
    if npu is None or segment_frames(model):
        return None
    from imse_mcu.npu import estimate

    with reporter.stage(f"estimating the model on {npu.accelerator}"):
        found = estimate(model.tflite, npu, model.metadata.frontend.frames_per_second)
    if "missing" in found:
        reporter.note(f"{npu.accelerator} {found['missing']}")
    return found


def _latency_ms(model: QuantizedModel) -> float:
    """Delay from a sample's arrival to its enhanced version with zero computing time."""
    frontend = model.metadata.frontend
    samples = segment_samples(model)
    if samples > 0:
        return 1000.0 * samples / frontend.sample_rate_hz
    return frontend.algorithmic_latency_ms


def _cycles(parts: _Parts) -> CycleEstimate:
    model, mcu = parts.host.quantized, parts.target.mcu
    macs = model.metadata.macs_per_frame
    if parts.proof is not None:
        cycles = from_instructions(parts.proof.frame.mean, macs, mcu)
    elif parts.runtime == "aot" and parts.project.options.fuse:
        cycles = planned_cycles(model, parts.target, parts.project.options.kernels)
    else:
        cycles = from_macs(macs, mcu)
    return cycles if segment_frames(model) else add_flash_reads(cycles, parts.project.plan, mcu)


def _record(
    request: BuildRequest, parts: _Parts, report: dict[str, Any], staging: Path
) -> dict[str, Any]:
    """Returns the rest of ``build.json``: what the HTML page and later commands need."""
    target, proof = parts.target, parts.proof
    artifacts = {}
    if parts.compiled is not None:
        for kind in ARTIFACTS:
            path = Path("build") / f"imse-firmware.{kind}"
            data = (staging / path).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            artifacts[kind] = {"path": path.as_posix(), "sha256": digest, "bytes": len(data)}
    uses = parts.compiled.regions if parts.compiled is not None else parts.project.plan.regions
    functions = proof.functions if proof else {}
    return {
        "target_title": target.title,
        "core": target.mcu.core,
        "clock_hz": target.mcu.clock_hz,
        "project_digest": parts.project.digest,
        "report": report,
        "artifacts": artifacts,
        "regions": [
            {
                "name": use.region,
                "kind": use.kind,
                "size_bytes": use.size_bytes,
                "used_bytes": use.used_bytes,
                "parts": dict(sorted(use.items.items(), key=lambda item: (-item[1], item[0]))),
            }
            for use in uses
        ],
        "objects": [size.to_json() for size in parts.compiled.objects] if parts.compiled else [],
        "runtime_report": dict(parts.project.reports[parts.runtime]),
        "layers": [row.to_json() for row in parts.layers],
        "functions": [
            {"name": name, "instructions": round(value, 1)} for name, value in functions.items()
        ],
        "peak_stack_bytes": proof.peak_stack_bytes if proof else None,
        "proof": proof.to_json() if proof else None,
        "commands": [
            _build_command(request, report),
            "imse-mcu run DIR --input noisy.wav --output clean.wav",
            "imse-mcu check DIR --clean CLEAN --noisy NOISY",
            "imse-mcu flash DIR",
        ],
    }


def _build_command(request: BuildRequest, report: Mapping[str, Any]) -> str:
    """The command that makes a build again."""
    words = f"imse-mcu build --target {request.target} --model {report['model']}"
    if report["segment_frames"] is not None:
        words += f" --weights FILE --segment-frames {report['segment_frames']}"
    words += f" --quant {report['quant']} --runtime {report['runtime']}"
    words = words if request.app == "uart" else f"{words} --app {request.app}"
    if request.weights_in != "auto":
        words += f" --weights-in {request.weights_in}"
    return words if request.fuse else f"{words} --no-fuse"
