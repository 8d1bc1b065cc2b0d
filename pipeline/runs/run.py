"""A run: what one command asked for, where, and what came of it, kept as run.json in the run's folder.

It is enough to find and read the results again, or to decode them again: it holds every setting in full, and names the
store with their records. Only the report has to know nothing else. The settings, which are much alike, are kept as
columns (columns.py): of 100,000 they take 7 MB, and took 264 in format 1, which is read as well.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.environment import Environment
from pipeline.errors import ConfigError, reason
from pipeline.planning.setting import ALONE, Setting, Stop, setting_id
from pipeline.runs.columns import Form, from_columns, to_columns
from pipeline.runs.later import KEEPS, REMEDY, LaterVersion, Unknown, this_version, unknown_part, writer
from pipeline.tasks.task import STRICT

FORMAT = 2  # raised when the form of run.json changes
LISTED = (
    1  # the format in which each setting was written out, and beside them how many examples each is to have
)
RUN_FILE = "run.json"
TEMPORARY = f".{RUN_FILE}.*"  # its name while it is written
PASSWORD = re.compile(r"(?<=://)[^/@\s:\"]*:[^/@\s\"]+(?=@)")  # within one text of the JSON

# running: not ended, or killed; incomplete: some settings lack results; stopped: by Ctrl-C or a signal; failed: the
# command ended early through an error.
Status = Literal["running", "done", "incomplete", "stopped", "failed"]


@dataclass(frozen=True, config=STRICT)
class Run:
    """`settings` are those asked for so far, in the order in which they run; `asked` counts equal ones too.

    command, environment and times are of the latest command that decoded anything.
    """

    format: int
    name: str  # of the sweep
    title: str
    command: str
    status: Status
    error: str | None  # why the command ended early
    failures: Mapping[str, str]  # setting id -> why it lacks results
    config: Mapping[str, Any]  # as composed
    space: tuple[Any, ...]  # the regions searched, as plain data
    settings: tuple[Setting, ...]
    asked: int
    limit: int  # examples per setting; `examples` has fewer where a task has fewer
    examples: Mapping[
        str, int
    ]  # setting id -> how many it is to have; of one that was stopped, when that was
    store: str  # a local path that is relative starts at the run's folder
    environment: Environment
    started: datetime
    finished: datetime | None
    seconds: float | None
    stopped: Mapping[str, Stop] = field(default_factory=dict)  # setting id -> why it has no more examples
    cost: str | None = None  # what a search took beside the grid, in a sentence
    warnings: tuple[str, ...] = ()  # what was said of its settings and prompts before they were decoded

    @property
    def alone(self) -> bool:
        """Whether it is of no sweep: one setting, whose group's name says nothing."""
        return [setting.group for setting in self.settings] == [ALONE]

    @property
    def search(self) -> str | None:
        """How its settings were found; None where it doesn't say: a store alone, answers from elsewhere."""
        search: str | None = self.config.get("sweep", {}).get("search")
        return search

    @property
    def against(self) -> str | None:
        """The group that its sweep compares the others with; None: those without AXON."""
        against: str | None = self.config.get("sweep", {}).get("against")
        return against

    @property
    def by_id(self) -> dict[str, Setting]:
        return {setting.id: setting for setting in self.settings}

    def own(self, records: pd.DataFrame) -> pd.DataFrame:
        """Those of the records that the run asked for: the store may have more examples of a stopped setting."""
        return records[records["position"] < records["setting_id"].map(self.examples).astype("float64")]


_RUN, _SETTING, _SETTINGS = TypeAdapter(Run), TypeAdapter(Setting), TypeAdapter(tuple[Setting, ...])


def write_run(folder: Path, run: Run) -> None:
    """Raises OSError if the file can't be written."""
    temporary = folder / TEMPORARY.replace("*", uuid.uuid4().hex)  # the same command may run twice at once
    temporary.write_bytes(private(_spelled(run)).encode())
    temporary.replace(folder / RUN_FILE)


def run_before(folder: Path) -> Run | None:
    """The run whose run.json a new one would replace; None if there is none, or it is damaged.

    Raises LaterVersion for one that holds what this version can't write again.
    """
    try:
        return read_run(folder, KEEPS)
    except LaterVersion:
        raise
    except ConfigError:
        return None


