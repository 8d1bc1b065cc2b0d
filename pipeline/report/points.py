"""Records -> one point per setting: quality, NFE and what explains them, as sums over sums with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.report import stats
from pipeline.report.decodes import decode_hashes
from pipeline.report.labels import Label, Setting, knob_texts, short_names, uses_axon
from pipeline.report.metrics import COUNTS, SECONDS, how_many, measured
from pipeline.report.pareto import non_dominated
from pipeline.report.stats import Floats

# A setting scored on fewer examples than this share of the best-covered one is shown, but not compared.
MIN_COVERAGE = 0.95

PLUS_FOUR = (1.0, 1.0, 0.0, 0.0)
COSTS = ("computed_positions", "flops")  # beside NFE
RECORDED = (
    *("setting_id", "task", "example_id", "position", "score", "metrics", "error"),
    *("tokens", "revealed_at", "axon_steps", "unsupported_steps"),
)


@dataclass(frozen=True)
class Outcomes:
    """Scored outcomes, settings by examples; NaN where a setting has no score for an example."""

    setting_ids: tuple[str, ...]
    position_N: Floats
    quality_SN: Floats
    nfe_SN: Floats
    further_costs: Mapping[str, Floats] = field(default_factory=dict)  # of COSTS, (S, N) each

    @property
    def every_cost(self) -> dict[str, Floats]:
        return {"nfe": self.nfe_SN, **self.further_costs}


@dataclass(frozen=True)
class Draws:
    """Bootstrap replicates of the settings' means, every setting on the same drawn examples."""

    quality_S: Floats  # of the examples drawn from
    quality_BS: Floats
    cost_BS: dict[str, Floats]  # NFE and COSTS


def clean(settings: Mapping[str, Setting], records: pd.DataFrame) -> pd.DataFrame:
    """The settings' records, one per (setting, example), in a canonical order, counts as floats (NaN: none).

    Adds `scored`: has a score and a step count; `axon_taken` and `axon_unsupported`: how many steps AXON took,
    and in how many of those no candidate had any support.
    Raises ValueError when the records are of several tasks, since their qualities have no common scale.
    """
    rows = records.reindex(columns=[*RECORDED, *COUNTS, *SECONDS])
    rows = rows[rows["setting_id"].isin(list(settings))]
    rows = rows.drop_duplicates(["setting_id", "example_id"], keep="last")
    rows = rows.sort_values(["setting_id", "position", "example_id"], ignore_index=True)
    tasks = sorted(rows["task"].dropna().astype(str).unique())
    if len(tasks) > 1:
        raise ValueError(
            f"task={', '.join(tasks)}: a report compares settings of one task; write one report a task"
        )
    for name in (*COUNTS, *SECONDS, "position", "score"):
        rows[name] = pd.to_numeric(rows[name]).astype("float64")
    rows["axon_taken"] = how_many(rows["axon_steps"])
    rows["axon_unsupported"] = how_many(rows["unsupported_steps"])
    rows["scored"] = rows["score"].notna() & rows["nfe"].notna()
    return rows


def outcomes(settings: Mapping[str, Setting], rows: pd.DataFrame) -> Outcomes:
    """The scored part of cleaned rows as matrices; examples by their place in the shared order."""
    scored = rows[rows["scored"]]
    examples = scored[["position", "example_id"]].drop_duplicates("example_id")
    examples = examples.sort_values(["position", "example_id"])

    def matrix(column: str) -> Floats:
        wide = scored.pivot(index="setting_id", columns="example_id", values=column)
        return wide.reindex(index=list(settings), columns=examples["example_id"]).to_numpy(dtype=np.float64)

    return Outcomes(
        tuple(settings),
        examples["position"].to_numpy(dtype=np.float64),
        matrix("score"),
        matrix("nfe"),
        {cost: matrix(cost) for cost in COSTS},
    )


def draw(found: Outcomes) -> Draws:
    """The bootstrap over examples that every probability, band and hypervolume of a front rests on.

    Where a setting's scores are all 0 or 1, two right and two wrong examples of average cost join those that are
    drawn from. Of 40 right of 40 a plain bootstrap draws ones only, and would be sure of what is [0.91, 1]; with
    these four it covers the truth about as often as it says (Agresti and Coull, American Statistician 52 (1998) 119).
    All settings get the same four, so they move no difference.
    """
    binary_S1 = np.array([[stats.is_binary(own_N)] for own_N in found.quality_SN]).reshape(-1, 1)
    added_S4 = np.where(binary_S1, PLUS_FOUR, np.nan)
    counts_BN = stats.draw_counts(len(found.position_N) + len(PLUS_FOUR))

    def drawn(values_SN: Floats, more_S4: Floats) -> Floats:
        return stats.means(np.concatenate([values_SN, more_S4], axis=1), counts_BN)

    costs = {
        name: drawn(own_SN, np.where(binary_S1, stats.means(own_SN)[:, None], added_S4))
        for name, own_SN in found.every_cost.items()
    }
    quality_S = stats.means(np.concatenate([found.quality_SN, added_S4], axis=1))
    return Draws(quality_S, drawn(found.quality_SN, added_S4), costs)


