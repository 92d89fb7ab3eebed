"""``imse-mcu train``: train or fine-tune a model."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH


@click.command(
    "train",
    epilog="Examples:\n\n  imse-mcu train --data recordings/ -o train-1 --minutes 60\n\n"
    "  imse-mcu train --data recordings/ -o train-2 --fine-tune shipped --steps 4000\n\n"
    "  imse-mcu train --model imse --data voicebank/ -o train-3",
)
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
    "--fine-tune", metavar="FILE|shipped", help="Start from these weights, or the shipped ones."
)
@click.option("--steps", type=click.IntRange(min=1), help="imse-stream: steps. [default: 20000]")
@click.option(
    "--minutes", type=click.FloatRange(min=0), help="imse-stream: train this long instead of steps."
)
@click.option("--epochs", type=click.IntRange(min=1), help="imse: epochs. [default: 100]")
@click.option(
    "--segment-frames",
    type=int,
    metavar="N",
    help="imse: frames of an item, a multiple of 4. [default: 308]",
)
@click.option(
    "--no-discriminator",
    is_flag=True,
    help="imse: train without the discriminator that learns PESQ.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Items per step. [default: 8; imse: 4]"
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Peak learning rate. [default: 0.002; imse: 0.0005]",
)
@click.option(
    "--validate-every",
    type=click.IntRange(min=1),
    help="Steps between validations; imse: epochs. [default: 500; imse: 1]",
)
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    help="End after so many validations without a better one. [default: never]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@common_options
def command(
    session: Session,
    data: Path,
    output: Path,
    model: str,
    fine_tune: str | None,
    steps: int | None,
    minutes: float | None,
    epochs: int | None,
    segment_frames: int | None,
    no_discriminator: bool,
    batch_size: int | None,
    learning_rate: float | None,
    validate_every: int | None,
    patience: int | None,
    seed: int,
) -> None:
    """Train a model on your recordings, or fine-tune weights.

    Mixes speech and noise on the fly (or takes clean and noisy pairs), validates with PESQ-WB and
    SI-SDR on a split of its own, keeps the best weights as OUTPUT/weights.npz and resumes when it
    is run again. Model imse is trained by its published recipe.
    """
    from imse_mcu.offline_host import is_offline
    from imse_mcu.training import TrainingRequest, train

    request = TrainingRequest(
        model=model,
        data=data,
        output=output,
        fine_tune=fine_tune,
        settings={
            "steps": steps,
            "minutes": minutes,
            "epochs": epochs,
            "segment_frames": segment_frames,
            "discriminator": False if no_discriminator else None,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "validate_every": validate_every,
            "patience": patience,
            "seed": seed,
        },
    )
    summary, history = train(request, session.reporter, session.note)
    weights = output / "weights.npz"
    done = f"{summary['epochs']} epochs" if "epochs" in summary else f"{summary['steps']} steps"
    target = "mps2_an500 --segment-frames 16" if is_offline(model) else "stm32h7"
    best = summary["best_pesq_wb"]
    reached = f"PESQ-WB {best:.3f}" if best is not None else "without a PESQ-WB"
    text = (
        f"{history}\n"
        f"{done}, best validation {reached}\n"
        f"  weights  {weights}\n"
        f"  next     imse-mcu build --target {target} --model {model} --weights {weights}"
    )
    session.emit({**summary, "weights": str(weights)}, text)
