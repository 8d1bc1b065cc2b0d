"""A facet's findings in words: what was swept, the Pareto front, whether AXON moves it, and what to be wary of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.comparisons.comparison import Comparison
from pipeline.report.comparisons.rivals import Rivals
from pipeline.report.data.distinct import share_rows
from pipeline.report.data.labels import Names, metric, one_value, varying_values
from pipeline.report.data.points import MIN_COVERAGE
from pipeline.report.data.views import View
from pipeline.report.entries import Part
from pipeline.report.words.caches import CacheEffect, cache_verdicts
from pipeline.report.words.inert import inert_warnings
from pipeline.report.words.lacking import without_interval
from pipeline.report.words.machines import mixed_warnings
from pipeline.report.words.percent import percent
from pipeline.report.words.phrases import counted, listed, quoted
from pipeline.report.words.rivals import rival_verdicts
from pipeline.report.words.seed_notes import over_seeds, seed_warnings
from pipeline.report.words.told import Verdict
from pipeline.report.words.unscored import why_unscored
from pipeline.report.words.verdict import no_verdict, verdicts
from pipeline.search import ASK_ONCE

MANY_VALUES = 8
END_OF_TEXT = {
    "full": "the whole canvas decoded",
    "stop_at_eos": "decoded up to end-of-text",
    "confidence_eos_eot_inf": "the whole canvas decoded, ends of text with the least confidence",
    "logits_eos_inf": "the whole canvas decoded, end-of-text never chosen",
}


@dataclass(frozen=True)
class Summary:
    swept: str
    front: str  # and how its settings were found
    inert: list[str]  # what keeps the verdicts from being about AXON or DAWN: to be read before them
    verdicts: list[Verdict]
    warnings: list[str]
    lacking: list[str]  # which figures have no interval, and why


def summarise(
    part: Part,
    knobs: Names,
    points: pd.DataFrame,
    own: list[Comparison],
    comparisons: int,
    rivals: list[Rivals],
    caches: list[CacheEffect],
    views: Sequence[View],
) -> Summary:
    """`comparisons`: how many there are in the whole report."""
    return Summary(
        swept=_swept(part, knobs, points),
        front=" ".join([_front(points), *_searched(part, points)]),
        inert=inert_warnings(points),
        verdicts=[
            *(verdicts(points, own, comparisons) or ([] if rivals else [no_verdict(points)])),
            *rival_verdicts(rivals),
            *cache_verdicts(caches),
        ],
        warnings=[
            *_coverage(points, part.rows),
            *_uncompared(points, own),
            *mixed_warnings(part),
            *seed_warnings(part, points),
            *_wider(points),
            *_caches(points),
        ],
        lacking=without_interval(points, views),
    )


def _swept(part: Part, knobs: Names, points: pd.DataFrame) -> str:
    """`65 settings on 100 arith examples (test split), 20 tokens in blocks of 20, ...: threshold 0.3, 0.5.`"""
    settings = [setting for setting in part.settings if not setting.foreign] or part.settings
    values = "; ".join(f"{name} {_values(found)}" for name, found in varying_values(settings, knobs).items())
    decoded = points[~points["foreign"]] if not points["foreign"].all() else points
    examples = counted(int(decoded["n"].max()), f"{settings[0].task.name} example")
    start = f"{_counted_decodes(part, points)} on {examples} ({settings[0].task.split} split)" + (
        "" if settings[0].foreign else f"{_prompts(settings)}{_canvas(settings)}"
    )
    return (f"{start}: {values}." if values else f"{start}.") + _scored(settings, points)


def _counted_decodes(part: Part, points: pd.DataFrame) -> str:
    """`65 settings, 20 distinct decodes,`"""
    distinct = points["decode"].nunique()
    found = [counted(len(points), "setting"), *over_seeds(part)]
    found += [counted(distinct, "distinct decode")] if distinct < len(points) else []
    return found[0] if len(found) == 1 else f"{', '.join(found)},"


def _prompts(settings: Sequence[Setting]) -> str:
    """How the questions are asked, as far as all settings agree."""
    tasks = [setting.identity["task"] for setting in settings]
    shots = one_value(task.get("shots") for task in tasks)
    style = one_value(task.get("shot_style") for task in tasks)
    prompt = one_value(setting.model.prompt for setting in settings)
    draw, form = (one_value(task.get(key) for task in tasks) for key in ("shot_draw", "form"))
    few_shot = f", {counted(shots, 'few-shot example')}" if shots is not None else ""
    few_shot += f" as {style}" if shots and style else ""
    few_shot += " drawn for each question" if draw == "per_question" else ""
    return few_shot + (f", {prompt} prompts" if prompt else "") + (f" worded as {form}" if form else "")


def _canvas(settings: Sequence[Setting]) -> str:
    """What is decoded, as far as all settings agree."""
    length = one_value(setting.decode.gen_length for setting in settings)
    block = one_value(setting.decode.block_length for setting in settings)
    absolute = one_value(setting.decode.block_alignment for setting in settings) == "absolute"
    ends = one_value(setting.decode.end_of_text for setting in settings)
    cache = one_value(setting.decode.cache for setting in settings)
    parts = [
        f"{length} tokens in {'absolute ' if absolute else ''}blocks of {block}"
        if length and block
        else None,
        END_OF_TEXT[ends] if ends else None,
        f"cache {cache}" if cache and cache != "none" else None,
    ]
    return "".join(f", {part}" for part in parts if part)


def _scored(settings: Sequence[Setting], points: pd.DataFrame) -> str:
    """What quality means, and the task's further metrics where there is a single setting to give them for."""
    meaning, task = metric(settings[0]), settings[0].identity["task"]
    if not meaning:
        return ""
    further = ""
    if len(points) == 1:
        found = {name: points[name].iloc[0] for name in points.columns if str(name).startswith("metric.")}
        further = "".join(f"; {name.removeprefix('metric.')} {value:.3g}" for name, value in found.items())
    return f" Quality 1: {meaning} ({task['name']}, version {task['version']}{further})."


