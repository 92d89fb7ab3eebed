"""Versions of the tools that a build's result depends on."""

from __future__ import annotations

from imse_mcu import __version__
from imse_mcu.doctor import package_version, program_version

_PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "tflite-micro", "numpy", "unicorn")
_PROGRAMS = ("arm-none-eabi-gcc", "cmake")


def tool_versions(*, compiled: bool) -> dict[str, str]:
    """Returns versions by tool.

    Args:
        compiled: Whether the compiler took part.
    """
    versions = {"imse-mcu": __version__}
    versions.update({name: package_version(name) for name in _PACKAGES})
    if compiled:
        versions.update({name: program_version(name) for name in _PROGRAMS})
    return versions
