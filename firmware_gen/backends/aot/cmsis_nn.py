"""Arm's CMSIS-NN where the user keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_gen.backends.kernel_files import csrc
from firmware_gen.errors import LibraryNotFoundError

VARIABLE = "CMSIS_NN_DIR"
"""Environment variable with the folder."""

_HEADER = Path("Include") / "arm_nnfunctions.h"
_FUNCTION = re.compile(
    r"^(?:arm_cmsis_nn_status|int32_t|void)\s+(arm_\w+)\([^)]*\)\s*\{", re.MULTILINE
)
_NEEDED = "arm_convolve_wrapper_s8"


@dataclass(frozen=True, eq=False)
class CmsisNn:
    """A CMSIS-NN.

    Attributes:
        functions: Functions whose sources it has: type and parameters, as written there, by name.
    """

    functions: Mapping[str, str]

    def has(self, *names: str) -> bool:
        """Whether it has all functions."""
        return all(name in self.functions for name in names)

    def mentions(self, name: str, kind: str) -> bool:
        """Whether it has a function whose result or parameters are of a type.

        Args:
            name: The function; versions of CMSIS-NN differ in its types.
            kind: The type.
        """
        return kind in re.findall(r"\w+", self.functions.get(name, ""))


def find_cmsis_nn(folder: str) -> CmsisNn:
    """Look at a CMSIS-NN.

    Args:
        folder: What ``CMSIS_NN_DIR`` says; a checkout, or the folder of the pack.

    Returns:
        What it offers.

    Raises:
        LibraryNotFoundError: Nothing is set, or the folder is no CMSIS-NN.
    """
    if not folder:
        raise LibraryNotFoundError(
            f"the cmsis-nn kernels need Arm's CMSIS-NN, and {VARIABLE} is not set",
            hint=f"set {VARIABLE} to a CMSIS-NN with Include and Source, or use --kernels auto",
        )
    root = Path(folder)
    if not (root / _HEADER).is_file():
        raise LibraryNotFoundError(
            f"{VARIABLE}='{folder}' is not CMSIS-NN: it has no {_HEADER.as_posix()}",
            hint="give the folder that holds Include and Source of CMSIS-NN",
        )
    functions: dict[str, str] = {}
    for source in sorted((root / "Source").glob("*/*.c")):
        text = source.read_text("utf-8", errors="replace")
        functions.update({found[1]: found[0] for found in _FUNCTION.finditer(text)})
    if _NEEDED not in functions:
        raise LibraryNotFoundError(
            f"{VARIABLE}='{folder}' has no {_NEEDED} under Source",
            hint="take CMSIS-NN 4.0.0 or newer, with its sources",
        )
    return CmsisNn(functions)


def cmsis_nn_build_files() -> dict[str, bytes]:
    """The part of the build script that compiles CMSIS-NN, by path in the project."""
    name = "imse_cmsis_nn.cmake"
    return {f"kernels/{name}": csrc("kernels", "cmsis_nn", name).read_bytes()}
