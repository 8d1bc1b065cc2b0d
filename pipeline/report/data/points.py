"""One point per setting: quality, NFE and what explains them, as ratios of sums with intervals; and their fronts.

Seeds of a setting are no points of their own (seeds.py).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.data.decodes import decode_hashes, joint_hashes
from pipeline.report.data.labels import Names, knob_texts
from pipeline.report.data.metrics import metric_columns
from pipeline.report.data.seeds import seeds_text, spreads
from pipeline.report.entries import Part
from pipeline.report.statistics import stats
from pipeline.report.statistics.pareto import non_dominated
from pipeline.report.statistics.sample import Draws, Sample

# A setting scored on fewer examples than this fraction of the best-covered one is shown but not compared.
MIN_COVERAGE = 0.95
EXACT, APPROXIMATE = ("block",), ("prefix", "dual")
REVISIONS = ("remasked_share", "replaced_share", "post_share")
PASSES = {  # the caches under which there are such passes
    "prefill_passes": EXACT,
    "store_passes": EXACT,
    "tokens_per_pass": EXACT,
    "full_passes": APPROXIMATE,
}


def make_points(part: Part, knobs: Names, sample: Sample, draws: Draws) -> pd.DataFrame:
    """One row per entry of the facet; ratios are NaN where nothing was scored, or where they are unknown.

    `knobs`: the short names of the dotted keys. All figures are over the scored examples only, so that quality and
    cost are of the same ones. Columns:

    - setting_id (of several seeds the first's), task, model, run, group, axon, foreign (its answers are from
      elsewhere), label, knob.<name>...; decode: equal where two settings decode identically;
    - where a group has several seeds: seeds (how many have records), seed_sd (the standard deviation over them of the
      mean quality, on the examples that all of them have), NaN of others;
    - n, unscored, stopped (why it was, early; empty for others), complete (not stopped, its NFE known, and scored on
      almost as many examples as any decoded here); quality(_lo, _hi), nfe(_lo, _hi);
    - computed_positions, flops (per example; _lo, _hi): positions that went through the network, and its FLOPs; seconds
      likewise where settings differ in their cache and one machine decoded them all;
    - shadow (the decoder's name where its steps compute a shadow of the block beside the canvas; empty for others);
    - cache; prefill_passes and store_passes (per example) and tokens_per_pass (both counted) under an exact cache,
      full_passes (of the steps, those over the whole canvas) under one that approximates; NaN elsewhere;
    - nfe_to_eos, tokens_per_step, tokens_per_step_to_eos; kendall_tau and spearman_rho (means, of the
      decoding order against left to right), afp (mean average finalisation parallelism); metric.<name>... (means of
      the task's further metrics);
    - axon_share and gate_share (of steps), firing_rate (of gate checks), axon_empty (fraction of AXON's steps in
      which no candidate had any support), anchors_per_step (of AXON's), axon_sink_share (of the columns AXON read);
    - graph_empty (fraction of DAWN's steps in which its graph had no edge), graph_sink_share;
    - held_share (fraction of the steps of CLAD, DAPD or a discount in which attention held tokens back) and
      held_per_step (how many in each of these);
    - revises (whether its decoder may take tokens back), remasked_share and replaced_share (tokens masked again, or
      replaced, over those generated: more than 1 if often) and post_share (of its steps, those on blocks that were
      full), NaN of other decoders;
    - wider (what a step computes where that is more than the canvas, in words), branches (its canvases) and
      ahead_share (of the tokens generated, those revealed ahead), NaN where there is one branch;
    - batch_seconds (machine seconds per example, an equal share of its slice's: not a latency), capture_share of them,
      tokens_per_second of them; seconds_in_batch and seconds_to_first_block (means of what an example waited for, each
      step shared with the other rows of its batch: a latency, at this batch size);
    - front (not dominated), group_front (not dominated within its group), on_front (the fraction of bootstrap
      replicates in which it is on its group's front; NaN of too few examples).
    """
    points = _labelled(part, knobs)
    points["decode"] = pd.Series(decodes_of(part), dtype="object")
    points["n"] = (~np.isnan(sample.quality_SN)).sum(axis=1)
    points["unscored"] = _records(part.rows, points) - (
        _records(part.scored, points) if part.pooled else points["n"]
    )
    points["stopped"] = _stops(part, points)
    own = points.loc[~points["foreign"], "n"]
    most = own.max() if len(own) else points["n"].max()
    enough = (points["n"] > 0) & (points["n"] >= MIN_COVERAGE * most)
    points["complete"] = enough & (points["stopped"] == "") & ~np.isnan(stats.means(sample.nfe_SN))

    counts_BN = stats.draw_counts(sample.n)
    for name, values_SN in sample.measures.items():
        intervals = stats.mean_intervals(values_SN, counts_BN, scores=name == "quality", shares=sample.shares)
        for column, place in ((name, 0), (f"{name}_lo", 1), (f"{name}_hi", 2)):
            points[column] = np.array([interval[place] for interval in intervals], dtype=np.float64)
    metrics = metric_columns(part.averaged, len(points))
    for name in REVISIONS:
        metrics[name] = metrics[name].where(points["revises"])
    metrics["ahead_share"] = metrics["ahead_share"].where(points["branches"] > 1)
    for name, caches in PASSES.items():
        metrics[name] = metrics[name].where(points["cache"].isin(caches))
    points = pd.concat([points, metrics], axis=1)
    return mark_fronts(points, "nfe", draws)


def _labelled(part: Part, knobs: Names) -> pd.DataFrame:
    """What the settings are called."""
    settings = part.settings
    decoders = [setting.decode.decoder for setting in settings]
    columns: dict[str, list[object]] = {
        "setting_id": [setting.id for setting in settings],
        "task": [part.task] * len(settings),
        "model": [part.model] * len(settings),
        "run": [entry.run for entry in part.entries],
        "group": [setting.group for setting in settings],
        "axon": [setting.uses_axon for setting in settings],
        "foreign": [setting.foreign for setting in settings],
        "cache": [setting.decode.cache for setting in settings],
        "wider": [own.wider and f"a step of {own.name} computes {own.wider}" for own in decoders],
        "branches": [own.branches for own in decoders],
        "revises": [own.revises for own in decoders],
        "label": list(_labels(part, knobs)),
    }
    own = dict.fromkeys(key for setting in settings for key in setting.knobs)
    columns |= {f"knob.{knobs[key]}": [setting.knobs.get(key) for setting in settings] for key in own}
    points = pd.DataFrame({name: pd.Series(values, dtype="object") for name, values in columns.items()})
    points = points.astype({"axon": np.bool_, "foreign": np.bool_, "branches": np.int64, "revises": np.bool_})
    if part.seed_examples:
        begun = {point: sum(own > 0 for own in sizes) for point, sizes in part.seed_examples.items()}
        spread = spreads(part.scored, part.seed_examples.keys())
        for name, values in (("seeds", begun), ("seed_sd", spread)):
            points[name] = np.array([values.get(point, np.nan) for point in points.index], dtype=np.float64)
    return points


def _labels(part: Part, knobs: Names) -> list[str]:
    """With the number of seeds where a group has several, alone where nothing else varies."""
    labels = list(knob_texts(part.settings, knobs))
    for point, sizes in part.seed_examples.items():
        named = f"{labels[point]} over " if labels[point] != part.settings[point].group else ""
        labels[point] = f"{named}{seeds_text(sizes)}"
    return labels


def _records(rows: pd.DataFrame, points: pd.DataFrame) -> NDArray[np.int64]:
    sizes = rows.groupby("point").size().reindex(range(len(points)), fill_value=0)
    return np.asarray(sizes, dtype=np.int64)


def decodes_of(part: Part) -> list[str]:
    """A hash per point; of several seeds one of theirs."""
    members = [
        (point, entry.run, own.id) for point, entry in enumerate(part.entries) for own in entry.members
    ]
    rows = part.rows
    if part.pooled:
        ids = rows["setting_id"].cat
        codes = ids.categories.get_indexer(pd.Index([sid for _, _, sid in members]))
        keys_M = np.array([point for point, _, _ in members]) * len(ids.categories) + codes
        key_N = rows["point"].to_numpy() * len(ids.categories) + ids.codes.to_numpy(dtype=np.int64)
        order_M = np.argsort(keys_M)
        rows = rows.assign(point=order_M[np.searchsorted(keys_M[order_M], key_N)])
    hashes = decode_hashes(rows, [f"{run} {sid}" for _, run, sid in members])
    return joint_hashes(hashes, [point for point, _, _ in members])


def _stops(part: Part, points: pd.DataFrame) -> list[str]:
    """Why each setting was stopped, in words; empty for those that were not."""
    labels = {
        (entry.run, member.id): label
        for entry, label in zip(part.entries, points["label"], strict=True)
        for member in entry.members
    }
    return [
        ""
        if (stop := entry.stop) is None
        else f"{stop.quality:+.3f} quality, {stop.nfe:+.1f} NFE against {labels.get((entry.run, stop.by), stop.by)}"
        for entry in part.entries
    ]


def mark_fronts(points: pd.DataFrame, cost: str, draws: Draws) -> pd.DataFrame:
    """With `front`, `group_front` and `on_front` for quality against the column `cost`, over complete settings only.

    on_front is the fraction of bootstrap replicates in which a setting is on its group's front; NaN for a setting
    that is partial or unscored, and where the group's settings have too few examples to tell (stats.FEWEST).
    """
    complete = points["complete"].to_numpy(dtype=np.bool_)
    quality = points["quality"].where(points["complete"]).to_numpy(dtype=np.float64)
    spent = points[cost].to_numpy(dtype=np.float64)
    group_front = np.zeros(len(points), dtype=np.bool_)
    on_front = np.full(len(points), np.nan)
    for group in points["group"].unique():
        members = np.flatnonzero((points["group"] == group).to_numpy() & complete)
        group_front[members] = non_dominated(quality[members], spent[members])
        if len(members) and points["n"].iloc[members].min() < stats.FEWEST:
            continue
        times_K, known_K = np.zeros((2, len(members)), dtype=np.intp)
        for quality_bK, cost_bK in draws.blocks(members, cost):
            times_K += non_dominated(quality_bK, cost_bK).sum(axis=0)
            known_K += (~np.isnan(quality_bK)).sum(axis=0)  # a replicate may have drawn no scored example
        on_front[members] = times_K / np.maximum(known_K, 1)
    return points.assign(front=non_dominated(quality, spent), group_front=group_front, on_front=on_front)


def sort_along_front(points: pd.DataFrame) -> pd.DataFrame:
    """By increasing NFE, the better first among equals; settings without a score last."""
    return points.sort_values(
        ["nfe", "quality", "setting_id", "run"], ascending=[True, False, True, True], ignore_index=True
    )


def unlike_canvas(points: pd.DataFrame) -> bool:
    """Whether any setting's steps compute something else than the canvas, so that NFE isn't all of its cost."""
    return bool(((points["cache"] != "none") | (points["wider"] != "")).any())
