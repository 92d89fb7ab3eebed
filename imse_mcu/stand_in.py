"""Linking a build's objects for the machine that an emulator has in place of the board."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.buildfolder import EMULATED_ELF
from imse_mcu.core.errors import ImseMcuError

if TYPE_CHECKING:
    from firmware_gen.project import FirmwareProject
    from firmware_gen.toolchain import BuildResult
    from targets.model import Target

#: Sources that are the stand-in's own: clocks, UART and cycle counter.
PLATFORM = "platform/"


class StandInError(ImseMcuError):
    """The image for the emulator is not made of the board's objects."""


@dataclass(frozen=True)
class StandIn:
    """The image that runs on an emulator in place of a build's.

    Attributes:
        board: Target that lends clock, UART and cycle counter.
        machine: The emulator's machine.
        same_objects: Object files that are the build's, byte for byte.
        own_objects: Sources that only this image has.
        moved: Memories that lie elsewhere: name -> origin.
    """

    board: str
    machine: str
    same_objects: int
    own_objects: tuple[str, ...]
    moved: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Returns what ``report.json`` says of it."""
        return {
            "board": self.board,
            "machine": self.machine,
            "same_objects": self.same_objects,
            "own_objects": list(self.own_objects),
            "moved_memories": {name: f"0x{origin:08x}" for name, origin in self.moved.items()},
        }


def link_stand_in(
    folder: Path,
    project: FirmwareProject,
    compiled: BuildResult,
    generate: Callable[[Target], FirmwareProject],
    compile_project: Callable[[Path, FirmwareProject], BuildResult],
) -> StandIn | None:
    """Makes the image that an emulator runs in place of a build's, where the board needs one.

    Args:
        folder: Build folder; the image is put beside the build's.
        project: Its project.
        compiled: Its image.
        generate: Makes the same project for another target.
        compile_project: Compiles a project that was written into a folder.

    Returns:
        What it is made of; None where the emulator has the board itself, or there is none.

    Raises:
        StandInError: An object outside the platform differs from the build's.
    """
    from firmware_gen.project import WORK_PREFIX, write
    from targets.stand_in import emulated

    emulator = project.target.board.emulator
    if emulator is None or emulator.stand_in is None:
        return None
    twin = generate(emulated(project.target))
    work = Path(tempfile.mkdtemp(dir=folder, prefix=WORK_PREFIX))
    try:
        write(twin, work)
        result = compile_project(work, twin)
        same, own = compare_objects(compiled.object_digests, result.object_digests)
        shutil.copyfile(result.elf, folder / EMULATED_ELF)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    spec = emulator.stand_in
    return StandIn(spec.board, emulator.machine, len(same), own, spec.moved)


def compare_objects(
    board: Mapping[str, str], stand_in: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Makes sure that an image is made of another one's objects, the platform apart.

    Args:
        board: Source -> digest of its object, of the board's image.
        stand_in: The same of the image for the emulator.

    Returns:
        Sources whose objects are the same, and those that the stand-in has of its own.

    Raises:
        StandInError: A source outside the platform is missing on one side, or differs.
    """
    same = tuple(sorted(name for name in board if stand_in.get(name) == board[name]))
    own = tuple(sorted(set(stand_in) - set(same)))
    others = [name for name in {*board, *own} - set(same) if not name.startswith(PLATFORM)]
    if others:
        raise StandInError(
            f"the image for the emulator is not made of the board's objects: {min(others)} differs",
            hint="this is a bug of imse-mcu: report it with the build folder",
        )
    return same, own
