"""Progress on standard error: what is being done, how far it is, how long it took."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

_QUIET_S = 2.0
_PLAIN_INTERVAL_S = 10.0
_TTY_INTERVAL_S = 0.2


class Stage:
    """One step of a job; safe to update from any thread."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._lock = threading.Lock()
        self._done = 0
        self._total = 0
        self._detail = ""

    def update(self, done: int, total: int = 0, detail: str = "") -> None:
        """Says how far the step is.

        Args:
            done: Units finished.
            total: Units in all, 0 when not known.
            detail: What is being done right now.
        """
        with self._lock:
            self._done, self._total, self._detail = done, total, detail

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
    """

    def __init__(self, stream: TextIO | None = None, *, enabled: bool = True) -> None:
        self._stream = stream
        self._enabled = enabled

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
        stage = Stage(title)
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
        if shown.is_set():
            start = "\r\033[K" if self._is_tty() else ""
            elapsed = time.monotonic() - started
            print(f"{start}{title}: done in {elapsed:.1f} s", file=self.stream, flush=True)

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