def read_run(folder: Path, remedy: str | None = None) -> Run:
    """Raises ConfigError, one line, if there is none or it can't be read.

    remedy: for what a later version wrote, in place of a comparison of its results.
    """
    loaded: Any = None
    try:
        loaded = json.loads((folder / RUN_FILE).read_bytes())
        found = loaded.get("format") if isinstance(loaded, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise _later(folder, loaded, Unknown(f"its format is {found}, not {FORMAT}"), remedy)
        if found not in (LISTED, FORMAT):
            rule = f"{RUN_FILE} has the format {found!r}, this version reads {FORMAT}"
            raise ConfigError([f"run={folder}: {rule}; run its command again, which decodes nothing twice"])
        return _listed(loaded) if found == LISTED else _from_columns(loaded)
    except OSError as error:
        rule = f"has no {RUN_FILE} ({reason(error)}); give the folder that a job's last line prints"
    except ValidationError as error:
        if unknown := unknown_part(error):
            raise _later(folder, loaded, unknown, remedy) from None
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        rule = f"{RUN_FILE} is damaged ({what}); run its command again, which decodes nothing twice"
    except ConfigError:
        raise
    except ValueError as error:
        rule = f"{RUN_FILE} is damaged ({reason(error)}); run its command again"
    raise ConfigError([f"run={folder}: {rule}"])


def _later(folder: Path, loaded: Mapping[str, Any], unknown: Unknown, remedy: str | None) -> LaterVersion:
    by = f"a later version, or changed code, wrote it ({writer(loaded)}; here is {this_version()})"
    store = loaded.get("store")
    address = f"store={_address(store, folder)}" if isinstance(store, str) else "store=ADDRESS"
    mend = f"{unknown.first}{remedy or f'{REMEDY} job=compare {address}'}"
    return LaterVersion([f"run={folder}: {RUN_FILE} is not of this version ({unknown.what}): {by}; {mend}"])


def _spelled(run: Run) -> str:
    """Its JSON: a line per column of the settings, which come last."""
    rest = json.loads(_RUN.dump_json(replace(run, settings=(), examples={})))
    del rest["settings"], rest["examples"]
    if not run.warnings:  # what knows no such key reads it, too
        del rest["warnings"]
    trees = _SETTINGS.dump_python(run.settings, mode="json")
    for tree in trees:
        if (examples := run.examples.get(tree["id"])) is not None:
            tree["examples"] = examples
    forms = ",\n".join(map(_lines, to_columns(trees)))
    return f'{json.dumps(rest, indent=1)[:-2]},\n "settings": [{forms}]\n}}\n'


def _lines(form: Form) -> str:
    columns = ",\n  ".join(f"{json.dumps(name)}: {_short(own)}" for name, own in form["columns"].items())
    return f'{{"columns": {{\n  {columns}}},\n  "rows": {_short(form["rows"])}}}'


def _short(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _from_columns(loaded: Mapping[str, Any]) -> Run:
    trees = from_columns(loaded.get("settings"))
    examples = {str(tree.get("id")): tree.pop("examples") for tree in trees if "examples" in tree}
    return _listed({**loaded, "settings": trees, "examples": examples})


def _listed(loaded: Mapping[str, Any]) -> Run:
    if not isinstance(loaded.get("settings"), list):
        raise ValueError("no list of settings")
    run = _RUN.validate_json(json.dumps({**loaded, "format": FORMAT, "settings": []}), strict=True)
    # One by one: all of them, written out, may be hundreds of MB.
    settings = tuple(_SETTING.validate_json(json.dumps(tree), strict=True) for tree in loaded["settings"])
    if wrong := [own.id for own in settings if own.id != setting_id(own.identity)]:
        raise ValueError(f"setting {wrong[0]}: the id doesn't belong to the identity")
    return replace(run, settings=settings)


def store_of(run: Run, folder: Path) -> str:
    """The address of the run's store, seen from here."""
    return _address(run.store, folder)


def _address(store: str, folder: Path) -> str:
    """What the run.json of this folder calls its store, seen from here."""
    return store if "://" in store else os.path.normpath(folder.absolute() / os.path.expanduser(store))


def store_from(folder: Path, root: str, out: str) -> str:
    """How run.json names a store: from the folder if it lies below `out`, so that `out` can be moved or copied."""
    if "://" in root or not Path(root).absolute().is_relative_to(Path(out).absolute()):
        return root
    return os.path.relpath(Path(root).absolute(), folder.absolute())


def private(text: str) -> str:
    """Without passwords in addresses, and with `~` for the home folder, which has the user's name."""
    text = PASSWORD.sub("***", text)
    home = os.path.expanduser("~")
    if home in ("/", "~"):  # a container's user may have none
        return text
    return re.sub(rf"(?<![\w./~-]){re.escape(home)}(?![\w.-])", "~", text)
