"""What explains a point beside its quality and NFE: sums over sums of what its records counted."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from axon.trace import kendall_tau
from pipeline.report.stats import Floats

SECONDS = ("seconds_model", "seconds_capture", "seconds_select")
COUNTS = (
    *("nfe", "nfe_to_eos", "tokens_generated", "tokens_to_eos", "gate_checks"),
    # Files of an older version lack these; what is made of them is then unknown, never a zero.
    *("anchors", "axon_sinks", "axon_columns"),
    *("graph_steps", "empty_graph_steps", "graph_sinks", "graph_columns"),
    *("computed_positions", "flops"),
)


class Ratio(NamedTuple):
    name: str
    above: str
    below: str


RATIOS = (
    Ratio("nfe_to_eos", "nfe_to_eos", "examples"),
    Ratio("tokens_per_step", "tokens_generated", "nfe"),
    Ratio("tokens_per_step_to_eos", "tokens_to_eos", "nfe_to_eos"),
    Ratio("axon_share", "axon_taken", "nfe"),
    Ratio("gate_share", "gate_checks", "nfe"),
    Ratio("firing_rate", "axon_taken", "gate_checks"),
    Ratio("axon_empty", "axon_unsupported", "axon_taken"),
    Ratio("anchors_per_step", "anchors", "axon_taken"),
    Ratio("axon_sink_share", "axon_sinks", "axon_columns"),
    Ratio("graph_empty", "empty_graph_steps", "graph_steps"),
    Ratio("graph_sink_share", "graph_sinks", "graph_columns"),
    Ratio("batch_seconds", "seconds", "examples"),
    Ratio("capture_share", "seconds_capture", "seconds"),
)


def measured(scored: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    """One row per setting: RATIOS, kendall_tau and metric.<name>; NaN where there is nothing to divide."""
    timed = scored.assign(examples=1.0, seconds=scored[list(SECONDS)].sum(axis=1))
    found = {ratio.name: sum_over_sum(timed, ratio, ids) for ratio in RATIOS}
    orders = scored.groupby("setting_id")["revealed_at"].apply(_mean_tau)
    found["kendall_tau"] = orders.reindex(ids).to_numpy(dtype=np.float64)
    metrics = pd.DataFrame([dict(others) for others in scored["metrics"]], index=scored["setting_id"])
    for metric, means in metrics.groupby(level=0).mean().items():
        found[f"metric.{metric}"] = means.reindex(ids).to_numpy(dtype=np.float64)
    return pd.DataFrame(found)


def sum_over_sum(rows: pd.DataFrame, ratio: Ratio, ids: list[str]) -> Floats:
    """Per setting, sum / sum over the rows that have both; NaN for none, or for nothing to divide by."""
    columns = [ratio.above, ratio.below]
    both = rows[rows[columns].notna().all(axis=1)]
    sums = both.groupby("setting_id")[columns].sum().reindex(ids)
    below = sums[ratio.below].to_numpy(dtype=np.float64)
    above = sums[ratio.above].to_numpy(dtype=np.float64)
    ratios: Floats = np.divide(above, below, out=np.full(len(ids), np.nan), where=below > 0)
    return ratios


def how_many(lists: "pd.Series[Any]") -> Floats:
    """The length of each list; NaN where there is none."""
    return np.array(
        [len(own) if isinstance(own, (list, tuple, np.ndarray)) else np.nan for own in lists],
        dtype=np.float64,
    )


def _mean_tau(revealed_at: "pd.Series[Any]") -> float:
    """The mean over the examples that have an order; NaN for none. All have one generation length."""
    tau_N = kendall_tau(torch.from_numpy(np.stack(list(revealed_at))))
    return float(tau_N.nanmean())
