"""The validations of a run: ``log.jsonl``, when to stop early, and a table to read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imse_mcu.core.files import write_text
from keras_imse.errors import TrainingError

COLUMNS = {"step": "step", "loss": "loss", "pesq_wb": "PESQ-WB", "si_sdr_db": "SI-SDR dB"}


def finite_or_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns numbers as JSON takes them: those that are not finite become None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


class History:
    """Validations of a run, one JSON object per line; a resumed run goes on in the same file.

    Args:
        path: The file; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[dict[str, Any]] | None = None

    def resume(self, step: int) -> None:
        """Goes on after a step; what the file says of later ones is of a run that was given up.

        The file stays as it is until the next validation.

        Args:
            step: Steps made so far, 0 for a new run.

        Raises:
            TrainingError: A line is no JSON object.
        """
        entries = self._read() if step else []
        self._entries = [entry for entry in entries if entry.get("step", 0) <= step]

    def append(self, entry: Mapping[str, float]) -> None:
        """Adds one validation; values that are not finite become ``null``.

        Raises:
            TrainingError: A line of the file is no JSON object.
            FileWriteError: It cannot be written.
        """
        self._entries = [*self.entries(), finite_or_none(entry)]
        write_text(self.path, "".join(json.dumps(entry) + "\n" for entry in self._entries))

    def entries(self) -> list[dict[str, Any]]:
        """Returns all validations.

        Raises:
            TrainingError: A line is no JSON object.
        """
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.is_file():
            return []
        entries = []
        for number, line in enumerate(self.path.read_text("utf-8").splitlines(keepends=True), 1):
            try:
                entry = json.loads(line)
            except ValueError as error:
                if not line.endswith("\n"):
                    break  # its writing was interrupted
                raise TrainingError(
                    f"'{self.path}' line {number} is no JSON: {error}",
                    hint="remove the line, or give another --output",
                ) from error
            if not isinstance(entry, dict):
                raise TrainingError(
                    f"'{self.path}' line {number} is no JSON object",
                    hint="remove the line, or give another --output",
                )
            entries.append(entry)
        return entries

    def stale(self, metric: str) -> int:
        """Returns how many validations have passed since the best one by ``metric``."""
        scores = [
            -math.inf if entry.get(metric) is None else float(entry[metric])
            for entry in self.entries()
        ]
        return len(scores) - 1 - scores.index(max(scores)) if scores else 0

    def table(self, metric: str) -> str:
        """Returns the validations as text, the best by ``metric`` marked."""
        entries = self.entries()
        if not entries:
            return "no validation"
        keys = [key for key in COLUMNS if any(entry.get(key) is not None for entry in entries)]
        best = len(entries) - 1 - self.stale(metric)
        rows = ["".join(f"{COLUMNS[key]:>11}" for key in keys)]
        for i, entry in enumerate(entries):
            cells = ""
            for key in keys:
                value = entry.get(key)
                digits = 0 if key == "step" else 2 if key == "si_sdr_db" else 3
                cells += f"{'-':>11}" if value is None else f"{value:>11.{digits}f}"
            rows.append(cells + ("  kept" if i == best else ""))
        return "\n".join(rows)
