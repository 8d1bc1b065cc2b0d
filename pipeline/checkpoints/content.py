"""The hash of a checkpoint's files, which is the model's identity wherever they lie.

Large files are read once: their hashes are kept in the user's cache folder, with each file's size, times and inode. A
file that differs in any of them is read again, and so is one whose entry is broken or could not be kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from axon.models.hub import PATTERNS
from pipeline.checkpoints.kept import keep, known

HASHES = "content"  # where they are kept
LARGE = 64 * 2**20  # bytes; smaller files are read in no time
# A file may be written again within the tick of the clock that its times are from, and look the same afterwards: only
# the hash of one that was left alone for so many seconds is kept.
SETTLED = 2.0
SHA256 = re.compile(r"[0-9a-f]{64}")

State = list[int]  # size, time of change of its content, of its inode, and the inode


def files_of(folder: Path) -> list[Path]:
    """A checkpoint's files that can change a token."""
    return sorted({file for pattern in PATTERNS for file in folder.glob(pattern)})


def content_of(files: Sequence[Path]) -> str:
    """SHA-256 over names and contents. Files are read in parallel. Raises OSError for one that can't be read."""
    entries, read = known(HASHES), dict[str, list[Any]]()

    def digest(file: Path) -> str:
        name, state = str(file.resolve()), _state(file)
        large = state[0] >= LARGE
        if large and (found := _entry(entries, name, state)):
            return found
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        if large and max(state[1:3]) < (time.time() - SETTLED) * 1e9 and _state(file) == state:
            read[name] = [*state, sha256]
        return sha256

    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(digest, files))
    if read:
        keep(HASHES, {name: entry for name, entry in entries.items() if Path(name).is_file()} | read)
    listing = json.dumps([[file.name, sha256] for file, sha256 in zip(files, digests, strict=True)])
    return hashlib.sha256(listing.encode()).hexdigest()


def is_quick(files: Sequence[Path]) -> bool:
    """Whether `content_of` would have to read no large file."""
    entries = known(HASHES)
    states = [(str(file.resolve()), _state(file)) for file in files]
    return all(state[0] < LARGE or _entry(entries, name, state) for name, state in states)


def _state(file: Path) -> State:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _entry(entries: Mapping[str, Any], name: str, state: State) -> str | None:
    entry = entries.get(name)
    if isinstance(entry, list) and entry[:-1] == state and SHA256.fullmatch(str(entry[-1])):
        return str(entry[-1])
    return None
