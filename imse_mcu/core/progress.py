"""Progress on standard error: what is being done, how far it is, how long it took."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from imse_mcu.core.text import table

_QUIET_S = 2.0
_PLAIN_INTERVAL_S = 10.0
_TTY_INTERVAL_S = 0.2


@dataclass(frozen=True)
class StageTime:
    """What a finished step took.

    Attributes:
        title: The step; a part of one is indented.
        elapsed_s: Time that passed.
        processor_s: Time of processors on it, programs that were run included.
    """

    title: str
    elapsed_s: float
    processor_s: float


class _Clock:
    """Time since it was made, elapsed and of processors."""

    def __init__(self) -> None:
        self._start = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        times = os.times()
        processors = times.user + times.system + times.children_user + times.children_system
        return time.monotonic(), processors

    def read(self, title: str) -> StageTime:
        """Returns the time so far under a title."""
        now = self._now()
        return StageTime(title, now[0] - self._start[0], now[1] - self._start[1])


class Stage:
    """One step of a job; safe to update from any thread."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0
        self._detail = ""
        self._clock = _Clock()
        self._parts: list[StageTime] = []

    def update(self, done: int, total: int = 0, detail: str = "") -> None:
        """Says how far the step is.

        Args:
            done: Units finished.
            total: Units in all, 0 when not known.
            detail: What is being done right now.
        """
        with self._lock:
            if detail != self._detail:
                self._end_part()
            self._done, self._total, self._detail = done, total, detail

    def _end_part(self) -> None:
        if self._detail:
            self._parts.append(self._clock.read(f"  {self._detail}"))
        self._clock = _Clock()

    def parts(self) -> list[StageTime]:
        """Returns what the parts of the step took, by their ``detail``, and ends the last one."""
        with self._lock:
            self._end_part()
            return list(self._parts)

    def describe(self) -> str:
        """Returns progress as text, empty when nothing is known."""
        with self._lock:
            done, total, detail = self._done, self._total, self._detail
        parts = []
        if total > 0:
            parts.append(f"{100 * done // total} % ({done}/{total})")
        elif done:
            parts.append(str(done))
        if detail:
            parts.append(detail)
        return " ".join(parts)


class Reporter:
    """Shows the stages of a job as they run.

    On a terminal one line is kept up to date; elsewhere a line is printed when a stage has run for
    two seconds, every ten seconds after that and at its end. Stages shorter than that are silent.

    Args:
        stream: Where to print; standard error when None.
        enabled: Whether anything is printed.

    Attributes:
        times: What the finished stages took, in their order.
    """

    def __init__(self, stream: TextIO | None = None, *, enabled: bool = True) -> None:
        self._stream = stream
        self._enabled = enabled
        self.times: list[StageTime] = []

    @property
    def stream(self) -> TextIO:
        """The stream that is printed to."""
        return self._stream if self._stream is not None else sys.stderr

    def note(self, text: str) -> None:
        """Prints one line that the user should see."""
        if self._enabled:
            print(text, file=self.stream, flush=True)

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        """Shows a step while the body runs.

        Args:
            title: What is done, for example "quantizing imse-stream (int8)".

        Yields:
            The stage, to be told how far the work is.
        """
        stage, clock = Stage(title), _Clock()
        if not self._enabled:
            yield stage
            return
        finished = threading.Event()
        started = time.monotonic()
        shown = threading.Event()
        ticker = threading.Thread(
            target=self._tick, args=(stage, finished, shown, started), daemon=True
        )
        ticker.start()
        try:
            yield stage
        except BaseException:
            finished.set()
            ticker.join()
            if shown.is_set() and self._is_tty():
                print(file=self.stream, flush=True)
            raise
        finished.set()
        ticker.join()
        self.times += [clock.read(title), *stage.parts()]
        if shown.is_set():
            start = "\r\033[K" if self._is_tty() else ""
            elapsed = time.monotonic() - started
            print(f"{start}{title}: done in {elapsed:.1f} s", file=self.stream, flush=True)

    def describe_times(self) -> str:
        """Returns a table of what the finished stages took, empty when there were none."""
        if not self.times:
            return ""
        rows = [
            (each.title, f"{each.elapsed_s:.1f} s", f"{each.processor_s:.1f} s")
            for each in self.times
        ]
        return table(("stage", "elapsed", "processors"), rows)

    def _is_tty(self) -> bool:
        return self.stream.isatty()

    def _tick(
        self, stage: Stage, finished: threading.Event, shown: threading.Event, started: float
    ) -> None:
        """Prints the state of a stage until it is finished."""
        if finished.wait(_QUIET_S):
            return
        tty = self._is_tty()
        while not finished.is_set():
            shown.set()
            text = stage.describe()
            line = f"{stage.title}: {text or 'working'}, {time.monotonic() - started:.0f} s"
            print(f"\r\033[K{line}" if tty else line, end="" if tty else "\n", file=self.stream)
            self.stream.flush()
            finished.wait(_TTY_INTERVAL_S if tty else _PLAIN_INTERVAL_S)