def _values(found: list[str]) -> str:
    if len(found) > MANY_VALUES:
        return f"{found[0]} … {found[-1]} ({len(found)} values)"
    return ", ".join(found)


def _front(points: pd.DataFrame) -> str:
    """Which settings are on the front, and its two ends."""
    distinct = share_rows(points)
    front = distinct[distinct["front"]].sort_values(["nfe", "quality"])
    if front.empty:
        lacking = "an NFE" if points["n"].any() else "a score"
        return f"No setting has {lacking}, so there is no Pareto front."
    apart = front["decode"].nunique() == len(front)  # two groups may have one
    what = "distinct decode" if apart and (front["shares"] > 1).any() else "setting"
    own = pd.Series(1, front.index) if apart else front["shares"]
    sizes = own.groupby(front["group"], sort=False).sum().items()
    several = points["group"].nunique() > 1
    groups = f" ({', '.join(f'{size} {quoted(str(group))}' for group, size in sizes)})" if several else ""
    fast, good = front.iloc[0], front.iloc[-1]
    ends = f"quality {fast['quality']:.3f} at {fast['nfe']:.1f} NFE"
    if fast["quality"] < good["quality"]:  # else all are at one place
        first, last = (_end(row, several) for row in (fast, good))
        ends = f"from {ends} ({first}) to {good['quality']:.3f} at {good['nfe']:.1f} ({last})"
    return f"The Pareto front holds {counted(int(own.sum()), what)}{groups}, {ends}."


def _end(row: "pd.Series[Any]", several: bool) -> str:
    """Of several groups, each of which may have a setting of that label, with its own."""
    label, group = str(row["label"]), str(row["group"])
    return label if not several or label == group else f"{quoted(group)} {label}"


def _searched(part: Part, points: pd.DataFrame) -> Iterator[str]:
    """That a search looked at the scores, and what tells how good the setting is that a reader picks."""
    named = [entry.search for entry in part.entries if entry.search]
    searches = [search for search in dict.fromkeys(named) if search not in ASK_ONCE]
    if searches and points["front"].any():
        yield (
            f"The search ({listed(searches)}) chose settings by their scores on these same "
            "examples, which flatters the best of them: evaluate the one that you pick on others, by its command on "
            "the page with another task.split, or with other rows (task.path) where the task has one split."
        )


