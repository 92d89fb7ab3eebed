"""The firmware project: an ordered map of path to bytes, made in memory, written in one step."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from firmware_gen.backends.base import Backend, BackendOutput
from firmware_gen.backends.config_header import segment_frames, segment_tensor_bytes
from firmware_gen.backends.errors import BackendError
from firmware_gen.errors import FirmwareError, OptionError, ProjectFolderError
from firmware_gen.memory import (
    FIRMWARE_BUFFER_BYTES,
    GUARD_BYTES,
    RegionPlan,
    plan_memory,
    segment_buffer_bytes,
)
from firmware_gen.options import FirmwareOptions
from firmware_gen.platforms import find_platform, uart_pins
from firmware_gen.render import render
from imse_mcu.core.files import atomic_dir, json_text
from quantize.artifact import QuantizedModel
from targets.model import Target

CSRC = Path(__file__).parent / "csrc"
MANIFEST = "imse-mcu.json"
MANIFEST_FORMAT = 1
BUILD_FOLDER = "build"
WORK_PREFIX = ".build."

_COMMON_FILES = ("app/imse_service.c", "app/imse_service.h", "app/main.c", "protocol")
# Files of the two ways of taking audio: hop by hop, or a segment at a time.
_HOP_FILES = (
    "frontend",
    "app/imse_audio.c",
    "app/imse_audio.h",
    "app/imse_pipeline.c",
    "app/imse_pipeline.h",
)
_SEGMENT_FILES = ("segment", "frontend/imse_float.h", "network/imse_network_progress.h")
_GENERIC_DEVICES = {
    "cortex-m4": "ARMCM4",
    "cortex-m7": "ARMCM7",
    "cortex-m33": "ARMCM33",
    "cortex-m55": "ARMCM55",
    "cortex-m85": "ARMCM85",
}
_HOP_FRONTEND = {
    "sample_rate_hz": 16000,
    "n_fft": 512,
    "hop": 256,
    "first_bin": 1,
    "bands": 256,
}
_SEGMENT_FRONTEND = {**_HOP_FRONTEND, "n_fft": 510, "hop": 100, "first_bin": 0}


@dataclass(frozen=True)
class FirmwareProject:
    """A complete CMake project for one model on one target.

    Attributes:
        model: Name of the model.
        model_digest: SHA-256 of the .tflite, 64 hexadecimal digits.
        target: Where it runs.
        runtime: What executes the network unless configured otherwise.
        options: Choices it was made with.
        plan: Where code, weights and data go.
        files: Project path -> content, sorted by path, the manifest included.
        reports: Runtime -> its figures for people.
        omitted: Other runtime -> why the project does not hold it.
    """

    model: str
    model_digest: str
    target: Target
    runtime: str
    options: FirmwareOptions
    plan: RegionPlan
    files: Mapping[str, bytes]
    reports: Mapping[str, Mapping[str, Any]]
    omitted: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all paths and contents, 64 hexadecimal digits."""
        return files_digest(self.files)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready description without the contents."""
        return {
            "model": self.model,
            "model_digest": self.model_digest,
            "target": self.target.name,
            "runtime": self.runtime,
            "options": self.options.to_json(),
            "plan": self.plan.to_json(),
            "omitted": dict(sorted(self.omitted.items())),
            "digest": self.digest,
            "files": {path: _sha256(content) for path, content in self.files.items()},
        }


def files_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over sorted paths and contents."""
    total = hashlib.sha256()
    for path, content in sorted(files.items()):
        total.update(f"{path}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def default_backends() -> dict[str, Backend]:
    """The shipped runtimes by name."""
    from firmware_gen.backends.aot.backend import AotBackend
    from firmware_gen.backends.tflm.backend import TflmBackend

    return {"aot": AotBackend(), "tflm": TflmBackend()}


def generate_project(
    model: QuantizedModel,
    target: Target,
    runtime: str,
    options: FirmwareOptions | None = None,
    *,
    backends: Mapping[str, Backend] | None = None,
) -> FirmwareProject:
    """Make the firmware project of a model for a target.

    Args:
        model: The integer model.
        target: Where it runs.
        runtime: ``aot`` or ``tflm``: what executes the network unless configured otherwise. Other
            runtimes are put into the project too where they can execute the model and fit.
        options: Choices; the defaults when ``None``.
        backends: Runtimes to put into the project by name; the shipped ones when ``None``.

    Returns:
        The project; the same arguments give the same bytes.

    Raises:
        FirmwareError: Runtime, model or chip family is not supported.
        BackendError: A runtime cannot execute the model.
        ModelTooBigError: It does not fit the target.
    """
    options = options or FirmwareOptions()
    backends = default_backends() if backends is None else backends
    if runtime not in backends:
        raise OptionError(
            f"unknown runtime {runtime!r}", hint=f"known: {', '.join(sorted(backends))}"
        )
    _check_frontend(model)
    files = _fixed_files(target, segments=segment_frames(model) > 0)
    files |= _audio_files(model, target, options)
    common = _sources(files)
    outputs: dict[str, BackendOutput] = {}
    plans: dict[str, RegionPlan] = {}
    omitted: dict[str, str] = {}
    for name, backend in sorted(backends.items()):
        try:
            output = backend.generate(model, target, options)
            plans[name] = plan_memory(target, output.memory, options, buffer_bytes(model))
        except (BackendError, FirmwareError) as error:
            if name == runtime:
                raise
            omitted[name] = error.message
            continue
        outputs[name] = output
        _merge(files, output.files, name)
    _merge(files, {"model/model.tflite": model.tflite}, "model")
    files |= _rendered_files(model, target, runtime, options, files, common, outputs, plans)
    files[MANIFEST] = _manifest(model, target, runtime, options, files)
    return FirmwareProject(
        model=model.metadata.model,
        model_digest=model.digest,
        target=target,
        runtime=runtime,
        options=options,
        plan=plans[runtime],
        files=dict(sorted(files.items())),
        reports={name: output.report for name, output in outputs.items()},
        omitted=omitted,
    )


def _check_frontend(model: QuantizedModel) -> None:
    """The C front ends are written for one transform each."""
    frontend = model.metadata.frontend
    known = _SEGMENT_FRONTEND if segment_frames(model) else _HOP_FRONTEND
    for name, expected in known.items():
        found = getattr(frontend, name)
        if found != expected:
            raise FirmwareError(
                f"model '{model.metadata.model}': the firmware's front end has {name} {expected}, "
                f"the model needs {found}",
                hint="choose a model with the transform of imse or imse-stream (see: imse-mcu "
                "models)",
            )


def buffer_bytes(model: QuantizedModel) -> int:
    """RAM of the audio buffers and the front end's state for a model."""
    frames = segment_frames(model)
    if not frames:
        return FIRMWARE_BUFFER_BYTES
    return segment_buffer_bytes(frames, segment_tensor_bytes(model))


def _fixed_files(target: Target, *, segments: bool) -> dict[str, bytes]:
    """The C sources that are the same for every model of a family."""
    roots = [*_COMMON_FILES, *(_SEGMENT_FILES if segments else _HOP_FILES)]
    paths = []
    for root in (CSRC / name for name in roots):
        paths += list(root.rglob("*.[ch]")) if root.is_dir() else [root]
    paths += [*find_platform(target).sources(), CSRC / "network" / "imse_network.h"]
    return {path.relative_to(CSRC).as_posix(): path.read_bytes() for path in sorted(paths)}


def check_app(target: Target, options: FirmwareOptions, model: str, *, segments: bool) -> None:
    """Refuses an application that the board or the model does not have.

    Args:
        target: The board.
        options: The application.
        model: Name of the model.
        segments: Whether the model takes whole segments.

    Raises:
        OptionError: The board has no driver for microphone and DAC, or the model does not run
            frame by frame.
    """
    if options.app != "i2s":
        return
    if target.board.audio is None:
        raise OptionError(
            f"{target.title} has no I2S driver for a microphone and a DAC",
            hint="use --app uart, or write imse_i2s_start() for it (audio/imse_i2s.h)",
        )
    if segments:
        raise OptionError(
            f"model '{model}' works on whole segments, not on a live stream",
            hint="use --app uart, or a model of the imse-stream family",
        )


def _audio_files(
    model: QuantizedModel, target: Target, options: FirmwareOptions
) -> dict[str, bytes]:
    """The sources for microphone and DAC, where they are asked for.

    Raises:
        OptionError: The board has no driver for them, or the model does not run frame by frame.
    """
    check_app(target, options, model.metadata.model, segments=bool(segment_frames(model)))
    audio = target.board.audio
    if options.app != "i2s" or audio is None:
        return {}
    paths = [CSRC / "audio" / name for name in ("imse_i2s.h", "imse_i2s.c", f"{audio.driver}.c")]
    return {path.relative_to(CSRC).as_posix(): path.read_bytes() for path in paths}


def _sources(files: Mapping[str, bytes]) -> list[str]:
    return sorted(path for path in files if path.endswith((".c", ".cc")))


def _is_cold(path: str) -> bool:
    """Whether a source does not work on audio: the compiler then makes it small, not fast."""
    hot = ("audio/", "frontend/", "segment/imse_segment_frontend", "app/imse_pipeline.c")
    return not path.startswith(hot)


def _merge(files: dict[str, bytes], more: Mapping[str, bytes], origin: str) -> None:
    for path, content in more.items():
        if files.setdefault(path, content) != content:
            raise ValueError(f"{origin} makes another {path} than the project already has")


def _rendered_files(
    model: QuantizedModel,
    target: Target,
    runtime: str,
    options: FirmwareOptions,
    files: Mapping[str, bytes],
    common: Sequence[str],
    outputs: Mapping[str, BackendOutput],
    plans: Mapping[str, RegionPlan],
) -> dict[str, bytes]:
    """The files that depend on model and target: build scripts, linker script, README."""
    frontend = model.metadata.frontend
    sources: dict[str, Any] = {"common": list(common), "cold": [p for p in common if _is_cold(p)]}
    for name, output in outputs.items():
        paths = _sources(output.files)
        sources[name] = {"paths": paths, "needs_cxx": any(p.endswith(".cc") for p in paths)}
    folders = {str(PurePosixPath(path).parent) for path in files if path.endswith(".h")}
    # The rendered board configuration lies in platform/.
    folders.add("platform")
    values = {
        "model": model.metadata.model,
        "target": target,
        "runtime": runtime,
        "runtimes": sorted(outputs),
        "options": options,
        "cmsis_nn": "kernels/imse_cmsis_nn.cmake" in files,
        "sources": sources,
        "include_directories": sorted(folders),
        "uses": {use.region: use for use in plans[runtime].regions},
        "guard_bytes": GUARD_BYTES,
        "stack_bytes": options.stack_bytes,
        "pins": uart_pins(target),
        "boot": next((r.name for r in target.mcu.regions if "boot" in r.roles), None),
        "generic_device": _GENERIC_DEVICES[target.mcu.core],
        "hop": frontend.hop,
        "frames_per_second": frontend.frames_per_second,
        "segment_frames": segment_frames(model),
    }
    templates = {
        "CMakeLists.txt": "CMakeLists.txt.j2",
        "CMakePresets.json": "CMakePresets.json.j2",
        "README.md": "README.md.j2",
        "cmake/arm-none-eabi.cmake": "cmake/arm-none-eabi.cmake.j2",
        "imse.cproject.yml": "cproject.yml.j2",
        "imse.csolution.yml": "csolution.yml.j2",
        "platform/imse_board_config.h": "imse_board_config.h.j2",
    }
    rendered = {path: render(template, **values) for path, template in templates.items()}
    for name, plan in plans.items():
        cleared = _cleared_sections(target, plan)
        copied = [".imse_hot_code"] * ("hot_code" in plan.places)
        copied += [".imse_weights"] * ("weights_image" in plan.places) + [".data"]
        places = {"hot_code": None, "weights_image": None, **plan.places}
        script = render("linker.ld.j2", places=places, cleared=cleared, copied=copied, **values)
        rendered[f"linker/{target.name}-{name}.ld"] = script
    return rendered


def _cleared_sections(target: Target, plan: RegionPlan) -> list[dict[str, str]]:
    """Sections that start-up clears, in the order in which the linker matches them."""
    dma = [r.name for r in target.mcu.regions if "dma" in r.roles and r.kind == "ram"]
    regions = {
        "buffers": plan.places["buffers"],
        "state": plan.places["state"],
        "arena": plan.places["arena"],
        "dma": plan.places.get("dma", dma[0] if dma else plan.places["data"]),
    }
    sections = [
        {
            "name": f".imse_{name}",
            "inputs": f"*(.bss.imse_{name} .bss.imse_{name}.*)",
            "region": region,
        }
        for name, region in regions.items()
    ]
    sections.append(
        {"name": ".bss", "inputs": "*(.bss .bss.* COMMON)", "region": plan.places["data"]}
    )
    return sections


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _manifest(
    model: QuantizedModel,
    target: Target,
    runtime: str,
    options: FirmwareOptions,
    files: Mapping[str, bytes],
) -> bytes:
    return json_text(
        {
            "format": MANIFEST_FORMAT,
            "model": model.metadata.model,
            "model_digest": model.digest,
            "target": target.name,
            "runtime": runtime,
            "options": options.to_json(),
            "files": {path: _sha256(content) for path, content in files.items()},
        }
    ).encode("utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a project folder.

    Raises:
        ProjectFolderError: The folder is no project of ours.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ProjectFolderError(
            f"{folder} is no firmware project: it has no {MANIFEST}",
            hint="give the output folder of imse-mcu build",
        ) from error
    except (OSError, ValueError) as error:
        raise ProjectFolderError(
            f"{path} cannot be read: {error}", hint="build the project again"
        ) from error
    if (
        not isinstance(data, dict)
        or data.get("format") != MANIFEST_FORMAT
        or not isinstance(data.get("files"), dict)
    ):
        raise ProjectFolderError(
            f"{path} is not a manifest of this version (format {MANIFEST_FORMAT})",
            hint="build the project again",
        )
    return data


def check_folder(folder: Path) -> None:
    """Check that a project may be written to a folder.

    Args:
        folder: It may be missing, empty, or hold a project of ours whose files are unchanged.

    Raises:
        ProjectFolderError: The folder holds something else, or files edited by hand.
    """
    if folder.exists() and not folder.is_dir():
        raise ProjectFolderError(f"{folder} is a file, expected a folder", hint="give another name")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / MANIFEST).is_file():
        raise ProjectFolderError(
            f"{folder} is not empty and was not made by imse-mcu (no {MANIFEST})",
            hint="give another folder, or empty this one",
        )
    edited = edited_files(folder)
    if edited:
        more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
        raise ProjectFolderError(
            f"{folder}: {edited[0]}{more} was edited after it was generated",
            hint="give another folder, or move your changes away and delete the edited files",
        )


def edited_files(folder: Path) -> list[str]:
    """Generated files of a project folder that no longer have their generated content.

    Raises:
        ProjectFolderError: The folder is no project of ours.
    """
    digests: dict[str, str] = read_manifest(folder)["files"]
    return [
        path
        for path, digest in sorted(digests.items())
        if (folder / path).is_file() and _sha256((folder / path).read_bytes()) != digest
    ]


def write(project: FirmwareProject, folder: Path) -> None:
    """Write a project; the folder has the new one as a whole, or what it had before.

    Files in the folder that imse-mcu did not generate stay (reports, own sources); the images of
    an earlier project go, for they would not belong to the new one.

    Args:
        project: What to write.
        folder: Where; made when missing.

    Raises:
        ProjectFolderError: The folder holds something that is not ours, or edited files.
        FileWriteError: It cannot be written.
    """
    check_folder(folder)
    with atomic_dir(folder, replace=True) as temporary:
        for path, content in project.files.items():
            destination = temporary / path
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_bytes(content)
        if (folder / MANIFEST).is_file():
            _keep_foreign_files(folder, temporary)


def _keep_foreign_files(old: Path, new: Path) -> None:
    generated: dict[str, str] = read_manifest(old)["files"]
    for path in sorted(old.rglob("*")):
        relative = path.relative_to(old)
        name = relative.as_posix()
        made_here = relative.parts[0] == BUILD_FOLDER or relative.parts[0].startswith(WORK_PREFIX)
        if made_here or name in generated or name == MANIFEST:
            continue
        if path.is_file() and not (new / relative).exists():
            (new / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, new / relative)
