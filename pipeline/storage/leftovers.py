"""Files whose writer was killed before it gave them their name."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

LEFT_OVER = timedelta(hours=1)  # a temporary file exists only while it is written; an older one was abandoned


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Removes the abandoned ones among the temporary files of that pattern in a local folder."""
    for temporary in folder.glob(pattern):
        with suppress(OSError):  # another command may be faster
            if time.time() - temporary.stat().st_mtime > LEFT_OVER.total_seconds():
                temporary.unlink()
