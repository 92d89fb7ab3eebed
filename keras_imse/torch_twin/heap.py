"""Keeps freed memory in the process, so that a training step does not ask the system for it again.

A step allocates and frees the same tensors of some megabytes every time. glibc returns such blocks
to the system, which must hand out and clear every page anew.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tells glibc's allocator to keep what is freed; elsewhere nothing changes.

    Returns:
        Whether the allocator took both settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from other C libraries
    return bool(mallopt and mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))
