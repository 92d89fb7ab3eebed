"""Weights of the published network from one file format to another, checked on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.core.progress import Reporter
from imse_mcu.core.quiet import native_chatter_hidden
from keras_imse.errors import ConfigError
from keras_imse.imse_config import ImseConfig, imse_config_from_dict
from keras_imse.presets import load_preset

if TYPE_CHECKING:
    from keras_imse.weights.tensor_files import Tensors


@dataclass(frozen=True)
class WeightConversion:
    """What was read and written.

    Attributes:
        model: Name of the model.
        source: File read.
        output: File written.
        tensors: Tensors in the checkpoint.
        parameters: Trainable parameters among them.
    """

    model: str
    source: str
    output: str
    tensors: int
    parameters: int

    def to_json(self) -> dict[str, Any]:
        """Returns the conversion as plain data."""
        return asdict(self)

    def describe(self) -> str:
        """Returns the conversion as a line for people."""
        return (
            f"{self.output}: weights of {self.model}, {self.tensors} tensors, "
            f"{self.parameters:,} parameters, all as expected"
        )


def imse_config(model: str) -> ImseConfig:
    """Returns the configuration of a model of the published family.

    Args:
        model: Name of the model.

    Raises:
        ConfigError: There is no such model, or it is of another family.
    """
    preset = load_preset(model)
    if preset.family != "imse":
        raise ConfigError(
            f"model '{model}' is of family '{preset.family}': its weights are no checkpoint of "
            "the published network",
            hint="checkpoints are converted for model imse",
        )
    return imse_config_from_dict({"name": model, **preset.config}, where=f"preset '{model}'")


def check_stream_weights(path: Path, model: str) -> None:
    """Refuses weights of another network before TensorFlow is started.

    The shipped weights of the model say which arrays it has; without any, loading says the same.

    Args:
        path: Weights of a model that runs frame by frame.
        model: Name of the model.

    Raises:
        WeightsError: The file is damaged, or an array is missing, unknown, mis-shaped or not
            finite.
    """
    from keras_imse.checkpoint import check_arrays, load_arrays
    from keras_imse.shipped import has_shipped_weights, shipped_weights

    arrays = load_arrays(path)
    if has_shipped_weights(model):
        shapes = {n: a.shape for n, a in load_arrays(shipped_weights(model)).items()}
        check_arrays(arrays, shapes, f"weights file '{path}'", model)


def convert(
    source: Path, output: Path, model: str, *, formats: tuple[str, ...], reporter: Reporter
) -> WeightConversion:
    """Reads weights, checks every tensor and writes them in another format.

    Args:
        source: PyTorch checkpoint, ``.npz`` of its tensors or Keras weights; told by content.
        output: File to write; its ending chooses the format.
        model: Name of the model.
        formats: Endings that are allowed.
        reporter: Progress.

    Returns:
        What was read and written.

    Raises:
        WeightsError: The file does not hold the model's weights.
        OutputPathError: The ending of ``output`` is not allowed.
    """
    from imse_mcu.enhancement import OutputPathError
    from keras_imse.weights import check_tensors, write_tensors

    if output.suffix not in formats:
        raise OutputPathError(
            f"cannot write weights to {output}: its name must end in {' or '.join(formats)}",
            hint=f"for example {output.with_suffix(formats[0])}",
        )
    config = imse_config(model)
    with reporter.stage(f"reading {source.name}"), native_chatter_hidden():
        tensors = _read(source, config)
        entries = check_tensors(tensors, where=str(source), config=config)
    with reporter.stage(f"writing {output.name}"), native_chatter_hidden():
        if output.suffix == ".h5":
            _write_keras(tensors, output, config)
        else:
            write_tensors({e.torch_name: tensors[e.torch_name] for e in entries}, output)
    parameters = sum(tensors[e.torch_name].size for e in entries if e.path is not None)
    return WeightConversion(model, str(source), str(output), len(entries), parameters)


def _read(source: Path, config: ImseConfig) -> Tensors:
    """Reads tensors under PyTorch names, through the network for Keras weights."""
    from keras_imse.weights import export_tensors, is_keras_file, load_imse_weights, read_tensors

    if not is_keras_file(source):
        return read_tensors(source)
    from keras_imse.models.imse import build_imse

    network = build_imse(config)
    load_imse_weights(network, source, config)
    return export_tensors(network, config)


def _write_keras(tensors: Tensors, output: Path, config: ImseConfig) -> None:
    """Writes Keras weights through the network."""
    from keras_imse.models.imse import build_imse
    from keras_imse.weights import import_tensors, save_imse_weights

    network = build_imse(config)
    import_tensors(network, tensors, config=config)
    save_imse_weights(network, output, config)
