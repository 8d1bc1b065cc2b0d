"""Where an import is kept. The same import again takes its own folder's place; no other one does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.checkpoints.checkpoint import one_spelling
from pipeline.errors import ConfigError
from pipeline.inputs.config import Config, to_tree
from pipeline.planning.setting import model_name
from pipeline.runs.run import Run, run_before

FOLDER = "imported"  # of all such runs, in `out`
OF_MODEL = ("path", "prompt")
FILES = ("imported.file", "task.path", "task.shots_path")


def folder_of_import(config: Config) -> Path:
    """`imported/NAME`; where answers to another task, or of another model, have it, with this one's.

    Raises ConfigError, one line, where the folder is of an import that was given in another way, or a later version's.
    """
    own = Path(config.out) / FOLDER / str(config.imported.name)
    about = config.task.name, model_name(config.model)
    earlier = run_before(own)
    if earlier and {(setting.task.name, setting.model_name) for setting in earlier.settings} != {about}:
        own = own.with_name("-".join([own.name, *about]))
        earlier = run_before(own)
    if earlier:
        _check_same(config, own, earlier)
    return own


def _check_same(config: Config, folder: Path, earlier: Run) -> None:
    before, now = dict(_given(earlier.config)), dict(_given(to_tree(config)))
    for key, value in now.items():
        if before.get(key, value) != value:  # an earlier version may lack the key
            rule = f"{folder} was imported with {key}={_text(before[key])} instead of {_text(value)}"
            remedy = "choose another name, or delete that folder"
            raise ConfigError([f"imported.name={config.imported.name!r}: {rule}; {remedy}"])


def _given(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What decides which answers there are, and how they are scored."""
    for part in ("imported", "task", "model"):
        for key, value in tree.get(part, {}).items():
            if (part, key) == ("imported", "name") or (part == "model" and key not in OF_MODEL):
                continue
            yield f"{part}.{key}", _meant(f"{part}.{key}", value)


def _meant(key: str, value: Any) -> Any:
    """A path as it is meant here, however it is written."""
    if not isinstance(value, str):
        return value
    if key == "model.path":
        return one_spelling(value)
    return os.path.abspath(os.path.expanduser(value)) if key in FILES else value


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
