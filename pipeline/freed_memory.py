"""What becomes of freed memory: a report's arrays of some megabytes come and go, and each new page takes the system
a while."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

# Of glibc (mallopt, malloc.h): from which size memory is the system's at once, and how much may lie free at the end.
# It raises both to these by itself, as large arrays are freed.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGE = 32 * 2**20
VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def keep_freed_memory() -> None:
    """Kept for what comes next, unless the environment says otherwise: 6 % of a small report's processor time."""
    if any(name in os.environ for name in VARIABLES):
        return
    with suppress(OSError, AttributeError):  # another library than glibc
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, LARGE)
        library.mallopt(TRIM_THRESHOLD, 2 * LARGE)