def make_points(
    settings: Mapping[str, Setting],
    rows: pd.DataFrame,
    labels: Mapping[str, Label],
    found: Outcomes,
    draws: Draws,
) -> pd.DataFrame:
    """One row per setting, in the order of `settings`; ratios are NaN where nothing was scored, or known.

    Over the scored examples only, so that quality and cost speak of the same ones. Columns:

    - setting_id, group, axon, label, knob.<name>...; decode: equal where two settings decode alike;
    - n, unscored, complete; quality(_lo, _hi), nfe(_lo, _hi);
    - computed_positions, flops (an example; _lo, _hi): what went through the network, and what that took;
    - nfe_to_eos, tokens_per_step, tokens_per_step_to_eos; kendall_tau (mean, of the decoding order against left to
      right); metric.<name>... (means of the task's further metrics);
    - axon_share and gate_share (of steps), firing_rate (of gate checks), axon_empty (share of AXON's steps in
      which no candidate had any support), anchors_per_step (AXON's), axon_sink_share (of the columns it looked at);
    - graph_empty (share of DAWN's steps in which its graph had no edge), graph_sink_share;
    - batch_seconds (machine seconds an example, an equal share of its slice's: no latency), capture_share of them;
    - front (nobody beats it), group_front (nobody in its group does), on_front (how sure the latter is: in what share
      of the bootstrap's replicates).
    """
    ids = list(settings)
    texts = knob_texts({setting_id: labels[setting_id] for setting_id in ids})
    points = pd.DataFrame({"setting_id": pd.Series(ids, dtype="object")})
    points["group"] = pd.Series([labels[setting_id].group for setting_id in ids], dtype="object")
    points["axon"] = np.array([uses_axon(setting) for setting in settings.values()], dtype=np.bool_)
    points["label"] = pd.Series([texts[setting_id] for setting_id in ids], dtype="object")
    names = short_names(key for setting_id in ids for key in labels[setting_id].knobs)
    for key, name in names.items():
        points[f"knob.{name}"] = pd.Series([labels[i].knobs.get(key) for i in ids], dtype="object")
    points["decode"] = pd.Series(list(decode_hashes(rows, ids).values()), dtype="object")

    points["n"] = (~np.isnan(found.quality_SN)).sum(axis=1)
    total = rows.groupby("setting_id").size().reindex(ids, fill_value=0).to_numpy(dtype=np.int64)
    points["unscored"] = total - points["n"]
    most = int(points["n"].max()) if ids else 0
    points["complete"] = (points["n"] > 0) & (points["n"] >= MIN_COVERAGE * most)

    counts_BN = stats.draw_counts(len(found.position_N))
    for name, values_SN in {"quality": found.quality_SN, **found.every_cost}.items():
        intervals = stats.mean_intervals(values_SN, counts_BN)
        for column, place in ((name, 0), (f"{name}_lo", 1), (f"{name}_hi", 2)):
            points[column] = np.array([interval[place] for interval in intervals], dtype=np.float64)
    points = pd.concat([points, measured(rows[rows["scored"]], ids)], axis=1)
    return mark_fronts(points, "nfe", draws)


def mark_fronts(points: pd.DataFrame, cost: str, draws: Draws) -> pd.DataFrame:
    """With `front`, `group_front` and `on_front` for quality against the column `cost`, over complete settings only.

    on_front is the share of the bootstrap's replicates in which a setting is on its group's front; NaN for a
    setting that is partial or unscored.
    """
    complete = points["complete"].to_numpy(dtype=np.bool_)
    quality = points["quality"].where(points["complete"]).to_numpy(dtype=np.float64)
    spent = points[cost].to_numpy(dtype=np.float64)
    group_front = np.zeros(len(points), dtype=np.bool_)
    on_front = np.full(len(points), np.nan)
    for group in points["group"].unique():
        members = np.flatnonzero((points["group"] == group).to_numpy() & complete)
        group_front[members] = non_dominated(quality[members], spent[members])
        quality_BK, cost_BK = draws.quality_BS[:, members], draws.cost_BS[cost][:, members]
        known_BK = ~np.isnan(quality_BK)  # a replicate may have drawn nothing that was scored
        times_K = non_dominated(quality_BK, cost_BK).sum(axis=0)
        on_front[members] = times_K / np.maximum(known_BK.sum(axis=0), 1)
    return points.assign(front=non_dominated(quality, spent), group_front=group_front, on_front=on_front)


def sort_along_front(points: pd.DataFrame, cost: str = "nfe") -> pd.DataFrame:
    """By rising cost, the better first among equals; settings without a score last."""
    return points.sort_values(
        [cost, "quality", "setting_id"], ascending=[True, False, True], ignore_index=True
    )
