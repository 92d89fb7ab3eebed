"""Trains a streaming model with PyTorch; TensorFlow is not needed.

Run: ``python -m keras_imse.torch_twin.train --data DIR --output DIR``. Takes the same data and
writes the same ``weights.npz`` as ``imse-mcu train``.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from imse_mcu.core.errors import ImseMcuError
from keras_imse.train.settings import LossWeights, TrainingConfig

# PyTorch is imported where it is used: mixing processes import this module again.

PATH = click.Path(path_type=Path)


def default_workers() -> int:
    """Mixing processes that leave the training step a core of its own."""
    return max(0, min(8, (os.cpu_count() or 1) - 1))


def train(
    model: str, data: Path, output: Path, initial_weights: Path | None, **settings: Any
) -> None:
    """Runs a training from the settings of the command line."""
    import torch

    from keras_imse.presets import load_preset
    from keras_imse.torch_twin.trainer import Machine, TorchTrainer

    device = settings.pop("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    machine = Machine(
        device,
        settings.pop("mixed_precision"),
        settings.pop("workers"),
        settings.pop("native"),
        settings.pop("threads"),
    )
    config = load_preset(model).stream_config()
    frames = settings.pop("item_seconds") * config.frontend.frames_per_second
    settings["item_samples"] = round(frames) * config.frontend.hop
    losses = LossWeights(
        waveform=settings.pop("waveform"),
        perceptual=settings.pop("perceptual"),
        intelligibility=settings.pop("intelligibility"),
        tails=settings.pop("tails"),
    )
    trainer = TorchTrainer(
        config,
        TrainingConfig(**settings, losses=losses),
        machine,
        data,
        output,
        initial_weights=initial_weights,
        progress=click.echo,
    )
    summary = trainer.run()
    click.echo(trainer.history.table(summary["metric"]))
    click.echo(
        f"{summary['steps']} steps, best validation {summary['metric']} {summary['best']:.3f}\n"
        f"  weights  {output / 'weights.npz'}"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Folder with speech/ and noise/, or clean/ and noisy/ (pairs by file name).",
)
@click.option(
    "-o", "--output", type=PATH, required=True, metavar="DIR", help="Run folder; resumes there."
)
@click.option("--model", default="imse-stream", show_default=True, metavar="NAME")
@click.option(
    "--initial-weights",
    type=PATH,
    metavar="FILE",
    help="Start from the weights.npz of an earlier run of either framework; long strips that it "
    "lacks start as the identity.",
)
@click.option("--steps", type=click.IntRange(min=1), default=20000, show_default=True)
@click.option(
    "--minutes", type=click.FloatRange(min=0), default=0.0, help="Train this long instead of steps."
)
@click.option("--batch-size", type=click.IntRange(min=1), default=8, show_default=True)
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), default=2e-3, show_default=True
)
@click.option("--validate-every", type=click.IntRange(min=1), default=500, show_default=True)
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="End after so many validations without a better one; 0: never.",
)
@click.option(
    "--item-seconds",
    type=click.FloatRange(min=1.0),
    default=TrainingConfig.item_samples / 16000.0,
    show_default=True,
    help="Length of a training item; memory and time of a step grow with batch size times length.",
)
@click.option(
    "--near-clean",
    type=click.FloatRange(0.0, 1.0),
    default=TrainingConfig.near_clean,
    show_default=True,
    help="Share of items that are almost clean and must stay as they are.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--waveform",
    type=click.FloatRange(min=0),
    default=LossWeights.waveform,
    show_default=True,
    help="Weight of the signal-to-distortion ratio in dB in the loss.",
)
@click.option(
    "--perceptual",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Weight of the loudness distance after ITU-T P.862 in the loss.",
)
@click.option(
    "--intelligibility",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Weight of the envelope distance after STOI in the loss.",
)
@click.option(
    "--tails",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Weight of rare large activations, which int8 cuts off, in the loss.",
)
@click.option("--device", metavar="NAME", help="cuda, cuda:1, cpu …; a GPU if there is one.")
@click.option(
    "--mixed-precision", is_flag=True, help="Compute in bfloat16 where that is safe (Ampere on)."
)
@click.option(
    "--native", is_flag=True, help="Compile and use operators for a processor (g++ and ninja)."
)
@click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="Threads of PyTorch on a processor; 0: its own choice.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=default_workers,
    show_default="cores - 1, at most 8",
    help="Processes that mix training items.",
)
def main(**settings: Any) -> None:
    """Train a streaming model on your recordings with PyTorch.

    Mixes speech and noise on the fly, keeps the weights that are best on a validation split as
    OUTPUT/weights.npz and resumes when it is run again. The file is for --weights of imse-mcu.
    """
    try:
        train(**settings)
    except ImseMcuError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        raise SystemExit(error.exit_code) from error


def _on_terminate(signum: int, frame: object) -> None:
    """Turns a termination signal into an exit that ends the processes and removes their file."""
    sys.exit(128 + signum)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _on_terminate)
    main()
