"""Which two settings a reader compares example by example, and which of a facet's settings are worth their answers.

Of each comparison the two that the verdict recommends (`picks`); of pairs, the first that the verdict names. Nothing is
computed here that the comparisons don't say.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pipeline.report.comparisons.comparison import Comparison
from pipeline.report.comparisons.effects import margin
from pipeline.report.comparisons.picks import pick
from pipeline.report.data.distinct import share_rows
from pipeline.report.facet import Facet


@dataclass(frozen=True)
class Matchup:
    """Two rows of a facet's points, the second with AXON where one of them has it."""

    name: str
    first: int
    second: int


def matchups(facet: Facet) -> list[Matchup]:
    """One per comparison; without any, the best settings of the first two groups, or two of one group's."""
    found = [own for comparison in facet.comparisons for own in _compared(facet.points, comparison)]
    return found or list(_best(facet.points))


def chosen_as(facet: Facet) -> str:
    """Why these settings, within a sentence."""
    if any(found.pairs or found.effects for found in facet.comparisons):
        return "the settings that the verdict compares"
    if any(found.cohort.variants for found in facet.comparisons):
        return "a setting without AXON and one with it, as the verdict compares none"
    return "the best settings, as no verdict compares any"


def _compared(points: pd.DataFrame, found: Comparison) -> Iterator[Matchup]:
    name, base = found.cohort.name, found.cohort.base
    if found.pairs:
        first = min(found.pairs, key=lambda pair: pair.p)
        yield Matchup(name, first.base, first.axon)
    elif found.cohort.variants:
        if found.effects:
            variant, equal = found.leading.variant, found.leading.saving.margin
        else:
            variant, equal = found.cohort.variants[0], margin(found.n)
        chosen = pick(points, base, variant, equal)
        yield Matchup(name, chosen.base, chosen.axon)


def _best(points: pd.DataFrame) -> Iterator[Matchup]:
    """Nothing where no two settings are scored."""
    scored = points[points["n"] > 0].sort_values(["quality", "nfe"], ascending=[False, True])
    best = scored.groupby("group", sort=False).head(1)
    rows = sorted(best.index[:2]) if len(best) > 1 else list(scored.index[:2])
    if len(rows) == 2:
        yield Matchup(" and ".join(dict.fromkeys(best["group"].head(2))), *rows)


def distinct_settings(facet: Facet) -> pd.DataFrame:
    """The scored points, those that decode identically once (`distinct.share_rows`).

    In the order in which their answers are worth room: those of the matchups, those on their group's front, the rest.
    """
    shared = share_rows(facet.points[facet.points["n"] > 0])
    if shared.empty:
        return shared
    compared = {row for own in matchups(facet) for row in (own.first, own.second)}
    rank = [
        0 if compared.intersection(members) else 1 if front else 2
        for members, front in zip(shared["members"], shared["group_front"], strict=True)
    ]
    return shared.assign(rank=rank).sort_values(["rank", "nfe"], kind="stable", ignore_index=True)
