"""Whole records, with their texts and traces, of one setting at a time: for what shows or counts single tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.runs.run import Run
from pipeline.storage.record import SCHEMA
from pipeline.storage.store import Store

# Index of a run, id of one of its settings -> its records in order, with the columns of SCHEMA. Reads them anew.
Whole = Callable[[int, str], pa.Table]


def in_stores(runs: Sequence[Run], stores: Sequence[Store]) -> Whole:
    """Of runs whose records are in these stores."""

    def whole(number: int, setting_id: str) -> pa.Table:
        run = runs[number]
        [portion] = stores[number].portions([setting_id], run.limit)
        return portion.table.slice(0, _until(portion.table, run.examples[setting_id]))

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


def _until(table: pa.Table, examples: int) -> int:
    """How many of the records are of the first so many examples; they are in order."""
    position = table.column("position").to_numpy()
    return int((position < examples).sum())
