"""The result of quantization: an integer .tflite with what a runtime must know about it.

The metadata travels inside the .tflite (metadata buffer ``imse_mcu``, JSON with sorted keys), so
that the file alone is enough to generate firmware or to run the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from imse_mcu.core.files import write_bytes
from keras_imse.config import FrontendConfig, LevelConfig
from quantize.errors import ModelFileError
from quantize.inspect import Graph, read_graph

METADATA_NAME = "imse_mcu"
FORMAT = 1


@dataclass(frozen=True)
class StateTensor:
    """One state carried from frame to frame.

    Attributes:
        name: Signature name of the input, such as ``state_00``.
        input: Tensor index of the state input in subgraph 0.
        output: Tensor index of the next state in subgraph 0, same shape, type, scale, zero point.
        initial: Quantized values of one time row after a reset (repeated for all rows), or None
            for the zero point.
    """

    name: str
    input: int
    output: int
    initial: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ModelMetadata:
    """What a runtime must know about the model besides the graph.

    Attributes:
        model: Name of the model (preset).
        family: Model family, ``imse-stream`` or ``imse``.
        recipe: Name of the quantization recipe.
        macs_per_frame: Multiply-accumulates of one frame.
        frontend: Analysis and synthesis constants.
        inputs: Tensor index by name of the inputs that are not states (``features``).
        outputs: Tensor index by name of the outputs that are not states (``mask``, ``phase``).
        states: States in order.
    """

    model: str
    family: str
    recipe: str
    macs_per_frame: int
    frontend: FrontendConfig
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    states: tuple[StateTensor, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data, the content of the metadata buffer."""
        return {
            "format": FORMAT,
            "model": self.model,
            "family": self.family,
            "recipe": self.recipe,
            "macs_per_frame": self.macs_per_frame,
            "frontend": asdict(self.frontend),
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "states": [
                {
                    "name": state.name,
                    "input": state.input,
                    "output": state.output,
                    "initial": None if state.initial is None else list(state.initial),
                }
                for state in self.states
            ],
        }

    def to_bytes(self) -> bytes:
        """Deterministic encoding for the metadata buffer."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelMetadata:
        """Build from JSON data.

        Args:
            data: What :meth:`to_json` returned.

        Returns:
            The metadata.

        Raises:
            ModelFileError: The format is unknown or a field is missing or of the wrong kind.
        """
        if data.get("format") != FORMAT:
            raise ModelFileError(
                f"metadata format {data.get('format')!r} of the model, expected {FORMAT}",
                hint="build the model again with this version of imse-mcu",
            )
        try:
            return cls(
                model=str(data["model"]),
                family=str(data["family"]),
                recipe=str(data["recipe"]),
                macs_per_frame=int(data["macs_per_frame"]),
                frontend=_frontend(data["frontend"]),
                inputs={str(name): int(index) for name, index in data["inputs"].items()},
                outputs={str(name): int(index) for name, index in data["outputs"].items()},
                states=tuple(
                    StateTensor(
                        name=str(state["name"]),
                        input=int(state["input"]),
                        output=int(state["output"]),
                        initial=(
                            None
                            if state["initial"] is None
                            else tuple(int(value) for value in state["initial"])
                        ),
                    )
                    for state in data["states"]
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                f"metadata of the model is incomplete ({type(error).__name__}: {error})",
                hint="build the model again with this version of imse-mcu",
            ) from error


@dataclass(frozen=True)
class QuantizedModel:
    """An integer-only .tflite with its metadata.

    Attributes:
        tflite: The flatbuffer, metadata buffer included.
        metadata: The parsed metadata.
    """

    tflite: bytes
    metadata: ModelMetadata

    @cached_property
    def graph(self) -> Graph:
        """The parsed graph."""
        return read_graph(self.tflite)

    @property
    def digest(self) -> str:
        """SHA-256 of the flatbuffer, 64 hexadecimal digits."""
        return hashlib.sha256(self.tflite).hexdigest()

    @classmethod
    def from_bytes(cls, tflite: bytes, *, source: str = "model") -> QuantizedModel:
        """Parse a .tflite that carries imse-mcu metadata.

        Args:
            tflite: Content of the file.
            source: Name used in error messages.

        Returns:
            The model.

        Raises:
            ModelFileError: The file is corrupt, or is not one of ours.
        """
        graph = read_graph(tflite, source=source)
        raw = graph.metadata.get(METADATA_NAME)
        if raw is None:
            raise ModelFileError(
                f"{source}: no '{METADATA_NAME}' metadata in the model",
                hint="pass a .tflite written by imse-mcu build or quantize",
            )
        try:
            data = json.loads(raw)
        except ValueError as error:
            raise ModelFileError(f"{source}: the model's metadata is not JSON") from error
        if not isinstance(data, dict):
            raise ModelFileError(f"{source}: the model's metadata is not a JSON object")
        try:
            metadata = ModelMetadata.from_json(data)
        except ModelFileError as error:
            raise ModelFileError(f"{source}: {error.message}", hint=error.hint) from error
        _check_metadata(metadata, graph, source)
        return cls(tflite=bytes(tflite), metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> QuantizedModel:
        """Read a .tflite file that carries imse-mcu metadata.

        Args:
            path: The file.

        Returns:
            The model.

        Raises:
            ModelFileError: The file cannot be read, is corrupt, or is not one of ours.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from error
        return cls.from_bytes(content, source=str(path))

    def save(self, path: Path) -> None:
        """Write the .tflite file; an existing file stays intact until the new one is complete.

        Args:
            path: Destination.

        Raises:
            FileWriteError: The file cannot be written.
        """
        write_bytes(path, self.tflite)

    def to_json(self) -> dict[str, Any]:
        """Metadata, digest and size; the flatbuffer itself is not included."""
        return {
            "metadata": self.metadata.to_json(),
            "sha256": self.digest,
            "bytes": len(self.tflite),
        }


def _frontend(data: Mapping[str, Any]) -> FrontendConfig:
    values = dict(data)
    level = LevelConfig(**values.pop("level"))
    return FrontendConfig(**values, level=level)


def _check_metadata(metadata: ModelMetadata, graph: Graph, source: str) -> None:
    """Check that the metadata's tensor indices are the graph's inputs and outputs."""
    inputs = [*metadata.inputs.values(), *(state.input for state in metadata.states)]
    outputs = [*metadata.outputs.values(), *(state.output for state in metadata.states)]
    if sorted(inputs) != sorted(graph.inputs) or sorted(outputs) != sorted(graph.outputs):
        raise ModelFileError(
            f"{source}: the metadata names inputs {sorted(inputs)} and outputs {sorted(outputs)}, "
            f"the graph has {sorted(graph.inputs)} and {sorted(graph.outputs)}",
            hint="the model was edited after it was built; build it again",
        )
    for state in metadata.states:
        before, after = graph.tensors[state.input], graph.tensors[state.output]
        same = (
            before.shape == after.shape
            and before.dtype == after.dtype
            and before.scales == after.scales
            and before.zero_points == after.zero_points
        )
        if not same:
            raise ModelFileError(
                f"{source}: {state.name} enters as {before.dtype} {list(before.shape)} scale "
                f"{before.scales} and leaves as {after.dtype} {list(after.shape)} scale "
                f"{after.scales}, expected equal"
            )
