"""Training material: speech and noise folders, mixed on the fly, or clean/noisy pairs.

A data folder has either ``speech/`` and ``noise/`` or ``clean/`` and ``noisy/`` (pairs by file
name); speech beside pairs needs noise too, else it is not used. A ``speech_meta.csv`` /
``noise_meta.csv`` / ``noisy_meta.csv`` beside them with columns ``path``, ``split`` (``train`` /
``val``, or ``test``, which is never read) and, for noise, ``type`` decides the split and balances
noise types; otherwise every tenth file by name is for validation.
"""

from __future__ import annotations

import contextlib
import csv
import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from keras_imse.errors import TrainingInputError
from keras_imse.train import augment

Array = NDArray[np.float32]

SUFFIXES = (".wav", ".flac")

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Corpus:
    """Recordings of one split held in memory.

    Attributes:
        speech: Clean recordings.
        noise: Noise recordings by type.
        pairs: ``(clean, noisy)`` recordings, aligned.
    """

    speech: tuple[Array, ...]
    noise: dict[str, tuple[Array, ...]]
    pairs: tuple[tuple[Array, Array], ...]

    @property
    def mixable(self) -> tuple[Array, ...]:
        """Clean recordings that there is noise for."""
        return self.speech if self.noise else ()

    @property
    def items(self) -> int:
        """Recordings that training items are made of."""
        return len(self.pairs) + len(self.mixable)

    @property
    def seconds(self) -> float:
        """Seconds of clean speech at 16 kHz that training items are made of."""
        clean = [*self.mixable, *(pair[0] for pair in self.pairs)]
        return sum(len(x) for x in clean) / 16000.0


def _read(path: Path, sample_rate_hz: int) -> Array:
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except (RuntimeError, OSError) as error:
        raise TrainingInputError(f"recording '{path}' cannot be read: {error}") from error
    if rate != sample_rate_hz or wave.ndim != 1:
        raise TrainingInputError(
            f"recording '{path}' has {rate} Hz and {wave.ndim} dimension(s), "
            f"training needs {sample_rate_hz} Hz mono",
            hint=f"convert it: sox in.wav -r {sample_rate_hz} -c 1 out.wav",
        )
    if len(wave) < sample_rate_hz // 2 or not np.isfinite(wave).all():
        raise TrainingInputError(f"recording '{path}' is shorter than half a second or not finite")
    return np.asarray(wave, np.float32)


def _listed(
    root: Path, kind: str, split: str, licences: tuple[str, ...] = ("",)
) -> list[tuple[Path, str]]:
    """Returns (path, type) of the recordings of a split whose licence starts as one of those."""
    meta = root / f"{kind}_meta.csv"
    if meta.is_file():
        return [
            (root / r["path"], r.get("type") or kind)
            for r in _rows(meta, kind)
            if r["split"] == split and (r.get("license") or "").startswith(licences)
        ]
    files = sorted(f for f in (root / kind).rglob("*") if f.suffix.lower() in SUFFIXES)
    chosen = [f for i, f in enumerate(files) if (i % 10 == 9) == (split == "val")]
    return [(f, f.parent.name) for f in chosen]


def _rows(meta: Path, kind: str) -> list[dict[str, str]]:
    """Reads the table of the recordings of a kind.

    Raises:
        TrainingInputError: It is no such table, a row has no split, or a noisy recording is not
            where its clean partner could be found.
    """
    try:
        with meta.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingInputError(f"'{meta}' cannot be read: {error}") from error
    for column in ("path", "split"):
        if column not in (reader.fieldnames or ()):
            raise TrainingInputError(
                f"'{meta}' has no column '{column}'",
                hint="columns: path, split, and for noise type",
            )
    for line, row in rows:
        split, path = row["split"] or "", row["path"] or ""
        if split not in SPLITS:
            raise TrainingInputError(
                f"'{meta}' line {line}: split '{split}', expected one of {', '.join(SPLITS)}"
            )
        if not path or (kind == "noisy" and not Path(path).is_relative_to(kind)):
            raise TrainingInputError(
                f"'{meta}' line {line}: path '{path}', expected that of a recording"
                + (" inside noisy/" if kind == "noisy" else "")
            )
    return [row for _, row in rows]


