"""What the records of one or several runs say, per facet: pure, without a file, a clock or a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from pipeline.beside import beside
from pipeline.errors import ConfigError, one_of
from pipeline.report.asked import NOTHING, Asked
from pipeline.report.comparisons.comparison import Comparison, Evidence, compare
from pipeline.report.comparisons.rivals import compare_fronts
from pipeline.report.data.labels import knob_names
from pipeline.report.data.records import clean
from pipeline.report.data.whole import Whole, in_memory
from pipeline.report.entries import Part, run_names, split
from pipeline.report.facet import Draft, Facet, draft
from pipeline.report.statistics.sides import sides_of
from pipeline.report.words.expected import Check, check_recipes
from pipeline.report.words.phrases import listed
from pipeline.runs.run import Run


@dataclass(frozen=True)
class Findings:
    """The facets in the order of the settings; there is at least one."""

    title: str
    facets: tuple[Facet, ...]
    checks: tuple[Check, ...] = ()  # of the runs that repeat a published result

    @property
    def points(self) -> pd.DataFrame:
        """Of all facets, distinguished by the columns task and model."""
        return pd.concat([facet.points for facet in self.facets], ignore_index=True)

    @property
    def front(self) -> pd.DataFrame:
        """The Pareto fronts of all facets, one after the other."""
        return pd.concat([facet.front for facet in self.facets], ignore_index=True)

    @property
    def comparisons(self) -> list[Comparison]:
        return [comparison for facet in self.facets for comparison in facet.comparisons]

    @property
    def warnings(self) -> list[str]:
        """Of all facets, what keeps their verdicts from being about AXON or DAWN."""
        return [self.named(facet, warning) for facet in self.facets for warning in facet.summary.inert]

    @property
    def verdict(self) -> str:
        """All verdicts in one text."""
        return " ".join(
            self.named(facet, str(verdict)) for facet in self.facets for verdict in facet.summary.verdicts
        )

    def named(self, facet: Facet, text: str) -> str:
        """The text with the facet it is about, where there are several."""
        return f"{facet.name}: {text}" if len(self.facets) > 1 else text


def find(
    runs: Sequence[Run],
    records: pd.DataFrame,
    names: Sequence[str] = (),
    asked: Asked = NOTHING,
    whole: Whole | None = None,
) -> Findings:
    """Records -> findings; also for a live display.

    The records are whole, or measured (measures.py); then `whole` gives whole ones.

    A column `run` of the records, if there is one, is the index of the run whose store a record is from; otherwise a
    record belongs to every run that has its setting. `names`: what the runs are called, each by another name; by
    themselves they are called by their sweeps. Raises ValueError where no run has a setting, ConfigError where no
    setting is of the group, or the front, asked for.
    """
    names = names or run_names(runs)
    parts = _parts(runs, names, records, whole or in_memory(records))
    drafts = _drafts(parts)
    evidence = [facet.evidence for facet in drafts]
    asked = _checked(asked, runs, names, evidence)
    with beside(lambda: [facet.apart() for facet in drafts]) as apart:
        compared, fronts = compare(evidence), compare_fronts(evidence, asked.against)
        views = [facet.views() for facet in drafts]
        further = apart()
    total = sum(len(own) for own in compared)
    facets = tuple(
        facet.compared(own, total, rivals, asked, seen, more)
        for facet, own, rivals, seen, more in zip(drafts, compared, fronts, views, further, strict=True)
    )
    checks = check_recipes(runs, names, parts)
    return Findings(runs[0].title if len(runs) == 1 else listed(names), facets, checks)


def find_points(runs: Sequence[Run], records: pd.DataFrame) -> pd.DataFrame:
    """The points of `find` alone: no fronts are compared, and no record is read again. Raises ValueError as `find`."""
    drafts = _drafts(_parts(runs, run_names(runs), records, in_memory(records)))
    return pd.concat([one.evidence.points for one in drafts], ignore_index=True)


def _parts(runs: Sequence[Run], names: Sequence[str], records: pd.DataFrame, whole: Whole) -> list[Part]:
    if not any(run.settings for run in runs):
        raise ValueError("a report needs a run with at least one setting")
    return split(runs, names, clean(records), whole)


def _drafts(parts: Sequence[Part]) -> list[Draft]:
    knobs = knob_names(setting for part in parts for setting in part.settings)
    return [draft(part, knobs) for part in parts]


def _checked(asked: Asked, runs: Sequence[Run], names: Sequence[str], facets: Sequence[Evidence]) -> Asked:
    """With what a single run's sweep compares with, where nothing else is asked for."""
    groups = [setting.group for facet in facets for setting in facet.settings]
    sides = [side for facet in facets for side in sides_of(facet.points, facet.settings)]
    known = list(dict.fromkeys([*(names if len(names) > 1 else ()), *groups, *(side.name for side in sides)]))
    # A whole group's, too, where it has one decoder.
    parts = {f"{side.group} ({side.decoder})" for side in sides}
    if asked.against is None:
        own = runs[0].against if len(runs) == 1 else None
        return replace(asked, against=own if own in {*known, *parts} else None)
    if asked.against not in {*known, *parts}:
        raise ConfigError([f"against={asked.against}: unknown; {one_of(known)}"])
    return asked
