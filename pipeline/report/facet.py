"""A facet: what the records say of one task with one model."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.asked import Asked
from pipeline.report.comparisons.aup import TOKENS, Aup, Tokens, aups
from pipeline.report.comparisons.calibration import Calibration, calibrate
from pipeline.report.comparisons.comparison import Comparison, Evidence
from pipeline.report.comparisons.matched import Matched, match_nfe
from pipeline.report.comparisons.rivals import Rivals
from pipeline.report.data.labels import Names
from pipeline.report.data.points import make_points, sort_along_front
from pipeline.report.data.shared_seeds import by_seed
from pipeline.report.data.views import SECONDS, View, make_views
from pipeline.report.entries import Part
from pipeline.report.statistics.sample import COSTS, Draws, Sample, draw, make_sample
from pipeline.report.statistics.stats import Interval, means
from pipeline.report.words.caches import compare_caches
from pipeline.report.words.machines import one_machine
from pipeline.report.words.summary import Summary, summarise


@dataclass(frozen=True)
class Facet:
    """`points`: one row per setting of a run; `front`: the Pareto front by increasing NFE."""

    task: str
    model: str
    settings: tuple[Setting, ...]  # of the points; in a report on several runs their groups name the run
    commands: tuple[str, ...]  # of the points: that of the run which evaluated each
    points: pd.DataFrame
    front: pd.DataFrame
    views: list[View]  # quality against NFE, and against each further cost that the records contain
    comparisons: list[Comparison]  # one per cohort: settings equal in all but AXON, trade-off value and seed
    rivals: list[Rivals]  # fronts compared with one that the user names, one per line of that
    matched: tuple[Matched, ...]  # quality at matched NFE, per pair of fronts
    aups: tuple[Aup, ...]  # accuracy under parallelism, per front
    one_machine: bool  # whether all records name the same, so that seconds can be compared
    repeats: int  # scored records that have another setting's decode, and its seconds
    summary: Summary
    sample: Sample  # the outcome of each example under the settings of `points`
    calibrations: tuple[Calibration, ...]  # one per decoder with AXON settings

    @property
    def name(self) -> str:
        return f"{self.task} · {self.model}"

    @property
    def hypervolumes(self) -> dict[str, Interval]:
        """Against NFE, up to `reference_nfe`."""
        return self.views[0].hypervolumes

    @property
    def reference_nfe(self) -> float:
        return self.views[0].reference

    @property
    def pictured(self) -> list[View]:
        """NFE alone, which the papers report; all costs where it can't compare what steps of settings compute.

        FLOPs are left to the page: they hardly differ from computed positions.
        """
        own = self.points.loc[~self.points["foreign"], ["cache", "wider", "branches"]]
        several = len(own.drop_duplicates()) > 1
        return [view for view in self.views if view.cost.column != "flops"] if several else self.views[:1]


class Apart(NamedTuple):
    """What neither needs a facet's comparisons and views nor is needed by them."""

    aups: tuple[Aup, ...]
    calibrations: tuple[Calibration, ...]


@dataclass(frozen=True)
class Draft:
    """A facet before its comparisons, which are judged over all facets at once."""

    part: Part
    knobs: Names
    draws: Draws
    tokens: Tokens
    one_machine: bool
    evidence: Evidence

    def views(self) -> list[View]:
        # A step reveals at least one token, so that no setting needs more steps than the longest generation length. One
        # that edits full blocks may: what it reaches with more than a step a token is worth nothing here.
        settings = self.evidence.settings
        decoded = [setting for setting in settings if not setting.foreign] or settings
        reference_nfe = float(max(setting.decode.gen_length for setting in decoded))
        return make_views(self.evidence.points, self.draws, reference_nfe)

    def apart(self) -> Apart:
        points, settings = self.evidence.points, self.evidence.settings
        return Apart(aups(points, settings, self.draws, self.tokens), calibrate(self.part, points))

    def compared(
        self,
        own: list[Comparison],
        comparisons: int,
        rivals: list[Rivals],
        asked: Asked,
        views: list[View],
        apart: Apart,
    ) -> Facet:
        """`own`, `rivals`, `views`, `apart`: of this facet; `comparisons`: how many there are in the whole report."""
        points, settings = self.evidence.points, self.evidence.settings
        return Facet(
            task=self.part.task,
            model=self.part.model,
            settings=tuple(settings),
            commands=tuple(entry.command for entry in self.part.entries),
            points=points,
            front=sort_along_front(points[points["front"]]),
            views=views,
            comparisons=own,
            rivals=rivals,
            matched=match_nfe(points, settings, self.draws, asked),
            aups=apart.aups,
            one_machine=self.one_machine,
            repeats=int(self.part.scored["decoded_under"].notna().sum()),
            summary=summarise(
                self.part,
                self.knobs,
                points,
                own,
                comparisons,
                rivals,
                compare_caches(settings, points, self.evidence.sample),
                views,
            ),
            sample=self.evidence.sample,
            calibrations=apart.calibrations,
        )


def draft(part: Part, knobs: Names) -> Draft:
    foreign = [point for point, setting in enumerate(part.settings) if setting.foreign]
    several = len({setting.decode.cache for setting in part.settings if not setting.foreign}) > 1
    alone = one_machine(part.scored[~part.scored["point"].isin(foreign)] if foreign else part.scored)
    costs = (*COSTS, SECONDS) if several and alone else COSTS
    rows = part.averaged if part.pooled else part.rows
    everything = make_sample(rows, len(part.entries), (*costs, *TOKENS), part.shares)
    draws = draw(everything)
    tokens = {name: means(everything.further_costs[name]) for name in TOKENS}
    sample = replace(everything, further_costs={name: everything.further_costs[name] for name in costs})
    sample = replace(sample, by_seed=by_seed(part, sample))
    del everything  # of ten million records a quarter of a gigabyte, while the most is needed
    points = make_points(part, knobs, sample, draws)
    return Draft(part, knobs, draws, tokens, alone, Evidence(part.settings, points, sample))
