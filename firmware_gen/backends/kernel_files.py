"""The fixed C files of the runtimes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable

KERNEL_FOLDER = "kernels"
_DEFINITION = re.compile(r"^(?:void |IMSE_(?:CONV|DWCONV)_KERNEL\()(imse_\w+)[(,]", re.MULTILINE)
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def csrc(*parts: str) -> Traversable:
    """A file or folder of the fixed C sources."""
    return resources.files("firmware_gen").joinpath("csrc", *parts)


def network_header() -> bytes:
    """Content of ``network/imse_network.h``."""
    return csrc("network", "imse_network.h").read_bytes()


def kernel_sources(functions: Iterable[str], headers: Iterable[str] = ()) -> dict[str, bytes]:
    """Sources and headers of kernels.

    Args:
        functions: Names of kernel functions.
        headers: Headers that are included besides.

    Returns:
        Content by path in the firmware project, sorted; only what the functions need.

    Raises:
        KeyError: A function has no source file.
    """
    index = _function_index()
    sources = {index[function] for function in functions}
    files: dict[str, bytes] = {}
    pending = [f'#include "{name}"' for name in headers]
    for source in sources:
        files[f"{KERNEL_FOLDER}/{source.name}"] = source.read_bytes()
        pending.append(source.read_text("utf-8"))
    while pending:
        for name in _INCLUDE.findall(pending.pop()):
            path = f"{KERNEL_FOLDER}/{name}"
            if path not in files:
                header = csrc("kernels", name)
                files[path] = header.read_bytes()
                pending.append(header.read_text("utf-8"))
    return dict(sorted(files.items()))


def _function_index() -> dict[str, Traversable]:
    """Source file by name of the kernel it defines."""
    index: dict[str, Traversable] = {}
    for folder in ("portable", "dsp", "mve", "cmsis_nn"):
        for source in csrc("kernels", folder).iterdir():
            if source.name.endswith(".c"):
                for name in re.findall(
                    r"^(?:void |IMSE_(?:CONV|DWCONV)_KERNEL\()(imse_\w+)[(,]",
                    source.read_text("utf-8"),
                    re.M,
                ):
                    index[name] = source
    return index


def kernel_header(function: str) -> str:
    """Header that declares a kernel: the first include of its source.

    Args:
        function: Name of the kernel function.

    Returns:
        File name of the header.

    Raises:
        KeyError: The function has no source file.
    """
    return str(_INCLUDE.findall(_function_index()[function].read_text("utf-8"))[0])
