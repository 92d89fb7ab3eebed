"""Keeping the chatter of native libraries off standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from imse_mcu.core.errors import ImseMcuError

_STDERR = 2


@contextlib.contextmanager
def native_chatter_hidden() -> Iterator[None]:
    """Hides what native code writes to standard error while the body runs.

    What Python writes to ``sys.stderr`` still appears. When the body fails, the hidden text is
    printed after all, since it may say why; an error of imse-mcu's own says that itself.
    """
    python_stream = sys.stderr
    try:
        shared = python_stream.fileno() == _STDERR
    except (OSError, ValueError):
        shared = False
    python_stream.flush()
    saved = os.dup(_STDERR)
    with tempfile.TemporaryFile() as hidden, os.fdopen(os.dup(saved), "w") as visible:
        os.dup2(hidden.fileno(), _STDERR)
        if shared:
            sys.stderr = visible
        try:
            yield
        except ImseMcuError:
            raise
        except BaseException:
            hidden.seek(0)
            visible.write(hidden.read().decode("utf-8", "replace"))
            raise
        finally:
            visible.flush()
            sys.stderr = python_stream
            os.dup2(saved, _STDERR)
            os.close(saved)
