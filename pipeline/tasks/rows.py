"""Rows of a benchmark: from a local file or from the hub, checked for the columns that the task reads."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]

BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}


@dataclass(frozen=True)
class Hub:
    """Where a benchmark lies on the hub."""

    id: str
    config: str | None = None


def read_file(key: str, path: str, columns: Sequence[str], aliases: Mapping[str, str]) -> list[Row]:
    """The rows of a jsonl, json or parquet file, gzipped or not; columns named as in `aliases` are renamed.

    Raises ValueError, one line that names `key`.
    """
    file = Path(path).expanduser()
    builder = BUILDERS.get(Path(file.stem if file.suffix == ".gz" else file.name).suffix)
    if builder is None:
        raise ValueError(
            f"{key}={path!r}: unknown kind of file; one of {', '.join(BUILDERS)}, or one of them with .gz"
        )
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise ValueError(
            f"{key}={path!r}: {what}; give the benchmark's rows, or null to take them from the hub"
        )
    try:
        rows = _load(builder, data_files=str(file.resolve()), split="train")
    except Exception as error:  # the readers below raise many kinds
        raise ValueError(f"{key}={path!r}: cannot be read ({_reason(error)}); copy it again") from None
    renamed = [{aliases.get(name, name): value for name, value in row.items()} for row in rows]
    return _checked(key, path, renamed, columns)


def read_hub(key: str, hub: Hub, revision: str | None, split: str, columns: Sequence[str]) -> list[Row]:
    """The rows of a split of the hub's data set. Raises ValueError, one line that names `key`."""
    try:
        rows = _load(hub.id, hub.config, split=split, revision=revision)
    except Exception as error:  # no network, no such revision, no such split: as many kinds
        raise ValueError(
            f"{key}=null: {hub.id} ({split}) is not to be had from the hub ({_reason(error)}); "
            f"download the rows and give {key}=FILE"
        ) from None
    return _checked(key, hub.id, rows, columns)


def _load(*arguments: Any, **named: Any) -> list[Row]:
    import datasets  # takes seconds to import: only when rows are read

    datasets.disable_progress_bars()
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "datasets")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)  # they tell of every retry, and of what we tell in a line ourselves
    try:
        return list(datasets.load_dataset(*arguments, **named))
    except StopIteration:  # an empty file
        return []
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def digest(rows: Sequence[Row]) -> str:
    """A hash of the rows' content, wherever they came from."""
    text = json.dumps(list(rows), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _checked(key: str, place: str, rows: list[Row], columns: Sequence[str]) -> list[Row]:
    if not rows:
        raise ValueError(f"{key}={place!r}: holds no rows; give another")
    lacking = [column for column in columns if column not in rows[0]]
    if lacking:
        raise ValueError(
            f"{key}={place!r}: lacks the columns {', '.join(lacking)}; it has {', '.join(rows[0])}; "
            "give the rows of this task"
        )
    return rows


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:  # the first that went wrong knows what
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
