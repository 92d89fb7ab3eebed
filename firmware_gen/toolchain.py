"""Compiles a firmware project and reads what became of it from the ELF."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from firmware_gen.errors import ToolchainError
from firmware_gen.linkmap import ObjectSize, object_sizes
from firmware_gen.memory import RegionPlan, RegionUse, link_overflow
from firmware_gen.project import BUILD_FOLDER, WORK_PREFIX
from imse_mcu.core.files import swap_dir
from imse_mcu.core.process import ProcessError, find_tool, run
from targets.model import Target

IMAGE = "imse-firmware"
SUFFIXES = ("elf", "bin", "hex", "map")
COMPILER = "arm-none-eabi-gcc"
TOOLS = (COMPILER, "cmake", "ninja")

_SECTION_ITEMS = {
    ".imse_weights": "weights",
    ".imse_hot_code": "hot_code",
    ".imse_arena": "arena",
    ".imse_state": "state",
    ".imse_buffers": "buffers",
    ".stack": "stack",
    ".data": "data",
    ".bss": "data",
    ".imse_dma": "dma",
}
_REQUIRED_SYMBOLS = ("__stack_bottom__", "__stack_top__", "imse_network_invoke")
_HEAP_SYMBOLS = ("malloc", "_malloc_r", "_sbrk", "_sbrk_r")
_TIMEOUT_S = 900.0
# What the project's own checks say; CMake indents the text and breaks it into lines.
_CMAKE_MESSAGE = re.compile(r"^CMake Error at [^\n]*\(message\):\n(?P<text>(?:  [^\n]+\n)+)", re.M)


@dataclass(frozen=True)
class BuildResult:
    """A compiled firmware image.

    Attributes:
        elf: The image with symbols.
        bin: Raw flash content.
        hex: Intel HEX.
        map: The linker's map.
        flash_bytes: ``code``, ``weights`` and ``total``; ``code`` holds everything in flash but
            the weights (vectors, code, constants, initial values).
        ram_bytes: ``arena``, ``state``, ``stack``, ``buffers``, ``data`` and ``total``.
        regions: What each memory region of the target holds.
        objects: Flash by object file, largest first.
        tools: Tool -> version.
        object_digests: Source -> SHA-256 of its object file; only of an image made just now.
    """

    elf: Path
    bin: Path
    hex: Path
    map: Path
    flash_bytes: Mapping[str, int]
    ram_bytes: Mapping[str, int]
    regions: tuple[RegionUse, ...]
    objects: tuple[ObjectSize, ...]
    tools: Mapping[str, str]
    object_digests: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data; paths are relative to the project."""
        return {
            "elf": f"{BUILD_FOLDER}/{self.elf.name}",
            "bin": f"{BUILD_FOLDER}/{self.bin.name}",
            "hex": f"{BUILD_FOLDER}/{self.hex.name}",
            "map": f"{BUILD_FOLDER}/{self.map.name}",
            "flash_bytes": dict(self.flash_bytes),
            "ram_bytes": dict(self.ram_bytes),
            "regions": [use.to_json() for use in self.regions],
            "objects": [size.to_json() for size in self.objects],
            "tools": dict(sorted(self.tools.items())),
        }


def check_tools() -> dict[str, Path]:
    """Find the compiler, CMake and Ninja.

    Returns:
        Tool -> path.

    Raises:
        ToolNotFoundError: One is missing; the hint names the package that brings it.
    """
    return {tool: find_tool(tool, what="compile the firmware") for tool in TOOLS}


def tool_versions() -> dict[str, str]:
    """Versions of the tools that make the image.

    Raises:
        ToolNotFoundError: One is missing.
        ProcessError: One does not run.
    """
    versions = {}
    for tool, path in check_tools().items():
        output = run([path, "--version"], what=f"ask {tool} for its version").stdout
        match = re.search(r"\d+\.\d+(\.\d+)?", _without_parentheses(output))
        if match is None:
            raise ToolchainError(f"{tool} --version says nothing like a version")
        versions[tool] = match[0]
    return versions


def _without_parentheses(text: str) -> str:
    """Version lines of distributions carry the package's version in parentheses."""
    return re.sub(r"\([^)]*\)", "", text)


