"""Validation metrics of many recordings, over several processes. No PyTorch here."""

from __future__ import annotations

import importlib.util
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np

from imse_mcu.core.metrics import si_sdr_db
from keras_imse.train.data import Array
from keras_imse.train.metrics import mean_of_known, validation_pesq


def metric_that_chooses() -> str:
    """Name of the metric that decides which weights are kept: PESQ-WB where it is installed."""
    return "pesq_wb" if importlib.util.find_spec("pesq") is not None else "si_sdr_db"


def _scores(clean: Array, enhanced: Array, sample_rate_hz: int, with_pesq: bool) -> list[float]:
    pesq = [validation_pesq(clean, enhanced, sample_rate_hz)] if with_pesq else []
    return [si_sdr_db(clean, enhanced), *pesq]


class Scorer:
    """Scores recordings; use it as a context manager.

    Args:
        workers: Processes for PESQ; 0 scores in this process.
        with_pesq: Whether to compute PESQ-WB beside SI-SDR.
    """

    def __init__(self, workers: int, *, with_pesq: bool) -> None:
        self.with_pesq = with_pesq
        self._pool: ProcessPoolExecutor | None = None
        if workers and with_pesq:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, mp_context=context)

    def mean(self, pairs: Sequence[tuple[Array, Array]], sample_rate_hz: int) -> dict[str, float]:
        """Returns the mean of each metric over ``(clean, enhanced)`` pairs.

        PESQ leaves out recordings that it finds no speech in; NaN if that is all of them.
        """
        count = len(pairs)
        columns = (
            [clean for clean, _ in pairs],
            [enhanced for _, enhanced in pairs],
            [sample_rate_hz] * count,
            [self.with_pesq] * count,
        )
        apply = map if self._pool is None else self._pool.map
        table = np.array(list(apply(_scores, *columns)))
        metrics = {"si_sdr_db": mean_of_known(list(table[:, 0]))}
        if self.with_pesq:
            metrics["pesq_wb"] = mean_of_known(list(table[:, 1]))
        return metrics

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
