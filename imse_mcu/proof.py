"""The recording that every build is proved with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from imse_mcu.core.audio_io import read_audio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROOF_TITLE = "speech in rain, 2 s, shipped"


def proof_recording() -> NDArray[np.int16]:
    """Returns two seconds of speech in rain, int16 samples [32000]."""
    return read_audio(Path(str(resources.files("imse_mcu") / "assets" / "proof.wav"))).pcm
