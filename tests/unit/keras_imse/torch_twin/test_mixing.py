"""Batches from several processes: shared recordings, a fixed order, failures that are told."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from keras_imse.config import FrontendConfig
from keras_imse.errors import TrainingError
from keras_imse.torch_twin.mixing import BatchSource, CorpusFile, Recipe
from keras_imse.torch_twin.scoring import Scorer
from keras_imse.train.data import Corpus, load_corpus

RECIPE = Recipe(FrontendConfig(), batch_size=2, item_samples=2048, seed=3, first_step=0)


@pytest.fixture(scope="module")
def corpus(corpus_dir: Path) -> Corpus:
    return load_corpus(corpus_dir, "train")


def test_a_corpus_file_holds_every_recording(tmp_path: Path) -> None:
    random = np.random.default_rng(0)

    def wave(samples: int) -> np.ndarray:
        return random.standard_normal(samples).astype(np.float32)

    corpus = Corpus(
        (wave(5), wave(3)),
        {"rain": (wave(4),), "cars": (wave(2), wave(6))},
        ((wave(7), wave(7)), (wave(1), wave(1))),
    )
    again = CorpusFile.write(corpus, tmp_path / "corpus").read()
    assert list(again.noise) == ["rain", "cars"]
    expected = [*corpus.speech, *sum(corpus.noise.values(), ()), *sum(corpus.pairs, ())]
    found = [*again.speech, *sum(again.noise.values(), ()), *sum(again.pairs, ())]
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_processes_take_turns_and_end_promptly(corpus: Corpus) -> None:
    before = set(Path(tempfile.gettempdir()).glob("imse-mcu-*"))
    with BatchSource(corpus, RECIPE, 2) as source:
        found = [next(source) for _ in range(5)]
        processes, thread = source._processes, source._thread
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert not thread.is_alive()
    assert not any(process.is_alive() for process in processes)
    assert set(Path(tempfile.gettempdir()).glob("imse-mcu-*")) == before

    alone = [RECIPE.batches(corpus, worker) for worker in range(2)]
    for i, batch in enumerate(found):
        for part, expected in zip(batch, next(alone[i % 2]), strict=True):
            np.testing.assert_array_equal(part, expected)
        for j in range(i):
            assert np.abs(batch[1] - found[j][1]).max() > 1e-3


def test_a_resumed_run_sees_other_items(corpus: Corpus) -> None:
    later = Recipe(RECIPE.frontend, 2, 2048, seed=3, first_step=500)
    noisy = []
    for recipe in (RECIPE, later):
        with BatchSource(corpus, recipe, 0) as source:
            noisy.append(next(source)[1])
    assert noisy[0].shape == (2, 2048)
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3


def test_a_failure_while_mixing_reaches_the_trainer(corpus: Corpus) -> None:
    broken = Corpus((), corpus.noise, ())
    with (
        BatchSource(broken, RECIPE, 1) as batches,
        pytest.raises(TrainingError, match="mixing of training items failed: ZeroDivisionError"),
    ):
        next(batches)


def test_a_process_that_dies_is_told_and_stays_told(corpus: Corpus) -> None:
    with BatchSource(corpus, RECIPE, 1) as batches:
        next(batches)
        batches._processes[0].kill()
        with pytest.raises(TrainingError, match="ended with exit code -9"):
            for _ in range(20):
                next(batches)
        with pytest.raises(TrainingError, match="ended with exit code -9"):
            next(batches)


def test_scores_are_means_and_pesq_is_optional() -> None:
    random = np.random.default_rng(0)
    clean = random.standard_normal(16000).astype(np.float32)
    noise = random.standard_normal(16000).astype(np.float32)
    pairs = [(clean, clean + 0.1 * noise), (clean, clean + noise)]
    with Scorer(0, with_pesq=False) as scorer:
        scores = scorer.mean(pairs, 16000)
    assert list(scores) == ["si_sdr_db"]
    assert scores["si_sdr_db"] == pytest.approx(10.0, abs=0.5)


def test_pesq_is_scored_by_processes(corpus: Corpus) -> None:
    pytest.importorskip("pesq", reason="needs pesq")
    clean = corpus.speech[0]
    silence = np.zeros_like(clean)
    with Scorer(1, with_pesq=True) as scorer:
        scores = scorer.mean([(clean, clean), (silence, silence)], 16000)
        lost = scorer.mean([(silence, silence)], 16000)
    assert scores["pesq_wb"] > 4.5
    assert np.isnan(lost["pesq_wb"])
