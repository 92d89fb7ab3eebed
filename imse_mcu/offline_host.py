"""The published network on this machine: whole recordings, float."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.host import Precision
from imse_mcu.segment_quantization import no_weights
from imse_mcu.weight_files import imse_config
from keras_imse.imse_config import ImseConfig
from keras_imse.presets import load_preset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class OfflineHost:
    """The published network with its weights; cleans recordings like a ``HostModel``.

    Attributes:
        config: Configuration of the network.
        network: Compiled network, see :func:`keras_imse.models.imse.inference_function`.
    """

    config: ImseConfig
    network: Callable[[Any], dict[str, Any]]

    def enhance(
        self,
        samples: NDArray[np.float32],
        precision: Precision,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.int16]:
        """Cleans a recording with the authors' segmentation.

        Args:
            samples: Noisy samples in [-1, 1), shape [n].
            precision: ``float``.
            progress: Called with segments done and segments in all.

        Returns:
            Enhanced int16 samples, shape [n], aligned with the input.

        Raises:
            ImseMcuError: If another precision is asked for, the recording cannot be used or the
                network returns values that are no numbers.
        """
        import numpy as np

        from keras_imse.audio import to_pcm16
        from keras_imse.enhance_imse import enhance

        if precision != "float":
            raise ImseMcuError(
                f"this host of {self.config.name} is float, {precision} was asked for"
            )
        wave = enhance(samples, self.network, self.config, progress=progress)
        if not np.isfinite(wave).all():
            raise ImseMcuError(
                f"model {self.config.name} returned values that are no numbers",
                hint="its weights are damaged; use others with --weights",
            )
        return to_pcm16(wave)


def is_offline(model: str) -> bool:
    """Tells whether a model is of the published, offline family.

    Args:
        model: Name of the model.

    Raises:
        ConfigError: There is no such model.
    """
    return load_preset(model).family == "imse"


def load_offline(model: str, weights: Path | None) -> OfflineHost:
    """Builds the published network with weights, in float.

    Args:
        model: Name of the model.
        weights: Authors' checkpoint or weights made of it; none ship with the package.

    Returns:
        The network, ready to clean recordings.

    Raises:
        ImseMcuError: If weights are missing or of another network.
    """
    config = imse_config(model)
    if weights is None:
        raise no_weights(model)
    from keras_imse.weights import is_keras_file, load_imse_weights

    is_keras_file(weights)  # a missing file is said before the network is built
    from keras_imse.models.imse import build_imse, inference_function

    network = build_imse(config)
    load_imse_weights(network, weights, config)
    return OfflineHost(config, inference_function(network))
