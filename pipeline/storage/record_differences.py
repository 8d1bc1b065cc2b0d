"""Which records of two decodes of the same settings differ, and in what. Pure: of two tables of records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from axon.trace import COUNTS
from pipeline.storage.record import SCHEMA

# How long a decode took, on what, and how its programs were isolated are not part of its result. Nor are confidences:
# a batch of another shape rounds them differently, while the tokens say what came of them. Leeways
# are made of them. Under which setting an example was decoded depends on what had been decoded before.
IGNORED = (
    *("seconds_model", "seconds_capture", "seconds_select", "seconds_in_batch", "seconds_to_first_block"),
    *("batch_size", "device", "attention_kernel", "torch", "code", "sandbox", "confidence_percent"),
    *("leeway_above", "leeway_below", "decoded_under"),
)
COMPARED = tuple(name for name in SCHEMA.names if name not in IGNORED)
COUNTED = (*COUNTS, "unsupported_steps", "flops")  # null in records older than the column
KEY = ["setting_id", "position"]
SHOWN = 60  # characters of a value


@dataclass(frozen=True)
class Difference:
    """The first column in which a record differs, with both values in a few words."""

    setting_id: str
    example_id: str
    column: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.column} {self.then} then, {self.now} now"


@dataclass(frozen=True)
class RecordDifferences:
    compared: int  # records that are in both tables
    missing: int  # records of the first that the second lacks
    differences: list[Difference] = field(default_factory=list)  # one per differing record, in order
    columns: dict[str, int] = field(default_factory=dict)  # column -> records that differ in it
    unrecorded: tuple[str, ...] = ()  # columns that the first was recorded without

    @property
    def equal(self) -> int:
        return self.compared - len(self.differences)


def compare_records(then: pd.DataFrame, now: pd.DataFrame) -> RecordDifferences:
    """Compares the records of `then` with those of the same settings and examples in `now`, value by value."""
    matched = now.set_index(KEY)
    keys = pd.MultiIndex.from_frame(then[KEY])
    found = keys.isin(matched.index)
    before, after = then[found], matched.loc[keys[found]].reset_index()
    columns: Counter[str] = Counter()
    unrecorded: set[str] = set()
    first: dict[int, Difference] = {}
    decoded = before["nfe"].notna().to_numpy()
    for name in COMPARED:
        pairs = zip(map(_plain, before[name]), map(_plain, after[name]), strict=True)
        for row, (old, new) in enumerate(pairs):
            if old == new:
                continue
            if old is None and name in COUNTED and decoded[row]:
                unrecorded.add(name)
                continue
            columns[name] += 1
            if row not in first:
                record = before.iloc[row]
                first[row] = Difference(record["setting_id"], record["example_id"], name, *_shown(old, new))
    differences = [first[row] for row in sorted(first)]
    return RecordDifferences(
        len(before), int((~found).sum()), differences, dict(columns), tuple(sorted(unrecorded))
    )


def _plain(value: Any) -> Any:
    """As Python compares it: arrays and maps as tuples, every kind of null as None."""
    if isinstance(value, (np.ndarray, list, tuple)):
        return tuple(_plain(part) for part in value)
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value != value else value


def _shown(old: Any, new: Any) -> tuple[str, str]:
    """Both values; of two sequences the first place where they part."""
    if not (isinstance(old, tuple) and isinstance(new, tuple)):
        return _text(old), _text(new)
    place = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        return f"{len(old)} long", f"{len(new)} long"
    return f"[{place}]={_text(old[place])}", f"[{place}]={_text(new[place])}"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
