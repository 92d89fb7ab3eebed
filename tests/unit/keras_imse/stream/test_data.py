"""Data folders: what belongs together, tables, mixing ahead."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_imse.errors import TrainingError
from keras_imse.train.data import Corpus, Mixer, background_batches, load_corpus


def _write(path: Path, wave: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, 16000)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(3):
        wave = 0.1 * rng.standard_normal(16000)
        _write(tmp_path / "clean" / f"{i}.wav", wave)
        _write(tmp_path / "noisy" / f"{i}.wav", 2 * wave)
    return tmp_path


def test_speech_beside_pairs_needs_noise() -> None:
    wave = np.full(16000, 0.1, np.float32)
    without = Corpus((wave,) * 3, {}, ((wave, 2 * wave),))
    assert (without.items, without.seconds) == (1, 1.0)
    mixer = Mixer(without, 8000, seed=0)
    for _ in range(20):
        clean, noisy = mixer.item()
        np.testing.assert_allclose(noisy, 2 * clean)
    both = Corpus((wave,) * 3, {"hum": (wave,)}, ((wave, 2 * wave),))
    assert (both.items, both.seconds) == (4, 4.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,split\nnoisy/0.wav,train\n", "has no column 'path'"),
        ("path\nnoisy/0.wav\n", "has no column 'split'"),
        ("path,split\nnoisy/0.wav,train\nnoisy/1.wav,Train\n", r"line 3: split 'Train', expected"),
        ("path,split\nnoisy/0.wav\n", r"line 2: split '', expected one of train, val, test"),
        ("path,split\n../0.wav,train\n", r"line 2: path '\.\./0\.wav', .* inside noisy/"),
        ("path,split\n,train\n", "line 2: path '', expected that of a recording"),
    ],
)
def test_mistakes_in_a_table_are_named(pairs: Path, table: str, message: str) -> None:
    (pairs / "noisy_meta.csv").write_text(table, "utf-8")
    with pytest.raises(TrainingError, match=message):
        load_corpus(pairs, "train")


def test_a_table_decides_the_split(pairs: Path) -> None:
    table = "path,split\nnoisy/0.wav,train\nnoisy/1.wav,test\nnoisy/2.wav,val\n"
    (pairs / "noisy_meta.csv").write_text(table, "utf-8")
    assert [len(load_corpus(pairs, split).pairs) for split in ("train", "val")] == [1, 1]


def test_partners_are_found_whatever_their_case(pairs: Path) -> None:
    _write(pairs / "clean" / "3.WAV", np.full(16000, 0.1))
    with pytest.raises(TrainingError, match=r"3\.WAV' has no noisy partner"):
        load_corpus(pairs, "train")


@pytest.mark.parametrize("full", [False, True])
def test_mixing_ahead_ends_with_its_reader(full: bool) -> None:
    wave = np.full(16000, 0.1, np.float32)
    before = set(threading.enumerate())
    batches = background_batches(Mixer(Corpus((), {}, ((wave, wave),)), 8000, seed=0), 2, depth=1)
    assert next(batches)[0].shape == (2, 8000)
    (worker,) = set(threading.enumerate()) - before
    if full:
        worker.join(0.3)  # it waits for room
    batches.close()
    assert not worker.is_alive()


def test_mistakes_of_mixing_reach_the_reader() -> None:
    mixer = Mixer(Corpus((), {}, ()), 8000, seed=0)
    with pytest.raises(ZeroDivisionError):
        next(background_batches(mixer, 2))
