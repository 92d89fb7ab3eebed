"""A finished build on disk: what lies where, and reading it back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.host import FLOAT_FILE, INT8_FILE, STATES_FILE, HostModel, read_files

if TYPE_CHECKING:
    from targets.model import Target

#: The integer model inside a build folder, as the firmware project holds it.
MODEL_PATH = "model/model.tflite"
REFERENCE_DIR = "reference"
RECORD_FILE = "build.json"
REPORT_FILE = "report.json"
PAGE_FILE = "report.html"
RUN_FILE = "run.json"
ARTIFACTS = ("elf", "bin", "hex", "map")
#: The image that an emulator runs, where it has another machine in place of the board.
EMULATED_ELF = "build/imse-emulated.elf"
RECORD_FORMAT = 1


class BuildFolderError(ImseMcuError):
    """A folder that is no usable build."""

    exit_code = 2


@dataclass(frozen=True)
class BuildFolder:
    """A folder that ``imse-mcu build`` made.

    Attributes:
        path: The folder.
        record: Content of ``build.json``.
    """

    path: Path
    record: dict[str, Any]

    @classmethod
    def open(
        cls, path: Path, *, hint: str = "make one: imse-mcu build --target stm32h7"
    ) -> BuildFolder:
        """Opens a build.

        Args:
            path: The folder.
            hint: What to do where it is no build folder.

        Raises:
            BuildFolderError: If it is missing, no build, damaged or of another version.
        """
        if not path.is_dir():
            raise BuildFolderError(f"there is no build folder {path}", hint=hint)
        file = path / RECORD_FILE
        if not file.is_file():
            raise BuildFolderError(f"{path} is no build folder: it has no {RECORD_FILE}", hint=hint)
        try:
            record = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BuildFolderError(f"{file} is damaged: {error}", hint="build again") from error
        if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
            raise BuildFolderError(
                f"{file} is of another version of imse-mcu", hint="build again with this one"
            )
        return cls(path, record)

    def artifact(self, kind: str) -> Path:
        """Returns the path of a compiled file; it exists.

        Args:
            kind: ``elf``, ``bin``, ``hex`` or ``map``.

        Raises:
            BuildFolderError: If the project was not compiled.
        """
        path = self.path / "build" / f"imse-firmware.{kind}"
        if not path.is_file():
            raise BuildFolderError(
                f"{self.path} has no compiled image {path.name}",
                hint="build again without --no-compile",
            )
        return path

    def emulated_elf(self) -> Path:
        """Returns the path of the image that the emulator of the target runs; it exists.

        Raises:
            BuildFolderError: If the project was not compiled.
        """
        emulator = self.target().board.emulator
        if emulator is None or emulator.stand_in is None:
            return self.artifact("elf")
        path = self.path / EMULATED_ELF
        if not path.is_file():
            raise BuildFolderError(
                f"{self.path} has no image for the emulator",
                hint="build again, with qemu-system-arm installed and without --no-compile",
            )
        return path

    def target(self) -> Target:
        """Returns the target that the build is for."""
        from targets.loader import load_target

        return load_target(str(self.record["target"]))

    def host_model(self) -> HostModel:
        """Returns the model of the build in both precisions.

        Raises:
            ImseMcuError: If its files are missing or damaged.
        """
        reference = self.path / REFERENCE_DIR
        files = read_files(
            {
                INT8_FILE: self.path / MODEL_PATH,
                FLOAT_FILE: reference / FLOAT_FILE,
                STATES_FILE: reference / STATES_FILE,
            }
        )
        model = HostModel.from_files(
            files, source=str(reference), model_source=str(self.path / MODEL_PATH)
        )
        if model.quantized.digest != self.record["model_digest"]:
            raise BuildFolderError(
                f"{self.path / MODEL_PATH} is not the model that this build was made from",
                hint="build again",
            )
        return model
