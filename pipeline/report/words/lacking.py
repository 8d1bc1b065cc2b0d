"""Why a figure has no interval: one sentence for each of the three causes, the same in every output."""

import math
from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from pipeline.report.comparisons.effects import MIN_EXAMPLES
from pipeline.report.data.views import View
from pipeline.report.statistics.stats import FEWEST, LEVEL, fewest, least_of
from pipeline.report.words.phrases import counted, listed

AGREE = "examples that all agree tell none"


def too_few(what: Sequence[str], level: float = LEVEL, by: str = "") -> str:
    """Of fewer examples than an interval of that level takes. `by`: what asks for the level."""
    return f"No interval of {listed(what)}: at {level_text(level)}{by} it takes {fewest(level)} examples."


def all_agree(what: Sequence[str]) -> str:
    return f"No interval of {listed(what)}: {AGREE}."


def too_few_replicates(what: Sequence[str], alpha: float, share: float) -> str:
    """Of so many comparisons that no end is held by as many as a report draws.

    `share`: what an interval's end leaves out of them; `alpha`: 1 - its level.
    """
    return (
        f"No interval of {listed(what)}: at {level_text(1 - alpha)} (adjusted for all comparisons) it takes "
        f"{least_of(share):,} replicates of the bootstrap, more than a report draws; of fewer comparisons it takes "
        "fewer."
    )


def why(count_few: int, count_agree: int, what: str, thing: str) -> list[str]:
    """Of so many of a table's things, at 95 %: `No interval of AUP (2 fronts): ...`."""
    return [
        tell([f"{what} ({counted(count, thing)})"])
        for tell, count in ((too_few, count_few), (all_agree, count_agree))
        if count
    ]


def level_text(level: float) -> str:
    """`95 %`, `99.93 %`: in as many digits as tell it from 100 %."""
    digits = math.ceil(-math.log10(1 - level)) + 1
    return f"{100 * level:.{digits}g} %"


def without_interval(points: pd.DataFrame, views: Sequence[View]) -> list[str]:
    """Of a facet's settings and groups, a sentence for each cause that there is, and for what is left out with them."""
    scored = points[points["n"] > 0]
    few = scored["n"] < FEWEST
    least = points[points["complete"]].groupby("group", sort=False)["n"].min()
    fastest = points[points["complete"]].groupby("group", sort=False)["nfe"].min()
    # A step a token or more, as of a decoder that edits full blocks.
    beyond = set(fastest.index[fastest >= views[0].reference])
    found = []
    if beyond:
        count, steps = counted(len(beyond), "group"), f"{views[0].reference:g} steps"
        found.append(f"Hypervolume is 0 ({count}): no setting takes fewer than {steps}.")
    for tell, rows, groups in (
        (too_few, scored[few], least.index[least < FEWEST]),
        (all_agree, scored[~few], least.index[least >= FEWEST]),
    ):
        what = [*_of_settings(rows, views), *_of_groups(list(groups), views, beyond)]
        if what:
            found.append(tell(what))
    if (least < FEWEST).any():
        found.append(f"To tell how likely a setting is on its group's front takes {FEWEST} examples, too.")
    if len(scored) > 1 and (least < MIN_EXAMPLES).any():
        found.append(f"Quality at matched NFE and AUP take {MIN_EXAMPLES} examples.")
    return found


def _of_settings(rows: pd.DataFrame, views: Sequence[View]) -> Iterator[str]:
    """`quality (2 settings)`, `NFE and computed positions (16 settings)`."""
    names = {"quality": "quality", **{view.cost.column: view.cost.within for view in views}}
    alike: dict[int, list[str]] = {}
    for column, name in names.items():
        count = int((rows[f"{column}_lo"].isna() & rows[column].notna()).sum())
        alike.setdefault(count, []).append(name)
    return (f"{listed(own)} ({counted(count, 'setting')})" for count, own in alike.items() if count)


def _of_groups(groups: Sequence[str], views: Sequence[View], beyond: Collection[str]) -> Iterator[str]:
    """`hypervolume (2 groups)`, `the band at some budgets (1 group)`. By NFE the groups `beyond` have none."""
    areas, bands, partly = set(), set(), set()
    for view in views:
        for group in groups:
            if math.isnan(view.hypervolumes[group].lo) and not (group in beyond and view is views[0]):
                areas.add(group)
            band = view.bands.get(group)
            if band is None:
                bands.add(group)
            elif band.narrowed:
                partly.add(group)
    told = {"hypervolume": areas, "the band": bands, "the band at some budgets": partly - bands}
    return (f"{what} ({counted(len(own), 'group')})" for what, own in told.items() if own)
