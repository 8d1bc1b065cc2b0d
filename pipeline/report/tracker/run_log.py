"""The file that remembers what was logged, so that only what is new or has changed is logged again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "logged.json"


@dataclass(frozen=True)
class Logged:
    """`run_id`: the W&B run that holds it; `digest`: of how it was logged and what it holds."""

    run_id: str
    digest: str


class RunLog:
    """What was logged, by a key that stays the same when the content changes."""

    def __init__(self, folder: Path) -> None:
        """Empty where the file is missing or can't be read; all is then logged again."""
        self._path = folder / NAME
        self._logged: dict[str, Logged] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):
            self._logged = {key: Logged(**entry) for key, entry in json.loads(self._path.read_text()).items()}

    def get(self, key: str) -> Logged | None:
        return self._logged.get(key)

    def put(self, key: str, logged: Logged) -> None:
        self._logged[key] = logged

    def write(self) -> None:
        self._path.write_text(
            json.dumps({key: asdict(entry) for key, entry in self._logged.items()}, indent=1)
        )