def compile_project(
    folder: Path,
    target: Target,
    *,
    plan: RegionPlan | None = None,
    runtime: str | None = None,
    definitions: Mapping[str, str] | None = None,
) -> BuildResult:
    """Compile a written project into its ``build`` folder.

    The work is done in a temporary folder inside the project; on failure the images of an earlier
    build are intact.

    Args:
        folder: The project.
        target: Where the image runs.
        plan: The project's memory plan, for the table of an overflow.
        runtime: What executes the network; the project's default when ``None``.
        definitions: More CMake cache variables, such as ``TFLM_DIR``.

    Returns:
        Images and sizes.

    Raises:
        ToolNotFoundError: Compiler, CMake or Ninja is missing.
        ModelTooBigError: A memory overflows.
        ToolchainError: The sources do not compile, or the image is not as expected.
    """
    tools = check_tools()
    versions = tool_versions()
    folder = folder.resolve()
    work = Path(tempfile.mkdtemp(dir=folder, prefix=WORK_PREFIX))
    try:
        _configure_and_build(folder, work / "cmake", tools, target, plan, runtime, definitions)
        images = work / "images"
        images.mkdir()
        for suffix in SUFFIXES:
            source = work / "cmake" / f"{IMAGE}.{suffix}"
            if not source.is_file():
                raise ToolchainError(f"the build made no {source.name}")
            shutil.move(source, images / source.name)
        inspect_image(images / f"{IMAGE}.elf", target)
        digests = _object_digests(work / "cmake" / "CMakeFiles" / f"{IMAGE}.dir")
        swap_dir(images, folder / BUILD_FOLDER)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return replace(load_build(folder, target, tools=versions), object_digests=digests)


