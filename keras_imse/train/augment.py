"""Changes that make other recordings of the ones there are: speed, colour, swell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

Array = NDArray[np.float32]

#: Speeds in twentieths. Speech becomes that of a shorter or taller speaker, noise another thing.
SPEECH_SPEEDS = (18, 19, 21, 22)
NOISE_SPEEDS = (14, 15, 16, 17, 18, 22, 24, 26, 28, 30)
NORMAL_SPEED = 20

#: Where the gain of :func:`coloured` is drawn, in Hz, evenly as the ear hears.
_COLOUR_HZ = np.array([60.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])


def samples_needed(samples: int, speed: int) -> int:
    """Samples of a recording that :func:`at_speed` makes ``samples`` of."""
    return -(-samples * speed // NORMAL_SPEED)


def at_speed(wave: Array, speed: int, samples: int) -> Array:
    """Plays a recording faster or slower, pitch and all.

    Args:
        wave: Recording, :func:`samples_needed` samples.
        speed: Speed in twentieths of the normal one.
        samples: Samples to return.
    """
    return np.asarray(resample_poly(wave, NORMAL_SPEED, speed), np.float32)[:samples]


def coloured(wave: Array, rng: np.random.Generator, most_db: float) -> Array:
    """Filters a 16 kHz recording with a smooth random gain over frequency.

    Args:
        wave: Recording.
        rng: Source of the gains, drawn per octave.
        most_db: Largest gain or loss.
    """
    gains_db = rng.uniform(-most_db, most_db, len(_COLOUR_HZ))
    frequency_hz = np.fft.rfftfreq(len(wave), 1.0 / 16000.0)
    at_hz = np.log2(np.maximum(frequency_hz, _COLOUR_HZ[0]))
    gain_db = np.interp(at_hz, np.log2(_COLOUR_HZ), gains_db)
    return np.fft.irfft(np.fft.rfft(wave) * 10.0 ** (gain_db / 20.0), len(wave)).astype(np.float32)


def swelling(wave: Array, rng: np.random.Generator, most_db: float) -> Array:
    """Lets the level of a 16 kHz recording go up and down within seconds.

    Args:
        wave: Recording.
        rng: Source of the levels, drawn every half to two seconds.
        most_db: Largest gain or loss.
    """
    step = rng.uniform(0.5, 2.0) * 16000.0
    points = int(len(wave) / step) + 2
    gain_db = np.interp(
        np.arange(len(wave)), np.arange(points) * step, rng.uniform(-most_db, most_db, points)
    )
    return (wave * 10.0 ** (gain_db / 20.0)).astype(np.float32)