def _check_partners(root: Path) -> None:
    """Refuses clean recordings without a noisy one: the folders do not belong together."""
    if (root / "noisy_meta.csv").is_file():
        return
    names = {
        kind: {
            f.relative_to(root / kind)
            for f in (root / kind).rglob("*")
            if f.suffix.lower() in SUFFIXES
        }
        for kind in ("clean", "noisy")
    }
    alone = sorted(names["clean"] - names["noisy"])
    if alone:
        raise TrainingInputError(
            f"clean recording '{root / 'clean' / alone[0]}' has no noisy partner of the same name "
            f"({len(alone)} of {len(names['clean'])} have none)",
            hint="clean/ and noisy/ hold the same file names, as VoiceBank+DEMAND does",
        )


def load_corpus(
    root: Path,
    split: str,
    sample_rate_hz: int = 16000,
    *,
    noise_licences: tuple[str, ...] = ("",),
) -> Corpus:
    """Reads the recordings of one split.

    Args:
        root: Data folder, see the module.
        split: ``train`` or ``val``.
        sample_rate_hz: Required sample rate.
        noise_licences: Beginnings of the accepted values of the noise table's ``license``.

    Returns:
        The recordings.

    Raises:
        TrainingInputError: The folder has no usable material, or a recording cannot be used.
    """
    if not root.is_dir():
        raise TrainingInputError(f"data folder '{root}' does not exist")
    pairs = []
    if (root / "clean").is_dir() and (root / "noisy").is_dir():
        _check_partners(root)
        for path, _ in _listed(root, "noisy", split):
            clean = root / "clean" / path.relative_to(root / "noisy")
            if not clean.is_file():
                raise TrainingInputError(f"noisy recording '{path}' has no clean partner '{clean}'")
            a, b = _read(clean, sample_rate_hz), _read(path, sample_rate_hz)
            if len(a) != len(b):
                raise TrainingInputError(
                    f"pair '{path.name}': clean has {len(a)} samples, noisy {len(b)}"
                )
            pairs.append((a, b))
    speech = [_read(p, sample_rate_hz) for p, _ in _listed(root, "speech", split)]
    noise: dict[str, list[Array]] = {}
    for path, kind in _listed(root, "noise", split, noise_licences):
        noise.setdefault(kind, []).append(_read(path, sample_rate_hz))
    if not pairs and not (speech and noise):
        raise TrainingInputError(
            f"data folder '{root}' has no recordings for the '{split}' split",
            hint="it needs speech/ and noise/, or clean/ and noisy/ with equal names "
            "(16 kHz mono wav or flac; at least ten of each, every tenth is for validation)",
        )
    return Corpus(tuple(speech), {k: tuple(v) for k, v in noise.items()}, tuple(pairs))


