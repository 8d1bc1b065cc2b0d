"""The report's findings in words: what was swept, who is on the front, whether AXON moves it, what to be wary of."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.report.comparison import Comparison
from pipeline.report.distinct import share_rows
from pipeline.report.inert import inert_warnings
from pipeline.report.labels import Label, Setting, one_value, turned_values
from pipeline.report.phrases import counted
from pipeline.report.points import MIN_COVERAGE
from pipeline.report.verdict import Answer, answer, no_answer

MANY_VALUES = 8
END_OF_TEXT = {
    "full": "the whole canvas decoded",
    "stop_at_eos": "decoded up to end-of-text",
    "suppress": "the whole canvas decoded, end-of-text last",
}


@dataclass(frozen=True)
class Summary:
    swept: str
    front: str
    inert: list[str]  # what keeps the answers from being about AXON or DAWN: to be read before them
    answers: list[Answer]
    warnings: list[str]

    @property
    def verdict(self) -> str:
        return " ".join(str(answer) for answer in self.answers)


def summarise(
    settings: Mapping[str, Setting],
    labels: Mapping[str, Label],
    points: pd.DataFrame,
    comparisons: list[Comparison],
) -> Summary:
    return Summary(
        swept=swept(settings, labels, points),
        front=front_sentence(points),
        inert=inert_warnings(points),
        answers=[answer(points, one, len(comparisons)) for one in comparisons] or [no_answer(points)],
        warnings=[*warnings(points), *uncompared(points, comparisons)],
    )


def swept(settings: Mapping[str, Setting], labels: Mapping[str, Label], points: pd.DataFrame) -> str:
    """`65 settings on 100 arith examples (test split), 20 tokens in blocks of 20, ...: threshold 0.3, 0.5.`"""
    most = int(points["n"].max()) if len(points) else 0
    own = {setting_id: labels[setting_id] for setting_id in settings}
    task, split = one_value(settings, "task"), one_value(settings, "split")
    knobs = "; ".join(f"{name} {_values(found)}" for name, found in turned_values(own).items())
    where = f" ({split} split)" if split else ""
    examples = counted(most, f"{task} example" if task else "example")
    start = f"{_counted_decodes(points)} on {examples}{where}{_asked(settings)}{_canvas(settings)}"
    return (f"{start}: {knobs}." if knobs else f"{start}.") + _scored(settings, points)


def _counted_decodes(points: pd.DataFrame) -> str:
    """`65 settings, 20 distinct decodes,`"""
    found, distinct = counted(len(points), "setting"), points["decode"].nunique()
    return found if distinct == len(points) else f"{found}, {counted(distinct, 'distinct decode')},"


def _asked(settings: Mapping[str, Setting]) -> str:
    """How the questions were put, where all settings agree on it."""
    prompt, shots, style = (one_value(settings, name) for name in ("prompt", "shots", "shot_style"))
    worked = f", {counted(int(shots), 'few-shot example')}" if shots else ""
    return (
        worked + (f" as {style}" if shots and int(shots) else "") + (f", {prompt} prompts" if prompt else "")
    )


def _scored(settings: Mapping[str, Setting], points: pd.DataFrame) -> str:
    """What quality means, and the task's further metrics where there is but one setting to give them of."""
    task, version, metric = (one_value(settings, name) for name in ("task", "version", "metric"))
    if not metric:
        return ""
    others = ""
    if len(points) == 1:
        found = {name: points[name].iloc[0] for name in points.columns if str(name).startswith("metric.")}
        others = "".join(f"; {name.removeprefix('metric.')} {value:.3g}" for name, value in found.items())
    return f" Quality 1: {metric} ({task}, version {version}{others})."


def _canvas(settings: Mapping[str, Setting]) -> str:
    """What a count of steps covers, where all settings agree on it."""
    length, block = one_value(settings, "gen_length"), one_value(settings, "block_length")
    ends = one_value(settings, "end_of_text")
    parts = [
        f"{length} tokens in blocks of {block}" if length and block else None,
        END_OF_TEXT[ends] if ends else None,
    ]
    return "".join(f", {part}" for part in parts if part)


def _values(found: list[str]) -> str:
    if len(found) > MANY_VALUES:
        return f"{found[0]} … {found[-1]} ({len(found)} values)"
    return ", ".join(found)


def front_sentence(points: pd.DataFrame) -> str:
    """Who is on the front and between which ends it runs."""
    distinct = share_rows(points)
    front = distinct[distinct["front"]].sort_values(["nfe", "quality"])
    if front.empty:
        return "No setting has a score, so there is no front."
    groups = ", ".join(f"{size} {group}" for group, size in front["group"].value_counts(sort=False).items())
    fast, good = front.iloc[0], front.iloc[-1]
    ends = f"quality {fast['quality']:.3f} in {fast['nfe']:.1f} steps"
    if len(front) > 1:
        ends = f"{ends} ({fast['label']}) to {good['quality']:.3f} in {good['nfe']:.1f} ({good['label']})"
    what = "distinct decode" if (front["shares"] > 1).any() else "setting"
    return f"The front holds {counted(len(front), what)} ({groups}), from {ends}."


def uncompared(points: pd.DataFrame, comparisons: list[Comparison]) -> list[str]:
    """AXON settings that no answer speaks of, where others are compared."""
    compared = {row for one in comparisons for row in one.cohort.rows}
    alone = points[points["axon"] & points["complete"] & ~points.index.isin(compared)]
    if not comparisons or alone.empty:
        return []
    are, first = ("is" if len(alone) == 1 else "are"), alone.iloc[0]
    return [
        f"{counted(len(alone), 'AXON setting')} {are} in no comparison (such as {first['label']}): no base setting "
        "equals it in all but AXON and speed."
    ]


def warnings(points: pd.DataFrame) -> list[str]:
    """What the data itself warns of; empty when all settings are scored on equally many examples."""
    found = []
    partial = points[~points["complete"]]
    if len(partial):
        found.append(
            f"{counted(len(partial), 'setting')} scored on fewer than {MIN_COVERAGE:.0%} of the examples: "
            "shown (marked partial), but on no front and in no comparison."
        )
    unscored = int(points["unscored"].sum())
    if unscored:
        some = points[points["unscored"] > 0]
        found.append(
            f"{counted(unscored, 'record')} of {counted(len(some), 'setting')} unscored: left out, not zeros."
        )
    sizes = points.loc[points["complete"], "n"]
    if sizes.nunique() > 1:
        found.append(
            f"Compared settings cover {sizes.min()} to {sizes.max()} examples, not all the same ones."
        )
    return found
