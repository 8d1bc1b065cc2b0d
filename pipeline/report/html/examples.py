"""The page's table of examples: what two settings answered, which of them only one got right, and both decodes.

The page holds every setting's scores and NFE; answers and decodes are beside it (`details`). The frame is
web/examples.html, the scripts those named in SCRIPTS.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

import pandas as pd

from pipeline.report.comparisons.matchups import Matchup, chosen_as, distinct_settings, matchups
from pipeline.report.facet import Facet
from pipeline.report.html.details import Details
from pipeline.report.html.web import read
from pipeline.report.statistics.stats import Floats, is_binary
from pipeline.report.words.inline import inline_json
from pipeline.report.words.phrases import counted, number
from pipeline.show import panel

MOST = 200_000  # outcomes that a facet's part of the page holds, about 1 MB
SETTINGS = 1000  # that a reader chooses from, at most
SCRIPTS = ("details", "pairing", "example_row", "examples")  # in this order
SHORT = 160  # characters of a question in the table
TOLD = (
    "What two settings, whichever you choose, did with each example: at first {first}. Fixed: B scores higher than A, "
    "broke: lower. A row opens both decodes, step by step."
)
TOLD_ALONE = "What the setting did with each example. A row opens its decode, step by step."
TOLD_SEEDS = (
    " Scores and (rounded) NFE are means over a setting's seeds; answers and decodes are its first seed's."
)
TOLD_FOREIGN = "What was answered elsewhere to each example. A row opens the answer."


def section(facet: Facet, details: Details) -> str:
    """The facet's part. Empty where nothing was scored."""
    every = distinct_settings(facet)
    settings = _kept(facet, every)
    if settings.empty:
        return ""
    rows = {row: number for number, members in enumerate(settings["members"]) for row in members}
    found = [own for own in matchups(facet) if own.first in rows and own.second in rows]
    chosen = (rows[found[0].first], rows[found[0].second]) if found else (0, 0)
    questions = details.questions.get(facet.name, {})
    data = {
        "examples": [
            [position, name, _short(questions.get(name, ""))] for position, name in facet.sample.examples
        ],
        "settings": [_setting(facet, own, details) for own in settings.to_dict("records")],
        "matchups": [{"first": rows[own.first], "second": rows[own.second]} for own in found],
        "chosen": chosen,
        "asked": details.asked.get(facet.name),
        "inRun": details.in_run,
        "legend": panel.legend(guesses=False),
    }
    return Template(read("examples.html")).substitute(
        told=_told(facet, settings) + _seeded(settings) + _left_out(every.drop(settings.index)),
        alone="" if len(settings) > 1 else " hidden",
        matchups=_buttons(found),
        options=_options(settings),
        data=inline_json(data),
    )


def style() -> str:
    """To stand in a page once, the decode panel's included."""
    return panel.style() + read("examples.css")


def script() -> str:
    """Likewise, after the page's own scripts."""
    return "\n".join([panel.script(), *(read(f"{name}.js") for name in SCRIPTS)])


def _kept(facet: Facet, settings: pd.DataFrame) -> pd.DataFrame:
    """Those that the page has room for, in the order of the tables: by group, along the front."""
    if settings.empty:
        return settings
    kept = settings.head(min(SETTINGS, max(2, MOST // max(1, facet.sample.n))))
    order = {group: place for place, group in enumerate(facet.points["group"].unique())}
    return kept.sort_values(["group", "nfe"], key=lambda own: own.map(order) if own.name == "group" else own)


def _told(facet: Facet, settings: pd.DataFrame) -> str:
    if settings["foreign"].all():
        return TOLD_FOREIGN
    return TOLD.format(first=chosen_as(facet)) if len(settings) > 1 else TOLD_ALONE


def _seeded(settings: pd.DataFrame) -> str:
    """What is shown of settings with several seeds."""
    return TOLD_SEEDS if "seeds" in settings and (settings["seeds"] > 1).any() else ""


def _left_out(settings: pd.DataFrame) -> str:
    """How many the page has no room for, as a sentence; empty for none."""
    on = int(settings["group_front"].sum())
    which = f", {on:,} of them on their group's front" if on else ", all off the fronts"
    return f" Left out here: {counted(len(settings), 'setting')}{which}." if len(settings) else ""


def _setting(facet: Facet, point: Mapping[Any, Any], details: Details) -> dict[str, Any]:
    row = point["members"][0]
    return {
        "id": point["setting_id"],
        "run": point["run"],
        "group": str(point["group"]),
        "name": "" if point["label"] == point["group"] else str(point["label"]),
        "axon": bool(point["axon"]),
        "foreign": bool(point["foreign"]),
        "gate": facet.settings[row].decode.axon.gate,
        "scores": _scores(facet.sample.quality_SN[row]),
        "nfe": [None if math.isnan(nfe) else round(nfe) for nfe in facet.sample.nfe_SN[row]],
        "file": details.decodes.get((point["run"], point["setting_id"])),
    }


def _scores(scores_N: Floats) -> str | list[float | None]:
    """A character each where all are 0 or 1 (blank: unscored), else numbers."""
    if is_binary(scores_N):
        return "".join(" " if math.isnan(score) else str(int(score)) for score in scores_N)
    return [None if math.isnan(score) else round(score, 4) for score in scores_N]


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def _buttons(found: Sequence[Matchup]) -> str:
    """One for each matchup; nothing where there is only one."""
    if len(found) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" data-matchup="{number}" aria-pressed="false">{escape(own.name)}</button>'
        for number, own in enumerate(found)
    )
    return f'<div class="matchups" role="group" aria-label="What the verdicts compare">{buttons}</div>'


def _options(settings: pd.DataFrame) -> str:
    """Of a choice among the settings, a group of options for each group."""
    numbered = settings.assign(number=range(len(settings)))
    return "".join(
        f'<optgroup label="{escape(str(group))}">'
        + "".join(
            f'<option value="{point["number"]}">{escape(_named(point))} · {point["quality"]:.3f} at '
            f"{number(point['nfe'], 1)} NFE</option>"
            for point in own.to_dict("records")
        )
        + "</optgroup>"
        for group, own in numbered.groupby("group", sort=False)
    )


def _named(point: Mapping[Any, Any]) -> str:
    """A choice that is closed shows its text alone, without the heading of its group."""
    group, label = str(point["group"]), str(point["label"])
    return group if group == label else f"{group} {label}"
