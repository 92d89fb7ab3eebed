"""Training batches mixed by several processes, ahead of a fast device.

The recordings are written once to a temporary file that every process maps, so their memory is
shared. Batches are taken from the processes in turn: for a given seed and number of processes the
order is always the same. Nothing here imports PyTorch, so that the processes stay small.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from keras_imse.config import FrontendConfig
from keras_imse.errors import TrainingError
from keras_imse.train.data import Array, Corpus, Mixer
from keras_imse.train.settings import training_inputs

Batch = tuple[Array, Array, Array]
"""Clean and noisy items of one level and gains, see :func:`training_inputs`."""

READY_BATCHES = 4
"""Batches that wait for the training step in this process."""


@dataclass(frozen=True)
class CorpusFile:
    """A corpus in one file of float32 samples, to be mapped into memory.

    Attributes:
        path: The file.
        speech: Samples of each clean recording.
        noise: Samples of each noise recording by type.
        pairs: Samples of each ``(clean, noisy)`` pair.
    """

    path: Path
    speech: tuple[int, ...]
    noise: dict[str, tuple[int, ...]]
    pairs: tuple[int, ...]

    @staticmethod
    def write(corpus: Corpus, path: Path) -> CorpusFile:
        """Writes a corpus."""
        with path.open("wb") as file:
            for wave in corpus.speech:
                wave.tofile(file)
            for waves in corpus.noise.values():
                for wave in waves:
                    wave.tofile(file)
            for pair in corpus.pairs:
                for wave in pair:
                    wave.tofile(file)
        return CorpusFile(
            path,
            tuple(len(wave) for wave in corpus.speech),
            {kind: tuple(len(w) for w in waves) for kind, waves in corpus.noise.items()},
            tuple(len(clean) for clean, _ in corpus.pairs),
        )

    def read(self) -> Corpus:
        """Maps the corpus; recordings are read when they are used."""
        samples = np.asarray(np.memmap(self.path, np.float32, mode="r"))
        position = 0

        def take(length: int) -> Array:
            nonlocal position
            position += length
            return samples[position - length : position]

        speech = tuple(take(n) for n in self.speech)
        noise = {kind: tuple(take(n) for n in lengths) for kind, lengths in self.noise.items()}
        return Corpus(speech, noise, tuple((take(n), take(n)) for n in self.pairs))


@dataclass(frozen=True)
class Recipe:
    """What the batches of a run are made of.

    Attributes:
        frontend: Front end.
        batch_size: Items per batch.
        item_samples: Samples per item.
        seed: Seed of the run.
        first_step: Step that the run starts or resumes at; other steps, other items.
        near_clean: Share of items that are almost clean.
        low_end: Share of items whose low end is drawn.
        variety: Share of recordings that are changed, see :class:`Mixer`.
    """

    frontend: FrontendConfig
    batch_size: int
    item_samples: int
    seed: int
    first_step: int
    near_clean: float = 0.0
    low_end: float = 0.0
    variety: float = 0.0

    def batches(self, corpus: Corpus, worker: int) -> Iterator[Batch]:
        """Yields batches without end; every worker has items of its own."""
        sequence = np.random.SeedSequence([self.seed, self.first_step, worker])
        seed = int(sequence.generate_state(1)[0])
        mixer = Mixer(
            corpus,
            self.item_samples,
            seed,
            near_clean=self.near_clean,
            low_end=self.low_end,
            variety=self.variety,
        )
        while True:
            yield training_inputs(*mixer.batch(self.batch_size), self.frontend)


def _work(corpus: CorpusFile, recipe: Recipe, worker: int, connection: Connection) -> None:
    """Sends batches, each mixed while the one before waits, until the reader goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for batch in recipe.batches(corpus.read(), worker):
            connection.send(batch)
    except (BrokenPipeError, ConnectionResetError):
        return  # the reader went away
    except Exception as error:  # noqa: BLE001 - handed to the reader, which raises it
        connection.send(f"{type(error).__name__}: {error}")


class BatchSource:
    """Iterator over batches that are mixed in the background; use it as a context manager.

    Args:
        corpus: Recordings.
        recipe: What the batches are made of.
        workers: Mixing processes; with 0 a thread of this process mixes.
    """

    def __init__(self, corpus: Corpus, recipe: Recipe, workers: int) -> None:
        self._stop = threading.Event()
        self._ready: queue.Queue[Batch | Exception] = queue.Queue(READY_BATCHES)
        self._processes: list[SpawnProcess] = []
        self._resources = contextlib.ExitStack()
        if workers:
            folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="imse-mcu-"))
            stored = CorpusFile.write(corpus, Path(folder) / "corpus.f32")
            batches = self._from_processes(stored, recipe, workers)
        else:
            batches = recipe.batches(corpus, 0)
        self._thread = threading.Thread(target=self._fill, args=(batches,), daemon=True)
        self._thread.start()

    def _from_processes(self, corpus: CorpusFile, recipe: Recipe, workers: int) -> Iterator[Batch]:
        """Starts the processes and returns an iterator that asks them in turn."""
        # Spawned, not forked: this process has threads of PyTorch and perhaps a device open.
        context = multiprocessing.get_context("spawn")
        readers = []
        for worker in range(workers):
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(corpus, recipe, worker, writer), daemon=True
            )
            process.start()
            writer.close()
            self._processes.append(process)
            readers.append(self._resources.enter_context(reader))

        def in_turn() -> Iterator[Batch]:
            while True:
                for process, reader in zip(self._processes, readers, strict=True):
                    try:
                        entry = reader.recv()
                    except (EOFError, OSError):
                        process.join(10.0)
                        raise TrainingError(
                            f"a mixing process ended with exit code {process.exitcode}",
                            hint="out of memory? use fewer --workers; the last checkpoint is kept",
                        ) from None
                    if isinstance(entry, str):
                        raise TrainingError(f"mixing of training items failed: {entry}")
                    yield entry

        return in_turn()

    def _fill(self, batches: Iterator[Batch]) -> None:
        """Moves batches to the queue until the source is closed."""
        entry: Batch | Exception
        while not self._stop.is_set():
            try:
                entry = next(batches)
            except Exception as error:  # noqa: BLE001 - handed to the consumer, which raises it
                entry = error
            while not self._stop.is_set():
                with contextlib.suppress(queue.Full):
                    self._ready.put(entry, timeout=0.1)
                    break
            if isinstance(entry, Exception):
                return

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        """Returns the next batch.

        Raises:
            TrainingError: A mixing process failed.
        """
        entry = self._ready.get()
        if isinstance(entry, Exception):
            self._ready.put(entry)
            raise entry
        return entry

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for process in self._processes:
            process.terminate()
        self._thread.join()  # its reader is at its end now
        for process in self._processes:
            process.join()
        self._resources.close()