def _uncompared(points: pd.DataFrame, own: list[Comparison]) -> list[str]:
    """AXON settings that no verdict covers, where others are compared."""
    compared = {row for one in own for row in one.cohort.rows}
    alone = points[points["axon"] & points["complete"] & ~points.index.isin(compared)]
    if not own or alone.empty:
        return []
    are, first = ("is" if len(alone) == 1 else "are"), alone.iloc[0]
    return [
        f"{counted(len(alone), 'AXON setting')} {are} in no comparison (for example {first['label']}): no base setting "
        "equals it in everything but AXON and the trade-off parameter."
    ]


def _caches(points: pd.DataFrame) -> list[str]:
    """Where settings differ in their cache: what does not compare them, and which axes do."""
    points = points[~points["foreign"]]  # under which cache those were decoded nobody says
    if points["cache"].nunique() < 2:
        return []
    timed = (
        "or by machine seconds (all records are of one machine; how busy it was they don't say)"
        if "seconds" in points
        else "not by seconds: the records are of several machines or batch sizes, or don't say of which"
    )
    return [
        f"NFE counts a step alike under every cache ({', '.join(points['cache'].unique())}), though a step under one "
        f"is not a whole pass: compare caches by computed positions, {timed}."
    ]


def _wider(points: pd.DataFrame) -> list[str]:
    """Where steps of some settings compute more than those of others: what NFE leaves out."""
    points = points[~points["foreign"]]
    if len(points[["wider", "branches"]].drop_duplicates()) < 2:
        return []
    steps = ", ".join(sorted(filter(None, points["wider"].unique())))
    return [
        f"NFE counts every step as one, though {steps}: compare such settings by computed positions, too."
    ]


def _foreign(points: pd.DataFrame) -> list[str]:
    """What is from elsewhere."""
    foreign = points[points["foreign"]]
    if foreign.empty:
        return []
    groups = ", ".join(foreign["group"].unique())
    found = [
        f"{counted(len(foreign), 'point')} of {groups}: the answers are from elsewhere, scored here. Their NFE "
        "is as given, their prompts and settings are unknown, and they are in no paired comparison."
    ]
    silent = foreign[(foreign["n"] > 0) & foreign["nfe"].isna()]
    if len(silent):
        found.append(f"{counted(len(silent), 'point')} without an NFE: listed, but on no front.")
    apart = foreign[(foreign["n"] == 0) & (foreign["unscored"] == 0)]
    if len(apart) and len(foreign) < len(points):
        found.append(
            f"{counted(len(apart), 'point')} from elsewhere without an answer to any example decoded here, where "
            "the order of examples is shuffled: decode more of them, with a higher limit."
        )
    return found


def _between(counts: "pd.Series[int]") -> str:
    """`20`, or `20 to 60`."""
    return " to ".join(dict.fromkeys(str(own) for own in (counts.min(), counts.max())))


def _coverage(points: pd.DataFrame, records: pd.DataFrame) -> list[str]:
    """What is missing, and why; nothing if all settings are scored on equally many examples."""
    found = []
    stopped = points[points["stopped"] != ""]
    if len(stopped):
        first = stopped.iloc[0]
        found.append(
            f"{counted(len(stopped), 'setting')} stopped early, after {_between(stopped['n'])} "
            "examples, as another of the group is surely as good within the margin in no more passes: shown (marked "
            f"stopped), but on no front and in no comparison (for example {first['label']}: {first['stopped']})."
        )
    found += _foreign(points)
    silent = (points["n"] > 0) & points["nfe"].isna()
    partial = points[~points["complete"] & (points["stopped"] == "") & ~silent]
    bare, partial = partial[partial["n"] == 0], partial[partial["n"] > 0]
    if 0 < len(bare) < len(points):  # where no setting has a score, that is said first of all
        found.append(
            f"{counted(len(bare), 'setting')} without a scored example: in no figure and in no comparison."
        )
    if len(partial):
        found.append(
            f"{counted(len(partial), 'setting')} scored on fewer than {percent(MIN_COVERAGE)} of the examples: "
            "shown (marked partial), but on no front and in no comparison until as many of theirs are scored."
        )
    unscored = int(points["unscored"].sum())
    if unscored:
        some = points[points["unscored"] > 0]
        found.append(
            f"{counted(unscored, 'record')} of {counted(len(some), 'setting')} unscored, which are left out and not "
            f"counted as 0: {why_unscored(records)}"
        )
    sizes = points.loc[points["complete"], "n"]
    if sizes.nunique() > 1:
        found.append(f"The settings compared are scored on {_between(sizes)} examples, not all the same.")
    return found
