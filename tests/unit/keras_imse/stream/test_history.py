"""The log of validations: best, stale count, table, damaged lines."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from keras_imse.errors import TrainingError
from keras_imse.train.history import History


def filled(path: Path, scores: list[float]) -> History:
    history = History(path / "log.jsonl")
    for i, score in enumerate(scores):
        history.append({"step": 10 * (i + 1), "loss": 0.5, "pesq_wb": score, "si_sdr_db": 9.876})
    return history


def test_counts_validations_since_the_best(tmp_path: Path) -> None:
    assert History(tmp_path / "none").stale("pesq_wb") == 0
    history = filled(tmp_path, [1.5, 1.9, math.nan, 1.7])
    assert history.stale("pesq_wb") == 2
    history.append({"step": 50, "loss": 0.4, "pesq_wb": 2.0, "si_sdr_db": 9.0})
    assert history.stale("pesq_wb") == 0


def test_table_marks_the_weights_that_are_kept(tmp_path: Path) -> None:
    lines = filled(tmp_path, [1.5, 1.9, math.nan]).table("pesq_wb").splitlines()
    assert lines[0].split() == ["step", "loss", "PESQ-WB", "SI-SDR", "dB"]
    assert [line.endswith("kept") for line in lines[1:]] == [False, True, False]
    assert lines[2].split()[:4] == ["20", "0.500", "1.900", "9.88"]
    assert lines[3].split()[2] == "-"


def test_a_resumed_run_goes_on_after_its_checkpoint(tmp_path: Path) -> None:
    before = filled(tmp_path, [1.5, 1.9, 1.7])
    history = History(before.path)
    history.resume(20)
    assert [entry["step"] for entry in history.entries()] == [10, 20]
    assert len(before.path.read_text("utf-8").splitlines()) == 3
    history.append({"step": 30, "pesq_wb": 1.6})
    assert [entry["pesq_wb"] for entry in History(before.path).entries()] == [1.5, 1.9, 1.6]


def test_a_new_run_starts_a_new_log(tmp_path: Path) -> None:
    path = filled(tmp_path, [1.5, 1.9, 1.7]).path
    history = History(path)
    history.resume(0)
    assert history.stale("pesq_wb") == 0
    history.append({"step": 10, "pesq_wb": 1.1})
    assert [entry["pesq_wb"] for entry in History(path).entries()] == [1.1]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "pesq_wb": 1.0}\n{"step": 2, "pe', "utf-8")
    history = History(path)
    history.append({"step": 2, "pesq_wb": 2.0})
    assert [entry["step"] for entry in History(path).entries()] == [1, 2]


@pytest.mark.parametrize("line", ["{", "3"])
def test_a_damaged_log_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "log.jsonl").write_text(f'{{"step": 1}}\n{line}\n', "utf-8")
    with pytest.raises(TrainingError, match="line 2"):
        History(tmp_path / "log.jsonl").entries()