class Mixer:
    """Draws training items from a corpus.

    Speech and noise get random filters, SNR -5…20 dB, level -40…-12 dBFS; noise types are drawn
    evenly, with synthetic coloured noise, babble made of speech and mixtures of two noises; a few
    items are clean only or noise only. A share of them can be almost clean, 20…40 dB: what needs no
    enhancement must come out as it went in. Another share can get a low end as close microphones
    and vehicles have it: speech without rumble but with more or less bass, noise with rumble.
    A third share plays recordings at other speeds and gives noise another colour and swell
    (:mod:`keras_imse.train.augment`).

    Args:
        corpus: Recordings.
        samples: Length of an item.
        seed: Seed of everything drawn.
        near_clean: Share of items that are almost clean.
        low_end: Share of items whose low end is drawn.
        variety: Share of recordings that are played at another speed, and of noises that get
            another colour or swell.
    """

    def __init__(
        self,
        corpus: Corpus,
        samples: int,
        seed: int,
        *,
        near_clean: float = 0.0,
        low_end: float = 0.0,
        variety: float = 0.0,
    ) -> None:
        self.corpus = corpus
        self.near_clean = near_clean
        self.low_end = low_end
        self.variety = variety
        self.samples = samples
        self.rng = np.random.default_rng(seed)
        self.types = sorted(corpus.noise)

    def _crop(self, wave: Array, samples: int) -> Array:
        if len(wave) < samples:
            wave = np.tile(wave, -(-samples // len(wave)))
        start = int(self.rng.integers(0, len(wave) - samples + 1))
        return wave[start : start + samples].copy()

    def _varies(self) -> bool:
        return bool(self.variety) and self.rng.random() < self.variety

    def _part(self, wave: Array, speeds: tuple[int, ...]) -> Array:
        """An item's length of a recording, at its own or another speed."""
        if not self._varies():
            return self._crop(wave, self.samples)
        speed = speeds[int(self.rng.integers(len(speeds)))]
        part = self._crop(wave, augment.samples_needed(self.samples, speed))
        return augment.at_speed(part, speed, self.samples)

    def _filter(self, wave: Array) -> Array:
        r = self.rng.uniform(-0.375, 0.375, 4)
        return np.asarray(lfilter([1.0, r[0], r[1]], [1.0, r[2], r[3]], wave), np.float32)

    def _bass(self, speech: Array) -> Array:
        """Removes rumble below speech and moves the level of its lowest octaves.

        Read speech that was published as MP3 has little bass and some rumble. A close microphone
        has a tenth of the power in the first harmonic, with nothing below.
        """
        rng = self.rng
        rumble_free = butter(2, rng.uniform(40.0, 90.0), "highpass", fs=16000, output="sos")
        bass = butter(1, rng.uniform(120.0, 400.0), "lowpass", fs=16000, output="sos")
        gain = np.float32(10 ** (rng.uniform(-6.0, 12.0) / 20) - 1.0)
        speech = np.asarray(sosfilt(rumble_free, speech), np.float32)
        return speech + gain * np.asarray(sosfilt(bass, speech), np.float32)

    def _rumble(self) -> Array:
        """Noise of engines and handling: most of its power lies below speech."""
        white = self.rng.standard_normal(self.samples)
        brown = lfilter([1.0], [1.0, -0.995], white)
        low = butter(1, self.rng.uniform(40.0, 150.0), "lowpass", fs=16000, output="sos")
        return np.asarray(sosfilt(low, brown), np.float32)

    def _speech(self) -> Array:
        speech = self.corpus.speech[int(self.rng.integers(len(self.corpus.speech)))]
        return self._part(speech, augment.SPEECH_SPEEDS)

    def _recorded_noise(self) -> Array:
        waves = self.corpus.noise[self.types[int(self.rng.integers(len(self.types)))]]
        return self._part(waves[int(self.rng.integers(len(waves)))], augment.NOISE_SPEEDS)

    def _noise(self) -> Array:
        rng = self.rng
        draw = rng.random()
        if draw < 0.2:
            tilt = rng.uniform(0.0, 0.97)
            white = rng.standard_normal(self.samples)
            noise = np.asarray(lfilter([1.0], [1.0, -tilt], white), np.float32)
            if rng.random() < 0.3:
                rate = rng.uniform(0.5, 8.0) * 2 * np.pi / 16000.0
                noise *= 1.0 + 0.9 * np.sin(rate * np.arange(self.samples) + rng.uniform(0, 6.28))
            return noise
        if draw < 0.35:
            voices = [self._speech() for _ in range(int(rng.integers(3, 7)))]
            return np.asarray(sum(v / (np.sqrt(np.mean(v**2)) + 1e-6) for v in voices), np.float32)
        noise = self._recorded_noise()
        if rng.random() < 0.4:
            noise = noise + self._recorded_noise() * np.float32(rng.uniform(0.2, 1.0))
        return noise

    def item(self) -> tuple[Array, Array]:
        """Returns one ``(clean, noisy)`` item of ``samples`` samples each."""
        rng, corpus = self.rng, self.corpus
        if rng.random() < len(corpus.pairs) / corpus.items:
            clean, noisy = corpus.pairs[int(rng.integers(len(corpus.pairs)))]
            both = np.stack([clean, noisy])
            if both.shape[1] < self.samples:
                both = np.tile(both, (1, -(-self.samples // both.shape[1])))
            start = int(rng.integers(0, both.shape[1] - self.samples + 1))
            both = both[:, start : start + self.samples]
            gain = np.float32(10 ** (rng.uniform(-10, 6) / 20))
            return both[0] * gain, both[1] * gain
        speech = self._speech()
        if rng.random() < 0.6:
            speech = self._filter(speech)
        low_end = bool(self.low_end) and rng.random() < self.low_end
        if low_end:
            speech = self._bass(speech)
        noise = self._noise()
        if rng.random() < 0.7:
            noise = self._filter(noise)
        if self._varies():
            noise = augment.coloured(noise, rng, 12.0)
        if self._varies():
            noise = augment.swelling(noise, rng, 6.0)
        snr_db = rng.uniform(-5.0, 20.0)
        if self.near_clean and rng.random() < self.near_clean:
            snr_db = rng.uniform(20.0, 40.0)
        level = 10 ** (rng.uniform(-40.0, -12.0) / 20)
        speech *= np.float32(level / (np.sqrt(np.mean(speech**2)) + 1e-6))
        noise *= np.float32(level * 10 ** (-snr_db / 20) / (np.sqrt(np.mean(noise**2)) + 1e-8))
        if low_end and snr_db <= 20.0:  # what is almost clean stays so
            rumble = self._rumble()
            rumble_db = rng.uniform(-25.0, 8.0)
            rumble *= np.float32(level * 10 ** (rumble_db / 20) / np.sqrt(np.mean(rumble**2)))
            noise += rumble
        kind = rng.random()
        if kind < 0.02:
            noise = np.zeros_like(noise)
        elif kind < 0.04:
            speech = np.zeros_like(speech)
        noisy = speech + noise
        peak = float(np.abs(noisy).max())
        if peak > 0.99:
            speech, noisy = speech * (0.99 / peak), noisy * (0.99 / peak)
        return speech.astype(np.float32), noisy.astype(np.float32)

    def batch(self, size: int) -> tuple[Array, Array]:
        """Returns ``(clean, noisy)``, each ``(size, samples)``."""
        items = [self.item() for _ in range(size)]
        return np.stack([i[0] for i in items]), np.stack([i[1] for i in items])


def background_batches(
    mixer: Mixer, size: int, depth: int = 6
) -> Generator[tuple[Array, Array], None, None]:
    """Yields batches mixed ahead of the training step in a thread of their own.

    The thread ends when the generator is closed.
    """
    ready: queue.Queue[tuple[Array, Array] | Exception] = queue.Queue(depth)
    stop = threading.Event()

    def work() -> None:
        entry: tuple[Array, Array] | Exception
        while not stop.is_set():
            try:
                entry = mixer.batch(size)
            except Exception as error:  # noqa: BLE001 - handed to the consumer, which raises it
                entry = error
            while not stop.is_set():
                with contextlib.suppress(queue.Full):
                    ready.put(entry, timeout=0.1)
                    break
            if isinstance(entry, Exception):
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            entry = ready.get()
            if isinstance(entry, Exception):
                raise entry
            yield entry
    finally:
        stop.set()
        thread.join()
