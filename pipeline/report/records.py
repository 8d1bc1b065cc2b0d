"""The records as the report reads them: one per run, setting and example, with counts as numbers."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.stats import Floats

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
    *("prefill_passes", "store_passes", "full_passes"),
    *("computed_positions", "flops"),
)
COLUMNS = (
    "run",  # index of the run whose store a record is from; absent where all runs share their records
    *("setting_id", "example_id", "position", "score", "metrics", "error"),
    *("tokens", "revealed_at", "axon_steps", "unsupported_steps"),
    *COUNTS,
    *SECONDS,
    *CLOCKED,
    *("device", "attention_kernel", "torch", "batch_size"),
)


def clean(records: pd.DataFrame) -> pd.DataFrame:
    """The records in a canonical order, each once, numbers as floats (NaN: unknown).

    Adds `scored`: has a score and a step count, or a score where no record of its setting has a step
    count, as answers from elsewhere may lack them; `seconds`: machine time in all; `passes`: every call of the network,
    prefill and store passes too; `axon_taken` and `axon_unsupported`: in how many steps AXON chose the
    tokens, and in how many of those no candidate had any support.
    """
    rows = records.reindex(columns=list(COLUMNS))
    rows = rows.drop_duplicates(["run", "setting_id", "example_id"], keep="last")
    rows = rows.sort_values(["run", "setting_id", "position", "example_id"], ignore_index=True)
    for name in (*COUNTS, *SECONDS, *CLOCKED, "run", "position", "score", "batch_size"):
        rows[name] = pd.to_numeric(rows[name]).astype("float64")
    rows["seconds"] = rows[list(SECONDS)].sum(axis=1)
    rows["passes"] = rows["nfe"] + rows["prefill_passes"] + rows["store_passes"]
    rows["axon_taken"] = _lengths(rows["axon_steps"])
    rows["axon_unsupported"] = _lengths(rows["unsupported_steps"])
    counted = rows["nfe"].notna()
    silent = ~counted.groupby([rows["run"], rows["setting_id"]], dropna=False).transform("any")
    rows["scored"] = rows["score"].notna() & (counted | silent)
    return rows


def _lengths(lists: "pd.Series[Any]") -> Floats:
    """The length of each list; NaN where there is none."""
    return np.array(
        [len(own) if isinstance(own, (list, tuple, np.ndarray)) else np.nan for own in lists],
        dtype=np.float64,
    )
