"""What speech scores do not show: clean speech, silence, levels, jumps, loud noise, music.

Every trial runs the integer model on this machine as the firmware does, sample for sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.audio_io import read_audio
from imse_mcu.core.metrics import si_sdr_db
from imse_mcu.core.progress import Reporter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imse_mcu.host import HostModel
    from quantize.accuracy import Pair

    Wave = NDArray[np.float32]

#: Levels of the noisy input that must be handled alike, dBFS RMS.
LEVELS_DBFS = (-50.0, -40.0, -30.0, -20.0)
LOUDEST_PEAK_DBFS = -3.0

MAX_PAIRS = 4
#: Long enough for whole utterances: scores of a sentence cut short say little.
SECONDS = 10


@dataclass(frozen=True)
class Trial:
    """One figure with its limit.

    Attributes:
        name: What was tried.
        value: Figure, the mean over the recordings where there are several.
        unit: Unit of the figure.
        limit: What it must not fall below or rise above.
        at_least: Whether the limit is a lower one.
    """

    name: str
    value: float
    unit: str
    limit: float
    at_least: bool

    @property
    def passed(self) -> bool:
        """Whether the limit is met; a figure that is no number never does."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Returns the trial as plain data."""
        return {**asdict(self), "value": round(self.value, 3), "passed": self.passed}


def stress(
    folder: Path,
    pairs: Sequence[Pair],
    reporter: Reporter,
    *,
    most: int = MAX_PAIRS,
    engine: str = "tflm",
) -> tuple[Trial, ...]:
    """Tries the integer model of a build.

    Args:
        folder: Build folder.
        pairs: Recordings; the first ``most`` are used, ten seconds of each.
        reporter: Progress.
        most: Number of recordings.
        engine: What computes int8, see :data:`imse_mcu.engines.ENGINES`.

    Returns:
        The trials in a fixed order.

    Raises:
        ImseMcuError: If the folder is no build or a recording cannot be used.
    """
    host = replace(BuildFolder.open(folder).host_model(), engine=engine)
    rate = host.frontend.sample_rate_hz

    def excerpt(path: Path) -> Wave:
        return read_audio(path).samples[: SECONDS * rate]

    used = [(excerpt(pair.clean), excerpt(pair.noisy)) for pair in pairs[:most]]
    trials = []
    jobs = (_clean_speech, _silence, _levels, _jump, _loud_noise, _music)
    with reporter.stage(f"trying clean speech, silence, levels and more on {len(used)}") as stage:
        for number, job in enumerate(jobs):
            stage.update(number, len(jobs), job.__name__.strip("_").replace("_", " "))
            trials += job(host, used)
    return tuple(trials)


def _enhance(host: HostModel, wave: Wave) -> Wave:
    import numpy as np

    pcm = host.enhance(np.clip(wave, -1.0, 32767.0 / 32768.0).astype(np.float32), "int8")
    return pcm.astype(np.float32) / np.float32(32768.0)


def _rms(wave: Wave) -> float:
    import numpy as np

    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))


def _db(ratio: float) -> float:
    import math

    return 20.0 * math.log10(max(ratio, 1e-6))


def _mean(values: Sequence[float]) -> float:
    import numpy as np

    return float(np.mean(values))


def _clean_speech(host: HostModel, used: Sequence[tuple[Wave, Wave]]) -> list[Trial]:
    from quantize.metrics import score_speech

    rate = host.frontend.sample_rate_hz
    scores = [
        score_speech(clean, _enhance(host, clean), rate, name="clean speech") for clean, _ in used
    ]
    return [
        Trial("clean speech in: PESQ-WB", _mean([s.pesq_wb for s in scores]), "", 4.0, True),
        Trial("clean speech in: SI-SDR", _mean([s.si_sdr_db for s in scores]), "dB", 20.0, True),
    ]


