"""What the report needs of an example's lists and texts, as one number each.

A record of the store holds the tokens of an answer, the step that revealed each, and its text: a few kilobytes of real
models. A report needs them for a handful of figures per example, so that a million records are read slice by slice and
kept as `measured` leaves them: numbers, and categories of what repeats. A figure that needs a trace is added here.
Texts and traces of single examples are read from the store when they are shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.report.data.order import kendall_tau, places
from pipeline.report.data.parallelism import afp, spearman_rho

Digests = NDArray[np.uint64]

NO_TRACE = 0  # of the column `trace`
LISTS = ("tokens", "revealed_at", "axon_steps", "unsupported_steps")
TAKEN_OUT = (*LISTS, "metrics", "answer", "extracted")  # what measured records lack
METRIC = "metric."
# Of an example's decoding order, known from the step that revealed each token.
ORDERS = {"kendall_tau": kendall_tau, "spearman_rho": spearman_rho, "afp": afp}
_LIST, _MAP = pa.list_(pa.int64()), pa.map_(pa.string(), pa.float64())


def measured(records: pd.DataFrame) -> pd.DataFrame:
    """The records with `trace`, ORDERS, `axon_taken`, `axon_unsupported` and `metric.<name>` in place of lists and
    texts; those that are measured already as they are.

    trace: a digest of the tokens and of the step that revealed each (NO_TRACE: unknown); axon_taken and
    axon_unsupported: in how many steps AXON chose the tokens, and in how many of those no candidate had any support
    (NaN: unknown).
    """
    if "trace" in records:
        return records
    lists = {name: _as_arrow(records, name, _LIST) for name in LISTS}
    rest = records.drop(columns=[name for name in TAKEN_OUT if name in records])
    return rest.assign(**measures(lists, _as_arrow(records, "metrics", _MAP)))


def measures(lists: dict[str, pa.ListArray], metrics: pa.MapArray) -> dict[str, NDArray[Any]]:
    """The columns that stand for LISTS and metrics, by name, (N,) each."""
    revealed_NG = places(*_flat(lists["revealed_at"]))
    return {
        "trace": _traces(lists["tokens"], lists["revealed_at"]),
        **{name: figure(revealed_NG) for name, figure in ORDERS.items()},
        "axon_taken": _lengths(lists["axon_steps"]),
        "axon_unsupported": _lengths(lists["unsupported_steps"]),
        **_metrics(metrics),
    }


def _as_arrow(records: pd.DataFrame, name: str, kind: pa.DataType) -> Any:
    if name not in records:
        return pa.nulls(len(records), kind)
    values = [None if isinstance(own, float) else own for own in records[name]]  # NaN in a column of lists
    found = pa.array(values, kind)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _flat(lists: pa.ListArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All values, and the length of each list; 0 where there is none."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return pc.list_flatten(lists).to_numpy(zero_copy_only=False), lengths.to_numpy(
        zero_copy_only=False
    ).astype(np.int64)


def _lengths(lists: pa.ListArray) -> NDArray[Any]:
    """NaN where there is none, else whole numbers."""
    found: NDArray[Any] = pc.list_value_length(lists).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found


def _traces(tokens: pa.ListArray, revealed_at: pa.ListArray) -> Digests:
    """pandas' hash of 64 bits, over values and places: two traces that differ are as good as never equal."""
    both = _hashed(_digests(tokens) + _hashed(_digests(revealed_at) + np.uint64(1)))
    # An answer from elsewhere has an empty list.
    decoded = pc.fill_null(pc.greater(pc.list_value_length(tokens), 0), False)
    known = pc.and_(decoded, revealed_at.is_valid()).to_numpy(zero_copy_only=False)
    return np.where(known, np.maximum(both, np.uint64(1)), np.uint64(NO_TRACE))


def _digests(lists: pa.ListArray) -> Digests:
    values, lengths = _flat(lists)
    starts = np.cumsum(lengths) - lengths
    sums = np.zeros(len(lengths), dtype=np.uint64)
    if len(values):
        of_place = _hashed(np.arange(1, 1 + int(lengths.max()), dtype=np.uint64))
        mixed = of_place[np.arange(len(values)) - np.repeat(starts, lengths)]
        mixed += values.view(np.uint64)  # in place: what is allocated anew takes longer than what is computed
        sums[lengths > 0] = np.add.reduceat(_hashed(mixed), starts[lengths > 0])
    return sums + _hashed(lengths.astype(np.uint64))


def _hashed(values: Digests) -> Digests:
    hashed: Digests = pd.util.hash_array(values, categorize=False)
    return hashed


def _metrics(metrics: pa.MapArray) -> dict[str, NDArray[np.float64]]:
    """A column for each name, NaN where an example lacks it; of a name that is there twice the last counts."""
    row = np.repeat(np.arange(len(metrics)), np.diff(metrics.offsets.to_numpy()))
    names = metrics.keys.dictionary_encode()
    values = metrics.items.to_numpy(zero_copy_only=False)
    found = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        own = names.indices.to_numpy(zero_copy_only=False) == code
        column = np.full(len(metrics), np.nan)
        column[row[own]] = values[own]
        found[f"{METRIC}{name}"] = column
    return found
