"""A run: what one command asked for and what came of it, kept as run.json in its folder.

Another program, or a later command, needs nothing else to find the results again: the settings stand there in full,
and their records are in the store that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.errors import ConfigError, reason
from pipeline.setting import Setting
from pipeline.tasks.task import STRICT

FORMAT = 1  # raised when run.json changes its form
RUN_FILE = "run.json"


@dataclass(frozen=True, config=STRICT)
class Run:
    """`settings`: those asked for so far, in the order they run. `asked` counts equal ones too."""

    format: int
    name: str  # of the sweep
    title: str
    command: str  # as typed, to be typed again
    config: Mapping[str, Any]  # as composed
    space: tuple[Any, ...]  # the regions that were searched, as plain data
    settings: tuple[Setting, ...]
    asked: int
    limit: int  # examples per setting, fewer where a task has fewer
    store: str

    @property
    def by_id(self) -> dict[str, Setting]:
        return {setting.id: setting for setting in self.settings}


_ADAPTER = TypeAdapter(Run)


def write_run(folder: Path, run: Run) -> None:
    """Raises OSError where the file can't be written."""
    temporary = folder / f".{RUN_FILE}"
    temporary.write_bytes(_ADAPTER.dump_json(run, indent=1))
    temporary.replace(folder / RUN_FILE)


def read_run(folder: Path) -> Run:
    """Raises ConfigError, one line, where there is none or it can't be read."""
    try:
        return _ADAPTER.validate_json((folder / RUN_FILE).read_bytes(), strict=True)
    except OSError as error:
        line = f"run={folder}: has no {RUN_FILE} ({reason(error)}); give the folder that a job's last line prints"
    except ValidationError as error:
        line = f"run={folder}: {RUN_FILE} can't be read ({error.errors()[0]['msg']}); run its command again"
    raise ConfigError([line])
