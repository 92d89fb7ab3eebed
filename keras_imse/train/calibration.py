"""Makes the calibration recording that ships with the package.

Quantization ranges are measured on mixes of the training split. The shipped set uses only noise
that is free of conditions (CC0 or public domain), so that the recording can be passed on.

Run: ``python -m keras_imse.train.calibration --data DIR --output calibration.flac``.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import soundfile

from imse_mcu.core.files import atomic_file
from keras_imse.shipped import CALIBRATION_ITEM_SAMPLES
from keras_imse.train.data import Mixer, load_corpus

FREE_LICENCES = ("CC0", "Public Domain")


def make_calibration(data: Path, output: Path, *, items: int, seed: int) -> None:
    """Writes ``items`` noisy mixes one after the other.

    Args:
        data: Data folder, see :mod:`keras_imse.train.data`.
        output: FLAC file, 16 kHz mono 16 bit.
        items: Number of mixes, each ``CALIBRATION_ITEM_SAMPLES`` long.
        seed: Seed of the mixes.

    Raises:
        TrainingError: The data cannot be used.
    """
    corpus = load_corpus(data, "train", noise_licences=FREE_LICENCES)
    mixer = Mixer(corpus, CALIBRATION_ITEM_SAMPLES, seed)
    noisy = np.concatenate([mixer.item()[1] for _ in range(items)])
    with atomic_file(output) as temporary:
        soundfile.write(temporary, noisy, 16000, subtype="PCM_16", format="FLAC")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Data folder.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="FLAC to write.")
@click.option(
    "--items", type=click.IntRange(min=1), default=10, show_default=True, help="Number of mixes."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=2026, show_default=True, help="Seed of the mixes."
)
def main(data: Path, output: Path, items: int, seed: int) -> None:
    """Writes the calibration recording."""
    make_calibration(data, output, items=items, seed=seed)


if __name__ == "__main__":
    main()
