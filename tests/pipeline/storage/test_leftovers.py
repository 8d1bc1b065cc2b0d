"""Temporary files whose writers died are removed, and no other file."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipeline.storage.leftovers import LEFT_OVER, remove_leftovers


def test_only_abandoned_files_of_the_pattern_are_removed(tmp_path: Path) -> None:
    now = time.time()
    old, later = now - LEFT_OVER.total_seconds() - 60, now + 9999  # the clock was set back
    for name, changed in (("old.tmp", old), ("fresh.tmp", now), ("old.json", old), ("later.tmp", later)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (changed, changed))
    (tmp_path / "folder.tmp").mkdir()
    os.utime(tmp_path / "folder.tmp", (old, old))
    remove_leftovers(tmp_path, "*.tmp")
    assert sorted(os.listdir(tmp_path)) == ["folder.tmp", "fresh.tmp", "later.tmp", "old.json"]
    remove_leftovers(tmp_path / "absent", "*.tmp")
