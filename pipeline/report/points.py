"""Records -> one point per setting: quality, NFE and what explains them, as sums over sums with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from axon.trace import kendall_tau
from pipeline.report import stats
from pipeline.report.labels import Label, Setting, knob_texts, short_names, uses_axon
from pipeline.report.pareto import non_dominated
from pipeline.report.stats import Floats

# A setting scored on fewer examples than this share of the best-covered one is shown, but not compared.
MIN_COVERAGE = 0.95

COUNTS = ("nfe", "nfe_to_eos", "tokens_generated", "tokens_to_eos", "gate_checks")
SECONDS = ("seconds_model", "seconds_capture", "seconds_select")
RECORDED = (
    "setting_id",
    "task",
    "example_id",
    "position",
    "score",
    "others",
    "error",
    "axon_passes",
    "tokens",
    "revealed_at",
)


@dataclass(frozen=True)
class Outcomes:
    """Scored outcomes, settings by examples; NaN where a setting has no score for an example."""

    setting_ids: tuple[str, ...]
    position_N: Floats
    quality_SN: Floats
    nfe_SN: Floats


def clean(settings: Mapping[str, Setting], records: pd.DataFrame) -> pd.DataFrame:
    """The settings' records, one per (setting, example), in a canonical order, counts as floats (NaN: none).

    Adds `scored`: has a score and a pass count; and `axon_taken`: how many passes AXON took.
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
    rows["axon_taken"] = [float(len(taken)) if _is_list(taken) else 0.0 for taken in rows["axon_passes"]]
    rows["scored"] = rows["score"].notna() & rows["nfe"].notna()
    return rows


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def outcomes(settings: Mapping[str, Setting], rows: pd.DataFrame) -> Outcomes:
    """The scored part of cleaned rows as matrices; examples by their place in the shared order."""
    scored = rows[rows["scored"]]
    examples = scored[["position", "example_id"]].drop_duplicates("example_id")
    examples = examples.sort_values(["position", "example_id"])

    def matrix(column: str) -> Floats:
        wide = scored.pivot(index="setting_id", columns="example_id", values=column)
        return wide.reindex(index=list(settings), columns=examples["example_id"]).to_numpy(dtype=np.float64)

    return Outcomes(
        tuple(settings), examples["position"].to_numpy(dtype=np.float64), matrix("score"), matrix("nfe")
    )


