"""A facet: what the records say of one task with one model."""

from dataclasses import dataclass

import pandas as pd

from pipeline.planning.setting import Setting
from pipeline.report.caches import compare_caches
from pipeline.report.calibration import Calibration, calibrate
from pipeline.report.comparison import Comparison, Evidence
from pipeline.report.entries import Part
from pipeline.report.labels import Names
from pipeline.report.machines import one_machine
from pipeline.report.points import make_points, sort_along_front
from pipeline.report.sample import COSTS, Draws, draw, make_sample
from pipeline.report.stats import Interval
from pipeline.report.summary import Summary, summarise
from pipeline.report.views import SECONDS, View, make_views


@dataclass(frozen=True)
class Facet:
    """`points`: one row per setting of a run; `front`: the Pareto front by increasing NFE."""

    task: str
    model: str
    settings: tuple[Setting, ...]  # of the points; in a report on several runs their groups name the run
    points: pd.DataFrame
    front: pd.DataFrame
    views: list[View]  # quality against NFE, and against each further cost that the records contain
    comparisons: list[Comparison]  # one per cohort: settings equal in all but AXON, trade-off value and seed
    summary: Summary
    calibrations: tuple[Calibration, ...] = ()  # one per decoder with AXON settings

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
        """NFE alone, which the papers report; all costs where settings differ in their cache, which NFE can't compare.

        FLOPs are left to the page: they hardly differ from computed positions.
        """
        several = self.points.loc[~self.points["foreign"], "cache"].nunique() > 1
        return [view for view in self.views if view.cost.column != "flops"] if several else self.views[:1]


@dataclass(frozen=True)
class Draft:
    """A facet before its comparisons, which are judged over all facets at once."""

    part: Part
    knobs: Names
    draws: Draws
    evidence: Evidence

    def compared(self, own: list[Comparison], comparisons: int) -> Facet:
        """`own`: of this facet; `comparisons`: how many there are in the whole report."""
        points, settings = self.evidence.points, self.evidence.settings
        # A step reveals at least one token, so no setting can need more steps than the longest generation length.
        decoded = [setting for setting in settings if not setting.foreign] or settings
        reference_nfe = float(max(setting.decode.gen_length for setting in decoded))
        return Facet(
            task=self.part.task,
            model=self.part.model,
            settings=tuple(settings),
            points=points,
            front=sort_along_front(points[points["front"]]),
            views=make_views(points, self.draws, reference_nfe),
            comparisons=own,
            summary=summarise(
                self.part,
                self.knobs,
                points,
                own,
                comparisons,
                compare_caches(settings, points, self.evidence.sample),
            ),
            calibrations=calibrate(self.part, points),
        )


def draft(part: Part, knobs: Names) -> Draft:
    several = len({setting.decode.cache for setting in part.settings if not setting.foreign}) > 1
    foreign = [point for point, setting in enumerate(part.settings) if setting.foreign]
    timed = several and one_machine(part.rows[part.rows["scored"] & ~part.rows["point"].isin(foreign)])
    sample = make_sample(part.rows, len(part.entries), (*COSTS, SECONDS) if timed else COSTS)
    draws = draw(sample)
    points = make_points(part, knobs, sample, draws)
    return Draft(part, knobs, draws, Evidence(part.settings, points, sample))
