"""The file that remembers what was logged, so that only what is new or has changed is logged again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "logged.jsonl"
BEGUN = ""  # the digest of what was not logged to its end


@dataclass(frozen=True)
class Logged:
    """`run_id`: the W&B run that holds it; `digest`: of how it was logged and what it holds."""

    run_id: str
    digest: str


class RunLog:
    """What was logged, by a key that stays the same when the content changes: a line each, the last one counts."""

    def __init__(self, folder: Path) -> None:
        """Lines that can't be read are passed over: what they told is logged again."""
        self._path = folder / NAME
        self._logged: dict[str, Logged] = {}
        with suppress(OSError, UnicodeDecodeError):
            for line in self._path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, TypeError, KeyError, AttributeError):
                    entry = json.loads(line)
                    key = entry.pop("key")
                    self._logged[key] = Logged(**entry)

    def get(self, key: str) -> Logged | None:
        return self._logged.get(key)

    def put(self, key: str, logged: Logged) -> None:
        """Written at once: whatever stops the program, what it has begun is known."""
        self._logged[key] = logged
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **asdict(logged)}) + "\n")