def _silence(host: HostModel, used: Sequence[tuple[Wave, Wave]]) -> list[Trial]:
    """Silence from the start, and after speech: nothing may ring on."""
    import numpy as np

    rate, n_fft = host.frontend.sample_rate_hz, host.frontend.n_fft
    rest = np.zeros(rate, np.float32)
    fresh = float(np.abs(_enhance(host, rest)).max()) * 32768.0
    after = _enhance(host, np.concatenate([used[0][1], rest]))[-rate + n_fft :]
    return [
        Trial("silence in: largest sample", fresh, "LSB", 1.0, False),
        Trial(
            "silence after speech: largest sample",
            float(np.abs(after).max()) * 32768.0,
            "LSB",
            1.0,
            False,
        ),
    ]


def _levels(host: HostModel, used: Sequence[tuple[Wave, Wave]]) -> list[Trial]:
    """The worst SI-SDR of all levels against the best."""
    import numpy as np

    means = []
    for level in (*LEVELS_DBFS, None):
        values = []
        for clean, noisy in used:
            if level is None:
                factor = 10.0 ** (LOUDEST_PEAK_DBFS / 20.0) / float(np.abs(noisy).max())
            else:
                factor = 10.0 ** (level / 20.0) / _rms(noisy)
            values.append(si_sdr_db(clean, _enhance(host, noisy * np.float32(factor))))
        means.append(_mean(values))
    spread = max(means) - min(means)
    return [
        Trial("-50 dBFS RMS to -3 dBFS peak: spread of SI-SDR", spread, "dB", 1.5, False),
    ]


def _jump(host: HostModel, used: Sequence[tuple[Wave, Wave]]) -> list[Trial]:
    """A step of 30 dB up: the output must follow its input without a click of its own."""
    import numpy as np

    worst = 0.0
    for _, noisy in used:
        half = len(noisy) // 2
        level = np.float32(0.1 / _rms(noisy))
        wave = np.clip(noisy * level, -1.0, 1.0)
        wave[:half] *= np.float32(10.0 ** (-30.0 / 20.0))
        steps_in, steps_out = np.abs(np.diff(wave)), np.abs(np.diff(_enhance(host, wave)))
        window = slice(half - 800, half + 3200)
        worst = max(worst, float(steps_out[window].max() / steps_in[window].max()))
    return [Trial("level jump of 30 dB: largest step against input", worst, "", 1.5, False)]


def _loud_noise(host: HostModel, used: Sequence[tuple[Wave, Wave]]) -> list[Trial]:
    """Noise alone just below full scale: reduced, never amplified, never wrapped around."""
    import numpy as np

    del used
    rng = np.random.default_rng(0)
    rate = host.frontend.sample_rate_hz
    noise = np.clip(0.7 * rng.standard_normal(2 * rate), -1.0, 1.0).astype(np.float32)
    enhanced = _enhance(host, noise)[rate // 2 :]
    change = _db(_rms(enhanced) / _rms(noise))
    return [Trial("noise at -3 dBFS: level of the output", change, "dB", -6.0, False)]


def _music(host: HostModel, used: Sequence[tuple[Wave, Wave]]) -> list[Trial]:
    """Chords: may be reduced as noise, may not be amplified or rung on."""
    import numpy as np

    del used
    rate = host.frontend.sample_rate_hz
    time = np.arange(rate) / rate
    chords = []
    for root in (220.0, 174.6, 261.6):
        notes = [root * ratio * h for ratio in (1.0, 1.26, 1.5) for h in (1, 2, 3, 4)]
        tone = sum(np.sin(2 * np.pi * f * time) / (1 + i % 4) for i, f in enumerate(notes))
        chords.append(tone * np.exp(-1.5 * time))
    wave = np.concatenate(chords).astype(np.float32)
    wave *= np.float32(0.2 / np.abs(wave).max())
    enhanced = _enhance(host, wave)
    frames_in = np.sqrt(np.mean(wave[: len(wave) // 512 * 512].reshape(-1, 512) ** 2, axis=1))
    frames_out = np.sqrt(np.mean(enhanced[: len(wave) // 512 * 512].reshape(-1, 512) ** 2, axis=1))
    worst = _db(float((frames_out / (frames_in + 1e-4)).max()))
    return [Trial("chords: loudest frame against input", worst, "dB", 3.0, False)]
