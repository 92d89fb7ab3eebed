"""What ``imse-mcu run`` prints of a result."""

from __future__ import annotations

import pytest

from imse_mcu.cli.run import _likeness
from imse_mcu.running import snr_db


@pytest.mark.parametrize(
    ("estimate", "words"),
    [((1.0, 2.0), "identical to"), ((1.0, 2.1), "27.0 dB SNR against")],
)
def test_audio_without_a_difference_has_no_figure(estimate: tuple[float, ...], words: str) -> None:
    import numpy as np

    assert _likeness(snr_db(np.array((1.0, 2.0)), np.array(estimate))) == words
