"""The published training recipe of IMSE as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from keras_imse.errors import TrainingError
from keras_imse.train.settings import check_range


@dataclass(frozen=True)
class ImseLossWeights:
    """Weights of the parts of the loss.

    Attributes:
        metric: Distance of the discriminator's score from a perfect one.
        magnitude: Squared error of compressed magnitudes.
        phase: Anti-wrapped error of instantaneous phase, group delay and angular frequency.
        complex: Squared error of the compressed complex spectrum, both parts added.
        consistency: The same between the network's spectrum and that of the wave made of it.
        time: Absolute error of the wave.
    """

    metric: float = 0.05
    magnitude: float = 0.9
    phase: float = 0.3
    complex: float = 0.2
    consistency: float = 0.1
    time: float = 0.2


@dataclass(frozen=True)
class ImseTrainingConfig:
    """One training run of the published network.

    Attributes:
        epochs: Passes over the training recordings.
        batch_size: Items per step.
        segment_frames: Frames of an item, a multiple of 4.
        learning_rate: Learning rate of the first epoch, of network and discriminator.
        beta_1: AdamW's decay of the mean gradient.
        beta_2: AdamW's decay of the mean squared gradient.
        weight_decay: AdamW's weight decay.
        decay: Factor on the learning rate per epoch.
        discriminator: Whether a discriminator learns PESQ and the network is trained against it.
        validate_every: Epochs between validations.
        patience: Validations without a better one after which a run ends; 0 for never.
        validation_items: Most validation recordings to use.
        seed: Seed of initial weights and data.
        losses: Weights of the loss; without discriminator that of the metric does not count.
    """

    epochs: int = 100
    batch_size: int = 4
    segment_frames: int = 308
    learning_rate: float = 5e-4
    beta_1: float = 0.8
    beta_2: float = 0.99
    weight_decay: float = 0.01
    decay: float = 0.99
    discriminator: bool = True
    validate_every: int = 1
    patience: int = 0
    validation_items: int = 24
    seed: int = 1234
    losses: ImseLossWeights = field(default_factory=ImseLossWeights)

    def __post_init__(self) -> None:
        check_range(self, ("epochs", "batch_size", "validate_every", "validation_items"), 1)
        check_range(self, ("beta_1", "beta_2", "decay"), 0, 1)
        check_range(self, ("weight_decay", "patience", "seed"), 0)
        check_range(self.losses, tuple(asdict(self.losses)), 0)
        if not self.learning_rate > 0:
            raise TrainingError(f"learning rate {self.learning_rate:g}, expected more than 0")

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        return float(self.learning_rate * self.decay**epoch)
