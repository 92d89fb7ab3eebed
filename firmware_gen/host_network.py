"""The C that the aot runtime makes of a network, compiled for this machine and called in place."""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path

import numpy as np

from firmware_gen.backends.aot.backend import compile_network
from firmware_gen.backends.kernel_files import csrc, network_header
from firmware_gen.errors import ToolchainError
from imse_mcu.core.process import ProcessError, find_tool, run
from quantize.artifact import QuantizedModel

COMPILER = "gcc"

# The portable kernels hold integers only: no option can change a result, only how soon it is there.
_FLAGS = ("-std=c99", "-O3", "-march=native", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
_TIMEOUT_S = 900.0


class HostNetwork:
    """A network in a shared library of its own, with its own state.

    Args:
        model: The integer model.

    Raises:
        ToolNotFoundError: There is no C compiler for this machine.
        ToolchainError: It does not compile the network.
        UnsupportedOpError: An operator has no kernel.
    """

    def __init__(self, model: QuantizedModel) -> None:
        self._outputs = {
            name: model.graph.tensors[index] for name, index in model.metadata.outputs.items()
        }
        self._library = _compile(model)
        self.reset()

    def reset(self) -> None:
        """Set every state to its initial value."""
        self._library.imse_network_reset()

    def invoke(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Process one frame, or one segment.

        Args:
            features: Contiguous integers of the feature tensor's type and size.

        Returns:
            ``mask`` and ``phase`` in the tensors' types and shapes.

        Raises:
            ToolchainError: The network reports a failure.
        """
        results = {name: np.empty(t.shape, t.dtype) for name, t in self._outputs.items()}
        arrays = (features, results["mask"], results["phase"])
        status = self._library.imse_network_invoke(
            *(ctypes.c_void_p(a.ctypes.data) for a in arrays)
        )
        if status != 0:
            raise ToolchainError(f"the network compiled for this machine fails (status {status})")
        return results


def _compile(model: QuantizedModel) -> ctypes.CDLL:
    """Compile and load a network; the files are gone afterwards, the code stays in memory."""
    find_tool(COMPILER, what="compile the network for this machine")
    network = compile_network(model.graph, model.metadata, "portable")
    files = {
        **network.files,
        "network/imse_network.h": network_header(),
        "network/imse_network_progress.h": csrc("network", "imse_network_progress.h").read_bytes(),
        "host/imse_host_progress.c": csrc("host", "imse_host_progress.c").read_bytes(),
    }
    with tempfile.TemporaryDirectory(prefix="imse-mcu-") as name:
        folder = Path(name)
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        library = folder / "network.so"
        includes = [f"-I{folder / part}" for part in ("kernels", "model", "network")]
        sources = [str(folder / path) for path in files if path.endswith(".c")]
        command = [COMPILER, *_FLAGS, *includes, *sources, "-o", str(library)]
        what = "compile the network for this machine"
        try:
            run(command, what=what, timeout_s=_TIMEOUT_S)
            return ctypes.CDLL(str(library))
        except (ProcessError, OSError) as error:
            text = (
                error.message if isinstance(error, ProcessError) else f"could not {what}: {error}"
            )
            raise ToolchainError(
                text.replace(f"{folder}/", ""),
                hint="use --engine tflm, which needs no compiler",
            ) from error
