"""Checkpoints of a TensorFlow run: of another run, incomplete or damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from keras_imse.errors import TrainingError
from keras_imse.train.checkpoints import RunCheckpoints


def _saved(folder: Path) -> None:
    checkpoints = RunCheckpoints(folder, {"model": 1}, a=tf.Variable([1.0, 2.0]), n=tf.Variable(5))
    assert not checkpoints.restore()
    checkpoints.save()


def test_restores_what_it_saved(tmp_path: Path) -> None:
    _saved(tmp_path)
    a, n = tf.Variable([9.0, 9.0]), tf.Variable(0)
    assert RunCheckpoints(tmp_path, {"model": 1}, a=a, n=n).restore()
    assert (a.numpy().tolist(), int(n)) == ([1.0, 2.0], 5)


@pytest.mark.parametrize("case", ["other model", "earlier version"])
def test_another_run_is_refused(tmp_path: Path, case: str) -> None:
    a, n = tf.Variable([9.0, 9.0]), tf.Variable(0)
    if case == "earlier version":
        old = tf.train.Checkpoint(a=tf.Variable([1.0, 2.0]), n=tf.Variable(5))
        tf.train.CheckpointManager(old, str(tmp_path), 2).save()
    else:
        _saved(tmp_path)
    checkpoints = RunCheckpoints(tmp_path, {"model": 2}, a=a, n=n)
    with pytest.raises(TrainingError, match="is of another model, or of an earlier version"):
        checkpoints.restore()
    assert (a.numpy().tolist(), int(n)) == ([9.0, 9.0], 0)


@pytest.mark.parametrize("case", ["other part", "other shape", "damaged"])
def test_what_does_not_fit_is_refused(tmp_path: Path, case: str) -> None:
    _saved(tmp_path)
    parts = {"b" if case == "other part" else "a": tf.Variable([9.0] * (3 if "sh" in case else 2))}
    if case == "damaged":
        for file in tmp_path.glob("*.data-*"):
            file.write_bytes(b"")
    with pytest.raises(TrainingError, match=r"checkpoint '.*' cannot be read"):
        RunCheckpoints(tmp_path, {"model": 1}, n=tf.Variable(0), **parts).restore()
