"""Training runs of both model families, behind one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.progress import Reporter
from imse_mcu.core.quiet import native_chatter_hidden
from imse_mcu.offline_host import is_offline


class TrainingRequestError(ImseMcuError):
    """A choice that the model's training does not have."""

    exit_code = 2


@dataclass(frozen=True)
class TrainingRequest:
    """What to train.

    Attributes:
        model: Name of the model.
        data: Data folder, see :mod:`keras_imse.train.data`.
        output: Run folder.
        fine_tune: Weights to start from, ``shipped``, or None for random ones.
        settings: Settings of the family's training configuration by name; None for its default.
    """

    model: str
    data: Path
    output: Path
    fine_tune: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def train(
    request: TrainingRequest, reporter: Reporter, say: Callable[[str], None]
) -> tuple[dict[str, Any], str]:
    """Trains a model to the end of its schedule.

    Args:
        request: What to train.
        reporter: Told what is started.
        say: Called with one line of text now and then.

    Returns:
        Summary of the run, and its validations as a table.

    Raises:
        ImseMcuError: If a setting is none of the model's, or data or weights cannot be used.
    """
    from imse_mcu.weight_files import check_stream_weights
    from keras_imse.shipped import shipped_weights

    _check_data(request.data)
    initial = None
    if request.fine_tune is not None:
        shipped = request.fine_tune == "shipped"
        initial = shipped_weights(request.model) if shipped else Path(request.fine_tune)
        if not initial.is_file():
            raise TrainingRequestError(
                f"there is no weights file {initial}", hint="--fine-tune takes a file, or: shipped"
            )
        if not is_offline(request.model):
            check_stream_weights(initial, request.model)
    run = _train_offline if is_offline(request.model) else _train_streaming
    return run(request, initial, reporter, say)


def _check_data(folder: Path) -> None:
    """Refuses what is no data folder before TensorFlow is started."""
    hint = "--data takes a folder with speech/ and noise/, or with clean/ and noisy/"
    if not folder.is_dir():
        raise TrainingRequestError(f"data folder '{folder}' does not exist", hint=hint)
    kinds = ("speech", "noise"), ("clean", "noisy")
    if not any(all((folder / name).is_dir() for name in pair) for pair in kinds):
        raise TrainingRequestError(f"'{folder}' is no data folder", hint=hint)


def _train_streaming(
    request: TrainingRequest,
    initial: Path | None,
    reporter: Reporter,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], str]:
    """Trains a streaming model."""
    from imse_mcu.quantization import streaming_config
    from keras_imse.train.settings import TrainingConfig

    config = streaming_config(request.model)
    settings = TrainingConfig(**_chosen(request, TrainingConfig))
    with reporter.stage("starting TensorFlow"), native_chatter_hidden():
        from keras_imse.train.loop import Trainer
    trainer = Trainer(
        config, settings, request.data, request.output, initial_weights=initial, progress=say
    )
    return trainer.run(), trainer.history.table("pesq_wb")


def _train_offline(
    request: TrainingRequest,
    initial: Path | None,
    reporter: Reporter,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], str]:
    """Trains the published network by its published recipe."""
    from imse_mcu.weight_files import imse_config
    from keras_imse.imse_config import check_frames
    from keras_imse.train.imse_settings import ImseTrainingConfig

    config = imse_config(request.model)
    settings = ImseTrainingConfig(**_chosen(request, ImseTrainingConfig))
    check_frames(settings.segment_frames)
    with reporter.stage("starting TensorFlow"), native_chatter_hidden():
        from keras_imse.train.imse_loop import ImseTrainer
    trainer = ImseTrainer(
        config, settings, request.data, request.output, initial_weights=initial, progress=say
    )
    return trainer.run(), trainer.history.table("pesq_wb")


def _chosen(request: TrainingRequest, kind: type[Any]) -> dict[str, Any]:
    """Settings that were given; all must be settings of the family."""
    given = {name: value for name, value in request.settings.items() if value is not None}
    unknown = sorted(given.keys() - {item.name for item in fields(kind)})
    if unknown:
        option = "--no-discriminator" if unknown[0] == "discriminator" else f"--{unknown[0]}"
        raise TrainingRequestError(
            f"{option.replace('_', '-')} is no setting of model {request.model}",
            hint="see imse-mcu train --help",
        )
    return given
