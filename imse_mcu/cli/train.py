"""``imse-mcu train``: train or fine-tune a streaming model."""

from __future__ import annotations

from pathlib import Path

import click

from imse_mcu.cli.context import Session, common_options
from imse_mcu.cli.options import PATH


@click.command(
    "train",
    epilog="Examples:\n\n  imse-mcu train --data recordings/ -o train-1 --minutes 60\n\n"
    "  imse-mcu train --data recordings/ -o train-2 --fine-tune shipped --steps 4000",
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
@click.option("--seed", type=int, default=0, show_default=True)
@common_options
def command(
    session: Session,
    data: Path,
    output: Path,
    model: str,
    fine_tune: str | None,
    steps: int,
    minutes: float,
    batch_size: int,
    learning_rate: float,
    validate_every: int,
    patience: int,
    seed: int,
) -> None:
    """Train a streaming model on your recordings, or fine-tune the shipped weights.

    Mixes speech and noise on the fly, validates with PESQ-WB and SI-SDR on a split of its own,
    keeps the best averaged weights as OUTPUT/weights.npz and resumes when it is run again.
    """
    from imse_mcu.core.quiet import native_chatter_hidden
    from imse_mcu.quantization import streaming_config
    from keras_imse.shipped import shipped_weights

    config = streaming_config(model)
    initial = None
    if fine_tune is not None:
        initial = shipped_weights(model) if fine_tune == "shipped" else Path(fine_tune)
    with session.reporter.stage("starting TensorFlow"), native_chatter_hidden():
        from keras_imse.train.loop import Trainer, TrainingConfig

    settings = TrainingConfig(
        steps=steps,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        validate_every=validate_every,
        patience=patience,
        seed=seed,
    )
    trainer = Trainer(
        config, settings, data, output, initial_weights=initial, progress=session.note
    )
    summary = trainer.run()
    weights = output / "weights.npz"
    text = (
        f"{trainer.history.table('pesq_wb')}\n"
        f"{summary['steps']} steps, best validation PESQ-WB {summary['best_pesq_wb']:.3f}\n"
        f"  weights  {weights}\n"
        f"  next     imse-mcu build --target stm32h7 --model {model} --weights {weights}"
    )
    session.emit({**summary, "weights": str(weights)}, text)
