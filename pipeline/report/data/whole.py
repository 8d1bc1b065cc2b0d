"""Whole records, with their texts and traces, of one setting at a time: for what shows or counts single tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.runs.run import Run
from pipeline.storage.record import SCHEMA
from pipeline.storage.store import Store

KEPT = 8192  # records of a run: so many or fewer are read once, and kept

# Index of a run, id of one of its settings -> its records in order, with the columns of SCHEMA. Of a large run they are
# read anew each time.
Whole = Callable[[int, str], pa.Table]


def in_stores(runs: Sequence[Run], stores: Sequence[Store]) -> Whole:
    """Of runs whose records are in these stores."""

    def read(number: int, setting_ids: Sequence[str]) -> dict[str, pa.Table]:
        run = runs[number]
        found = dict.fromkeys(setting_ids, SCHEMA.empty_table())
        for portion in stores[number].portions(sorted(setting_ids), run.limit):
            for setting_id, table in _by_setting(portion.table):
                found[setting_id] = table.slice(0, _until(table, run.examples[setting_id]))
        return found

    @cache
    def kept(number: int) -> dict[str, pa.Table]:
        examples = runs[number].examples
        return read(number, list(examples)) if sum(examples.values()) <= KEPT else {}

    def whole(number: int, setting_id: str) -> pa.Table:
        known = kept(number)
        return known[setting_id] if known else read(number, [setting_id])[setting_id]

    return whole


def in_memory(records: pd.DataFrame) -> Whole:
    """Of whole records; with several runs their column `run` is the index of the one they are from."""

    @cache
    def places() -> Mapping[Any, Any]:
        known = "setting_id" in records  # not where there is no record at all
        return records.groupby("setting_id", sort=False, observed=True).indices if known else {}

    schema = pa.schema([field for field in SCHEMA if field.name in records])

    def whole(number: int, setting_id: str) -> pa.Table:
        own = records.iloc[places().get(setting_id, [])]
        if "run" in own:
            own = own[own["run"].isna() | (own["run"] == number)]
        return pa.Table.from_pandas(own, schema, preserve_index=False)

    return whole


def columns_of(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    """These columns of whole records; empty where the table lacks one, as tables of earlier versions do."""
    found: pd.DataFrame = table.select([name for name in names if name in table.column_names]).to_pandas()
    return found.reindex(columns=list(names))


def _by_setting(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The records of each setting, which come one setting after another."""
    names = pa.chunked_array(table.column("setting_id")).combine_chunks().dictionary_encode()
    places = names.indices.to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)] if len(places) else []
    for start, stop in pairwise(starts):
        yield names.dictionary[int(places[start])].as_py(), table.slice(start, stop - start)


def _until(table: pa.Table, examples: int) -> int:
    """How many of the records are of the first so many examples; they are in order."""
    position = table.column("position").to_numpy()
    return int((position < examples).sum())
