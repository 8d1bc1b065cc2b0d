"""Rows of a benchmark, from a local file or from the hub, with the columns that the task reads."""

from __future__ import annotations

import glob
import gzip
import hashlib
import json
import logging
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.counted import counted

Row = dict[str, Any]

BLOCK_BYTES = (10 << 20) // 32  # of JSON lines, as `datasets` has pyarrow read them
BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}


@dataclass(frozen=True)
class Hub:
    """Where a benchmark is found on the hub."""

    id: str
    config: str | None = None


NOT_ON_HUB = Hub("")


def read_file(key: str, path: str, columns: Sequence[str], aliases: Mapping[str, str]) -> list[Row]:
    """The rows of a jsonl, json or parquet file, possibly gzipped; columns with a name in `aliases` are renamed.

    Raises ValueError, one line that names `key`.
    """
    file = Path(os.path.expanduser(path))  # unlike Path's, it leaves the name of an unknown user as it is
    if not os.path.isfile(file):
        what = "is a folder" if os.path.isdir(file) else "no such file"
        raise ValueError(
            f"{key}={path!r}: {what}; give a file of the benchmark's rows, or null to download them from the hub"
        )
    builder = BUILDERS.get(Path(file.stem if file.suffix == ".gz" else file.name).suffix)
    if builder is None:
        raise ValueError(
            f"{key}={path!r}: unknown kind of file; one of {', '.join(BUILDERS)}, optionally with .gz"
        )
    try:
        # Escaped, as `datasets` takes the name for a pattern, and would read other files or none.
        rows = _load(builder, data_files=glob.escape(str(file.resolve())), split="train")
    except Exception as error:  # the readers raise many kinds
        raise ValueError(f"{key}={path!r}: cannot be read ({_in_file(error, file)}); copy it again") from None
    renamed = [{aliases.get(name, name): value for name, value in row.items()} for row in rows]
    return _checked(key, path, renamed, columns)


def read_hub(key: str, hub: Hub, revision: str | None, split: str, columns: Sequence[str]) -> list[Row]:
    """The rows of one split of a data set on the hub. Raises ValueError, one line that names `key`."""
    try:
        rows = _load(hub.id, hub.config, split=split, revision=revision)
    except Exception as error:  # no network, no such revision, no such split: many kinds
        from axon.models.hub import refusal  # beside it is torch

        reason, remedy = refusal(error)
        raise ValueError(
            f"{key}=null: {hub.id} ({split}) cannot be downloaded from the hub ({reason}); "
            f"{remedy}download the rows elsewhere and give {key}=FILE"
        ) from None
    return _checked(key, hub.id, rows, columns)


def _load(*arguments: Any, **named: Any) -> list[Row]:
    import datasets  # takes seconds to import

    datasets.disable_progress_bars()
    # It reports each load to a server, a file's of this machine, too: without a network that waits for seconds.
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "datasets")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)  # they log every retry, and what we report in one line
    try:
        return list(datasets.load_dataset(*arguments, **named))
    except StopIteration:  # an empty file
        return []
    except ValueError as error:
        if "corresponds to no data" in str(error):  # rows without a column, as `{}`, are none to it
            return []
        raise
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def check_rows(
    key: str,
    place: str,
    rows: Sequence[Row],
    label: Callable[[Row, int], str],
    fault: Callable[[Row], str | None],
) -> None:
    """Raises ValueError, one line, for the first row with a fault or with the id of an earlier row; counted from 1.

    Reports identify examples by their ids, so that of two with the same id one would be lost, and a row that cannot be
    scored would count as wrong.
    """
    faults: list[str] = []
    first: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        name = label(row, number - 1)
        reason = fault(row)
        if reason is None and name in first:
            reason = f"row {first[name]} has the same id"
        first.setdefault(name, number)
        if reason is not None:
            faults.append(f"row {number} ({' '.join(name.split())}): {reason}")
    if faults:
        others = counted(len(faults) - 1, "more row")
        more = f" (and {others} {'has' if len(faults) == 2 else 'have'} faults)" if len(faults) > 1 else ""
        raise ValueError(f"{key}={place!r}: {faults[0]}{more}; correct or remove such rows")


def is_empty(value: Any) -> bool:
    """Whether a cell is empty: null, NaN, blank text, or a list of only such values."""
    if isinstance(value, list):
        return all(is_empty(each) for each in value)
    return value is None or (isinstance(value, float) and math.isnan(value)) or not str(value).strip()


def written(value: str | float) -> str:
    """A cell as text; whole numbers have no decimal point, whatever type other rows gave their column."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def digest(rows: Sequence[Row]) -> str:
    """A hash of the rows' content, which does not depend on where they came from."""
    text = json.dumps(list(rows), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _checked(key: str, place: str, rows: list[Row], columns: Sequence[str]) -> list[Row]:
    if not rows:
        raise ValueError(f"{key}={place!r}: has no rows; give another")
    lacking = [column for column in columns if column not in rows[0]]
    if lacking:
        raise ValueError(
            f"{key}={place!r}: lacks the columns {', '.join(lacking)}; it has {', '.join(rows[0])}; "
            "give the rows of this task"
        )
    return rows


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:  # the first one says what went wrong
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _in_file(error: BaseException, file: Path) -> str:
    """The reason, with a row of the file.

    pyarrow counts from 0, and anew from the beginning of each block: where there are several, the row is the first that
    is no JSON, or is not said.
    """
    told = _reason(error)
    found = re.fullmatch(r"(.*) in row (\d+)", told)
    if not found:
        return told
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        if len(lines.read(BLOCK_BYTES + 1)) <= BLOCK_BYTES:
            return f"{found[1]} in row {int(found[2]) + 1}"
        lines.seek(0)
        row = next((number for number, line in enumerate(lines, 1) if not _is_json(line)), None)
    return f"{found[1]} in row {row}" if row else found[1]


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return not line.strip()
    return True
