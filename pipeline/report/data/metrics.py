"""What explains a point beside its quality and NFE: ratios of sums over its records."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.data.measures import METRIC, ORDERS
from pipeline.report.statistics.stats import Floats


class Ratio(NamedTuple):
    name: str
    above: str
    below: str


RATIOS = (
    Ratio("nfe_to_eos", "nfe_to_eos", "examples"),
    Ratio("tokens_per_step", "tokens_generated", "nfe"),
    Ratio("tokens_per_pass", "tokens_generated", "passes"),
    Ratio("prefill_passes", "prefill_passes", "examples"),
    Ratio("store_passes", "store_passes", "examples"),
    Ratio("full_passes", "full_passes", "examples"),
    Ratio("tokens_per_step_to_eos", "tokens_to_eos", "nfe_to_eos"),
    Ratio("axon_share", "axon_taken", "nfe"),
    Ratio("gate_share", "gate_checks", "nfe"),
    Ratio("firing_rate", "axon_taken", "gate_checks"),
    Ratio("axon_empty", "axon_unsupported", "axon_taken"),
    Ratio("anchors_per_step", "anchors", "axon_taken"),
    Ratio("axon_sink_share", "axon_sinks", "axon_columns"),
    Ratio("graph_empty", "empty_graph_steps", "graph_steps"),
    Ratio("graph_sink_share", "graph_sinks", "graph_columns"),
    Ratio("held_share", "held_back_steps", "compared_steps"),
    Ratio("held_per_step", "held_back", "held_back_steps"),
    Ratio("remasked_share", "remasked", "tokens_generated"),
    Ratio("replaced_share", "replaced", "tokens_generated"),
    Ratio("ahead_share", "ahead", "tokens_generated"),
    Ratio("post_share", "post_steps", "nfe"),
    Ratio("batch_seconds", "seconds", "examples"),
    Ratio("tokens_per_second", "tokens_generated", "seconds"),
    Ratio("seconds_in_batch", "seconds_in_batch", "examples"),
    Ratio("seconds_to_first_block", "seconds_to_first_block", "examples"),
    Ratio("capture_share", "seconds_capture", "seconds"),
)


def metric_columns(scored: pd.DataFrame, points: int) -> pd.DataFrame:
    """One row per point: RATIOS, ORDERS (means) and metric.<name>; NaN where the denominator is 0 or unknown."""
    places = range(points)
    counted = scored.assign(examples=1.0)
    of_point = counted.groupby("point")
    named = dict.fromkeys(name for ratio in RATIOS for name in (ratio.above, ratio.below))
    known = {name: counted[name].notna().to_numpy() for name in named}
    totals = of_point[[name for name, own in known.items() if own.all()]].sum().reindex(places)
    found = {ratio.name: _sum_over_sum(counted, totals, known, ratio, places) for ratio in RATIOS}
    for name in ORDERS:
        orders = of_point[name].apply(_known_mean)
        found[name] = orders.reindex(places).to_numpy(dtype=np.float64)
    metrics = [str(name) for name in scored if str(name).startswith(METRIC)]
    means = of_point[metrics].mean().reindex(places)
    return pd.DataFrame({**found, **{name: means[name].to_numpy(dtype=np.float64) for name in metrics}})


def _sum_over_sum(
    rows: pd.DataFrame,
    totals: pd.DataFrame,
    known: Mapping[str, NDArray[np.bool_]],
    ratio: Ratio,
    places: range,
) -> Floats:
    """Per point, over the rows that have both columns.

    `known`: which rows have a column; `totals`: per point, of those that all rows have, summed once for all ratios.
    """
    both = known[ratio.above] & known[ratio.below]
    if not both.any():
        return np.full(len(places), np.nan)
    columns = [ratio.above, ratio.below]
    if not both.all():
        totals = rows.loc[both, ["point", *columns]].groupby("point").sum().reindex(places)
    below = totals[ratio.below].to_numpy(dtype=np.float64)
    above = totals[ratio.above].to_numpy(dtype=np.float64)
    ratios: Floats = np.divide(above, below, out=np.full(len(places), np.nan), where=below > 0)
    return ratios


def _known_mean(values: "pd.Series[float]") -> float:
    """As numpy adds them up; NaN of none."""
    known = values.dropna().to_numpy()
    return float(known.mean()) if len(known) else np.nan