def make_points(
    settings: Mapping[str, Setting], rows: pd.DataFrame, labels: Mapping[str, Label], found: Outcomes
) -> pd.DataFrame:
    """One row per setting, in the order of `settings`; ratios are NaN where nothing was scored.

    Over the scored examples only, so that quality and cost speak of the same ones. Columns: setting_id, arm, axon,
    label, knob.<name>..., n, unscored, complete, quality(_lo, _hi), nfe(_lo, _hi), nfe_to_eos, tokens_per_pass,
    tokens_per_pass_to_eos, axon_share and gate_share (of passes), firing_rate (of gate checks), kendall_tau (mean, of
    the decoding order against left to right), seconds (an example), capture_share (of seconds), also.<metric>... (means
    of the task's further metrics), front (nobody beats it) and arm_front (nobody in its arm does).
    """
    ids = list(settings)
    texts = knob_texts({setting_id: labels[setting_id] for setting_id in ids})
    points = pd.DataFrame({"setting_id": pd.Series(ids, dtype="object")})
    points["arm"] = pd.Series([labels[setting_id].arm for setting_id in ids], dtype="object")
    points["axon"] = np.array([uses_axon(setting) for setting in settings.values()], dtype=np.bool_)
    points["label"] = pd.Series([texts[setting_id] for setting_id in ids], dtype="object")
    names = short_names(key for setting_id in ids for key in labels[setting_id].knobs)
    for key, name in names.items():
        points[f"knob.{name}"] = pd.Series([labels[i].knobs.get(key) for i in ids], dtype="object")

    scored = rows[rows["scored"]]
    points["n"] = (~np.isnan(found.quality_SN)).sum(axis=1)
    total = rows.groupby("setting_id").size().reindex(ids, fill_value=0).to_numpy(dtype=np.int64)
    points["unscored"] = total - points["n"]
    most = int(points["n"].max()) if ids else 0
    points["complete"] = (points["n"] > 0) & (points["n"] >= MIN_COVERAGE * most)

    counts_BN = stats.draw_counts(len(found.position_N))
    for name, values_SN in (("quality", found.quality_SN), ("nfe", found.nfe_SN)):
        intervals = stats.mean_intervals(values_SN, counts_BN)
        for column, place in ((name, 0), (f"{name}_lo", 1), (f"{name}_hi", 2)):
            points[column] = np.array([interval[place] for interval in intervals], dtype=np.float64)

    timed = scored.assign(examples=1.0, seconds=scored[list(SECONDS)].sum(axis=1))
    for name, numerator, denominator in (
        ("nfe_to_eos", "nfe_to_eos", "examples"),
        ("tokens_per_pass", "tokens_generated", "nfe"),
        ("tokens_per_pass_to_eos", "tokens_to_eos", "nfe_to_eos"),
        ("axon_share", "axon_taken", "nfe"),
        ("gate_share", "gate_checks", "nfe"),
        ("firing_rate", "axon_taken", "gate_checks"),
        ("seconds", "seconds", "examples"),
        ("capture_share", "seconds_capture", "seconds"),
    ):
        points[name] = sum_over_sum(timed, numerator, denominator, ids)
    orders = scored.groupby("setting_id")["revealed_at"].apply(_mean_tau)
    points["kendall_tau"] = orders.reindex(ids).to_numpy(dtype=np.float64)
    metrics = pd.DataFrame([dict(found) for found in scored["others"]], index=scored["setting_id"])
    for metric, means in metrics.groupby(level=0).mean().items():
        points[f"also.{metric}"] = means.reindex(ids).to_numpy(dtype=np.float64)
    return mark_fronts(points)


def _mean_tau(revealed_at: pd.Series) -> float:
    """The mean over the examples that have an order; NaN for none. All have one generation length."""
    tau_N = kendall_tau(torch.from_numpy(np.stack(list(revealed_at))))
    return float(tau_N.nanmean())


def sum_over_sum(rows: pd.DataFrame, numerator: str, denominator: str, ids: list[str]) -> Floats:
    """Per setting, sum / sum over the rows that have both; NaN for none, or for nothing to divide by."""
    both = rows[rows[numerator].notna() & rows[denominator].notna()]
    sums = both.groupby("setting_id")[[numerator, denominator]].sum().reindex(ids)
    below = sums[denominator].to_numpy(dtype=np.float64)
    above = sums[numerator].to_numpy(dtype=np.float64)
    ratios: Floats = np.divide(above, below, out=np.full(len(ids), np.nan), where=below > 0)
    return ratios


def mark_fronts(points: pd.DataFrame) -> pd.DataFrame:
    """Add `front` and `arm_front`, over complete settings only."""
    quality = points["quality"].where(points["complete"]).to_numpy(dtype=np.float64)
    nfe = points["nfe"].to_numpy(dtype=np.float64)
    arm_front = np.zeros(len(points), dtype=np.bool_)
    for arm in points["arm"].unique():
        members = np.flatnonzero((points["arm"] == arm).to_numpy())
        arm_front[members] = non_dominated(quality[members], nfe[members])
    return points.assign(front=non_dominated(quality, nfe), arm_front=arm_front)


def sort_along_front(points: pd.DataFrame) -> pd.DataFrame:
    """By rising NFE, the better first among equals; settings without a score last."""
    return points.sort_values(
        ["nfe", "quality", "setting_id"], ascending=[True, False, True], ignore_index=True
    )
