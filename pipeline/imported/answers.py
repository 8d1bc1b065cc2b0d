"""A file of answers from elsewhere, a row per answer: lm-eval's sample logs, or jsonl with columns that the user names.

lm-eval writes samples_<task>_<date>.jsonl (EleutherAI/lm-evaluation-harness:lm_eval/loggers/evaluation_tracker.py,
`save_results_samples`) with a row per document and filter (lm_eval/evaluator.py: doc_id, doc, target, resps,
filtered_resps, filter). `resps` holds, per request and repeat, what the model said; it is the same under every filter.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, reason
from pipeline.imported.settings import ImportedSettings

MOST_CALLS = 10**9  # what is more is no count of passes, and no sum of such would be exact
LM_EVAL = ("doc_id", "resps")  # columns that mark a row of lm-eval's


@dataclass(frozen=True)
class Answer:
    """One answer; `example` is its id, or lm-eval's place of its document, which `doc` shows in full."""

    line: int  # of the file, from 1
    example: str | int
    text: str
    nfe: int | None
    point: str | int | float | bool | None
    doc: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answers:
    """What a file holds, and a line for each of its rows that can't be read as an answer."""

    found: tuple[Answer, ...]
    refused: tuple[str, ...]


def read_answers(settings: ImportedSettings) -> Answers:
    """Raises ConfigError, one line, if the file can't be read or none of its rows is an answer."""
    place = f"imported.file={settings.file}"
    path = Path(os.path.expanduser(str(settings.file)))
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ConfigError([f"{place}: can't be read ({reason(error)}); give a jsonl file"]) from None
    found, refused, columns = [], [], set[str]()
    # Not splitlines, which also splits at characters that JSON leaves as they are within a text (U+2028, U+0085).
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            columns.update(row if isinstance(row, dict) else ())
            found.append(_answer(number, row, settings))
        except ValueError as error:
            refused.append(f"line {number}: {reason(error)}")
    if not found:
        first = f"; {refused[0]}" if refused else ""
        line = f"has no row with an answer{first}; give one per line, as JSON: {_form(settings)}"
        raise ConfigError([f"{place}: {line}"])
    _check_nfe(settings, columns)
    return Answers(tuple(found), tuple(refused))


def _check_nfe(settings: ImportedSettings, columns: set[str]) -> None:
    """The column that the user names for it is there. `nfe` itself may be absent: that no NFE is known."""
    if isinstance(settings.nfe, str) and settings.nfe not in {ImportedSettings.nfe, *columns}:
        has = ", ".join(sorted(columns))
        rule = "no row has that column; give one of them, the model calls of every answer, or leave it out"
        raise ConfigError([f"imported.nfe={settings.nfe}: {rule} (columns: {has})"])


def _row(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON ({reason(error)})") from None


def _answer(number: int, row: Any, settings: ImportedSettings) -> Answer:
    """Raises ValueError for a row that is none."""
    if not isinstance(row, dict):
        raise ValueError("is no JSON object")
    nfe = settings.nfe if isinstance(settings.nfe, int) else _count(row.get(settings.nfe), settings.nfe)
    point = _point(row, settings.point)
    if all(column in row for column in LM_EVAL):
        doc, place = row.get("doc"), row["doc_id"]
        if not isinstance(place, int) or isinstance(place, bool):
            raise ValueError(f"doc_id={place!r} is no whole number")
        shown = doc if isinstance(doc, dict) else None
        return Answer(number, place, _said(row["resps"]), nfe, point, shown)
    if lacking := [column for column in (settings.example, settings.answer) if column not in row]:
        raise ValueError(f"lacks {' and '.join(lacking)}; it has {', '.join(map(str, row)) or 'nothing'}")
    example, text = row[settings.example], row[settings.answer]
    if isinstance(example, int) and not isinstance(example, bool):
        example = str(
            example
        )  # an id that is a number; one that names no example is refused with those there are
    if not isinstance(example, str):
        raise ValueError(f"{settings.example}={example!r} is no text")
    if not isinstance(text, str):
        raise ValueError(f"{settings.answer}={text!r:.80} is no text")
    return Answer(number, _readable(example), _readable(text), nfe, point)


def _said(resps: Any) -> str:
    """What the model said first: of a task that generates, resps is [[text, ...]]."""
    try:
        said = resps[0][0]
    except (IndexError, KeyError, TypeError):
        raise ValueError("resps holds no answer") from None
    if not isinstance(said, str):
        raise ValueError("resps holds no text: the task ranks choices and generates nothing")
    return _readable(said)


def _readable(text: str) -> str:
    r"""Without halves of characters, which JSON can hold (\ud83d) and no file of ours can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(value: Any, column: str) -> int | None:
    if value is None:
        return None
    calls = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(calls, bool) or not isinstance(calls, int) or not 1 <= calls <= MOST_CALLS:
        raise ValueError(f"{column}={value!r:.80} is no number of model calls, a whole one of at least 1")
    return calls


def _point(row: Mapping[str, Any], column: str | None) -> str | int | float | bool | None:
    if column is None:
        return None
    value = row.get(column)
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{column}={value!r} names no point" if column in row else f"lacks {column}")
    return _readable(value) if isinstance(value, str) else value


def _form(settings: ImportedSettings) -> str:
    columns = {settings.example: "ID", settings.answer: "TEXT"}
    if isinstance(settings.nfe, str):
        columns[settings.nfe] = "NUMBER"
    return "{" + ", ".join(f'"{name}": {what}' for name, what in columns.items()) + "}"
