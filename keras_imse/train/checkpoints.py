"""TensorFlow checkpoints that know what run they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_imse.errors import TrainingError

_IDENTITY = "identity/.ATTRIBUTES/VARIABLE_VALUE"

#: What TensorFlow raises for a checkpoint that is damaged or has other parts or shapes.
UNREADABLE = (AssertionError, LookupError, ValueError, RuntimeError, tf.errors.OpError)


class RunCheckpoints:
    """The last two checkpoints of a run.

    Args:
        folder: Where they are.
        identity: What a checkpoint must have been made for, JSON-ready.
        parts: Everything with variables that is saved, by name.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], **parts: Any) -> None:
        self._identity = json.dumps(identity, sort_keys=True)
        self._checkpoint = tf.train.Checkpoint(identity=tf.Variable(self._identity), **parts)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=2)

    def save(self) -> None:
        """Saves all parts."""
        self._manager.save()

    def restore(self) -> bool:
        """Restores all parts from the last checkpoint, if there is one.

        Returns:
            Whether there is one.

        Raises:
            TrainingError: It is of another run, or damaged.
        """
        path = self._manager.latest_checkpoint
        if path is None:
            return False
        hint = "give another --output, or remove the checkpoint to start anew"
        try:
            stored = tf.train.load_checkpoint(path)
            identity = stored.get_tensor(_IDENTITY) if stored.has_tensor(_IDENTITY) else b""
            if identity.decode("utf-8") == self._identity:
                self._checkpoint.restore(path).assert_existing_objects_matched()
                return True
        except UNREADABLE as error:
            raise TrainingError(f"checkpoint '{path}' cannot be read", hint=hint) from error
        raise TrainingError(
            f"checkpoint '{path}' is of another model, or of an earlier version of the training",
            hint=hint,
        )