def _object_digests(folder: Path) -> dict[str, str]:
    """Source -> SHA-256 of its object file."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.obj"))
    }


def _configure_and_build(
    folder: Path,
    work: Path,
    tools: Mapping[str, Path],
    target: Target,
    plan: RegionPlan | None,
    runtime: str | None,
    definitions: Mapping[str, str] | None,
) -> None:
    variables = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_MAKE_PROGRAM": str(tools["ninja"]),
        "CMAKE_TOOLCHAIN_FILE": str(folder / "cmake" / "arm-none-eabi.cmake"),
        **({"IMSE_RUNTIME": runtime} if runtime else {}),
        **(definitions or {}),
    }
    # The compiler found here is the one CMake must use, wherever it lies.
    compiler_folder = str(tools[COMPILER].parent)
    environment = {"PATH": f"{compiler_folder}:{_path()}", "SOURCE_DATE_EPOCH": "0"}
    configure = ["cmake", "-S", str(folder), "-B", str(work), "-G", "Ninja"]
    configure += [f"-D{name}={value}" for name, value in sorted(variables.items())]
    try:
        run(configure, env=environment, what="configure the firmware", timeout_s=_TIMEOUT_S)
        run(
            ["cmake", "--build", str(work)],
            env=environment,
            what="compile the firmware",
            timeout_s=_TIMEOUT_S,
        )
    except ProcessError as error:
        overflow = link_overflow(target, error.output, plan)
        if overflow is not None:
            raise overflow from error
        said = _CMAKE_MESSAGE.search(error.output)
        if said is not None:
            text = " ".join(said["text"].split())
            raise ToolchainError(f"could not configure the firmware: {text}") from error
        raise ToolchainError(
            error.message.replace(f"{folder}/", ""), hint=error.hint.replace(f"{folder}/", "")
        ) from error


def _path() -> str:
    import os

    return os.environ.get("PATH", os.defpath)


def load_build(
    folder: Path, target: Target, *, tools: Mapping[str, str] | None = None
) -> BuildResult:
    """Read the images of a compiled project.

    Args:
        folder: The project.
        target: Where the image runs.
        tools: Versions of the tools that made it, if known.

    Returns:
        Images and sizes.

    Raises:
        ToolchainError: An image is missing or is not one of ours.
    """
    paths = {suffix: folder / BUILD_FOLDER / f"{IMAGE}.{suffix}" for suffix in SUFFIXES}
    for path in paths.values():
        if not path.is_file():
            raise ToolchainError(
                f"{folder} holds no compiled image ({BUILD_FOLDER}/{path.name} is missing)",
                hint="build it without --no-compile",
            )
    regions = inspect_image(paths["elf"], target)
    flash = _totals(regions, "flash")
    ram = _totals(regions, "ram")
    weights = flash.get("weights", 0)
    total = sum(flash.values())
    return BuildResult(
        elf=paths["elf"],
        bin=paths["bin"],
        hex=paths["hex"],
        map=paths["map"],
        flash_bytes={"code": total - weights, "weights": weights, "total": total},
        ram_bytes={
            **{name: ram.get(name, 0) for name in ("arena", "state", "stack", "buffers")},
            "data": ram.get("data", 0) + ram.get("dma", 0),
            "total": sum(ram.values()),
        },
        regions=regions,
        objects=_objects(paths["elf"], paths["map"]),
        tools=dict(tools or {}),
    )


def _objects(elf: Path, link_map: Path) -> tuple[ObjectSize, ...]:
    """Flash by object file."""
    with elf.open("rb") as stream:
        kinds = {
            section.name: "weights" if _SECTION_ITEMS.get(section.name) == "weights" else "code"
            for section in ELFFile(stream).iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS"
        }
    return object_sizes(link_map.read_text(encoding="utf-8", errors="replace"), kinds)


def _totals(regions: tuple[RegionUse, ...], kind: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for use in regions:
        if use.kind == kind:
            for name, size in use.items.items():
                totals[name] = totals.get(name, 0) + size
    return totals


def inspect_image(elf: Path, target: Target) -> tuple[RegionUse, ...]:
    """What each memory region of the target holds, by the ELF's sections.

    Args:
        elf: A linked image.
        target: Where it runs.

    Returns:
        Use of each region, in the target's order; initial values of variables count in flash too.

    Raises:
        ToolchainError: It is no image of ours, uses a heap, or lies outside the target's memory.
    """
    used: dict[str, dict[str, int]] = {region.name: {} for region in target.mcu.regions}
    try:
        with elf.open("rb") as stream:
            image = ELFFile(stream)
            _check_symbols(image, elf)
            for section in image.iter_sections():
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]:
                    _account(image, section, target, used)
    except (ELFError, OSError) as error:
        raise ToolchainError(f"{elf} is no readable ELF image: {error}") from error
    return tuple(
        RegionUse(region.name, region.kind, region.size_bytes, used[region.name])
        for region in target.mcu.regions
    )


def _account(
    image: ELFFile, section: Section, target: Target, used: dict[str, dict[str, int]]
) -> None:
    size, address = section["sh_size"], section["sh_addr"]
    region = target.mcu.region_at(address)
    if region is None or not region.contains(address, size):
        raise ToolchainError(
            f"section {section.name} (0x{address:08x}, {size:,} bytes) lies outside the memory "
            f"of {target.title}",
            hint="build the project for this target again",
        )
    item = _SECTION_ITEMS.get(section.name, "code")
    used[region.name][item] = used[region.name].get(item, 0) + size
    if region.kind == "ram" and section["sh_type"] != "SHT_NOBITS":
        load = _load_address(image, section)
        home = target.mcu.region_at(load)
        if home is not None and home.kind == "flash":
            stored = "weights" if item == "weights" else "code"
            used[home.name][stored] = used[home.name].get(stored, 0) + size


def _load_address(image: ELFFile, section: Section) -> int:
    for segment in image.iter_segments("PT_LOAD"):
        if segment.section_in_segment(section):
            return int(segment["p_paddr"] + section["sh_addr"] - segment["p_vaddr"])
    return int(section["sh_addr"])


def _check_symbols(image: ELFFile, elf: Path) -> None:
    table = image.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise ToolchainError(f"{elf} has no symbols", hint="do not strip the image")
    names = {symbol.name for symbol in table.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}
    missing = [name for name in _REQUIRED_SYMBOLS if name not in names]
    if missing:
        raise ToolchainError(f"{elf} has no symbol {missing[0]}: it is no firmware of imse-mcu")
    heap = [name for name in _HEAP_SYMBOLS if name in names]
    if heap:
        raise ToolchainError(f"the image contains a heap ({heap[0]}), firmware must not use one")
