"""The records as the report reads them: one per run, setting and example, with counts as numbers."""

import numpy as np
import pandas as pd

from pipeline.report.data.measures import METRIC, ORDERS, measured

SECONDS = ("seconds_model", "seconds_capture", "seconds_select")
CLOCKED = (
    "seconds_in_batch",
    "seconds_to_first_block",
)  # of a row by the wall clock, together with its batch
COUNTS = (
    *("nfe", "nfe_to_eos", "tokens_generated", "tokens_to_eos", "gate_checks"),
    # Files of older versions lack these; what is derived from them is then unknown, never zero.
    *("anchors", "axon_sinks", "axon_columns"),
    *("graph_steps", "empty_graph_steps", "graph_sinks", "graph_columns"),
    *("compared_steps", "held_back_steps", "held_back"),
    *("remasked", "replaced", "ahead", "post_steps"),
    *("prefill_passes", "store_passes", "full_passes"),
    *("computed_positions", "flops"),
)
MEASURES = ("trace", *ORDERS, "axon_taken", "axon_unsupported")  # measures.py
NUMBERS = ("run", "position", "score", *COUNTS, *SECONDS, *CLOCKED, "batch_size")
COLUMNS = (
    "run",  # index of the run whose store a record is from; absent where all runs share their records
    *("setting_id", "example_id", "position", "score", "error"),
    *MEASURES,
    *COUNTS,
    *SECONDS,
    *CLOCKED,
    *("device", "attention_kernel", "torch", "batch_size"),
    *("decoded_under", "code"),
)
KEY = ["run", "setting_id", "example_id"]


def clean(records: pd.DataFrame) -> pd.DataFrame:
    """The records, whole or measured, in a canonical order, each once, with numbers as numpy has them (NaN: unknown).

    The columns of measures.py, and `scored`: has a score and a step count, or a score where no record of its setting
    has a step count, as answers from elsewhere may lack them; `seconds`: machine time in all; `passes`: every call of
    the network, prefill and store passes too.
    """
    known = measured(records)
    columns = {name: known[name] if name in known else np.float32(np.nan) for name in COLUMNS}
    columns |= {str(name): known[name] for name in known if str(name).startswith(METRIC)}
    rows = pd.DataFrame(columns, index=known.index, copy=False)
    for name in ("setting_id", "example_id"):
        if not isinstance(rows[name].dtype, pd.CategoricalDtype):
            rows[name] = rows[name].astype("category")
    for name in NUMBERS:
        if not isinstance(rows[name].dtype, np.dtype) or rows[name].dtype == object:
            rows[name] = pd.to_numeric(rows[name]).astype("float64")
    rows = _ordered(rows)
    rows["seconds"] = rows[list(SECONDS)].sum(axis=1)
    # Counts may be as narrow as their largest value allows.
    rows["passes"] = rows["nfe"].astype("float64") + rows["prefill_passes"] + rows["store_passes"]
    counted = rows["nfe"].notna()
    if not counted.all():
        silent = ~counted.groupby([rows["run"], rows["setting_id"]], dropna=False, observed=True).transform(
            "any"
        )
        counted |= silent
    rows["scored"] = rows["score"].notna() & counted
    return rows


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """By run, setting and position, the last record where there are several of an example. No copy of what is so."""
    if (repeated := rows.duplicated(KEY, keep="last")).any():
        rows = rows[~repeated]
    places = [rows["run"], rows["setting_id"].cat.codes, rows["position"], rows["example_id"].cat.codes]
    order = np.lexsort([place.to_numpy() for place in reversed(places)])
    if (np.diff(order) == 1).all():
        return rows.reset_index(drop=True)
    return rows.take(order).reset_index(drop=True)
