"""Keeping the chatter of native libraries off standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def native_chatter_hidden() -> Iterator[None]:
    """Hides what native code writes to standard error while the body runs.

    What Python writes to ``sys.stderr`` still appears. When the body fails, the hidden text is
    printed after all, since it may say why.
    """
    try:
        number = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        yield
        return
    python_stream, saved = sys.stderr, os.dup(number)
    python_stream.flush()
    with tempfile.TemporaryFile() as hidden, os.fdopen(os.dup(number), "w") as visible:
        os.dup2(hidden.fileno(), number)
        sys.stderr = visible
        try:
            yield
        except BaseException:
            hidden.seek(0)
            visible.write(hidden.read().decode("utf-8", "replace"))
            raise
        finally:
            visible.flush()
            sys.stderr = python_stream
            os.dup2(saved, number)
            os.close(saved)
