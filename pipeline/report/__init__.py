"""The report of a set of settings: points.csv, front.png, report.html, a terminal table and a verdict.

Pure but for the files it writes: no clock, no randomness but the bootstrap's fixed seed, no network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import RenderableType

from pipeline.report import page, picture, terminal
from pipeline.report.bands import hypervolumes
from pipeline.report.comparison import Comparison, compare
from pipeline.report.labels import Label, Setting, one_value, reference_nfe
from pipeline.report.points import clean, draw, make_points, outcomes, sort_along_front
from pipeline.report.stats import Interval
from pipeline.report.summary import Summary, summarise
from pipeline.report.views import View, make_views

__all__ = ["Findings", "Report", "find", "write_report"]


@dataclass(frozen=True)
class Findings:
    """What the records say. `points`: one row per setting; `front`: those nobody beats, by rising NFE."""

    points: pd.DataFrame
    front: pd.DataFrame
    views: list[View]  # quality against NFE, and against each further cost that the records know
    hypervolumes: dict[str, Interval]  # per group; reference point quality 0, NFE = reference_nfe; in [0, 1]
    reference_nfe: float
    comparisons: list[Comparison]  # one per cohort: settings equal in all but AXON, speed and seed
    summary: Summary


@dataclass(frozen=True)
class Report:
    """The findings and the files that show them."""

    title: str
    findings: Findings
    table: Path
    picture: Path
    page: Path

    @property
    def points(self) -> pd.DataFrame:
        return self.findings.points

    @property
    def front(self) -> pd.DataFrame:
        return self.findings.front

    @property
    def hypervolumes(self) -> dict[str, Interval]:
        return self.findings.hypervolumes

    @property
    def verdict(self) -> str:
        return self.findings.summary.verdict

    def terminal(self) -> RenderableType:
        return terminal.render(self.title, self.points, self.findings.summary)


def find(
    settings: Mapping[str, Setting],
    records: pd.DataFrame,
    labels: Mapping[str, Label],
    trade_off: str | None,
) -> Findings:
    """Records -> findings, without a file; also for a live display.

    `trade_off`: dotted key of the sweep's knob between slow and fast (`decoder.threshold`), the only one beside
    AXON's and the seed in which compared settings may differ; None where there is none.
    Raises ValueError for records of several tasks and for a setting without gen_length.
    """
    reference = reference_nfe(settings)
    rows = clean(settings, records)
    outcome = outcomes(settings, rows)
    draws = draw(outcome)
    points = make_points(settings, rows, labels, outcome, draws)
    comparisons = compare(settings, points, outcome, trade_off)
    return Findings(
        points=points,
        front=sort_along_front(points[points["front"]]),
        views=make_views(points, draws),
        hypervolumes=hypervolumes(points, draws, reference),
        reference_nfe=reference,
        comparisons=comparisons,
        summary=summarise(settings, labels, points, comparisons),
    )


def write_report(
    folder: Path,
    settings: Mapping[str, Setting],
    records: pd.DataFrame,
    labels: Mapping[str, Label],
    title: str,
    notes: Sequence[str],
    trade_off: str | None,
) -> Report:
    """Write points.csv, front.png and report.html into `folder` (made if missing); raises as `find` does."""
    findings = find(settings, records, labels, trade_off)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "points.csv"
    findings.points.to_csv(table, index=False)
    subtitle = _subtitle(settings, findings.points)
    image = picture.draw(folder / "front.png", title, subtitle, findings.views[0], findings.hypervolumes)
    html = page.write(
        folder / "report.html",
        title,
        points=findings.points,
        views=findings.views,
        hypervolumes=findings.hypervolumes,
        reference_nfe=findings.reference_nfe,
        summary=findings.summary,
        settings=settings,
        notes=notes,
        picture=image,
    )
    return Report(title=title, findings=findings, table=table, picture=image, page=html)


def _subtitle(settings: Mapping[str, Setting], points: pd.DataFrame) -> str:
    sizes = points.loc[points["n"] > 0, "n"]
    n = " to ".join(str(size) for size in sorted({sizes.min(), sizes.max()})) if len(sizes) else "0"
    task, split = one_value(settings, "task"), one_value(settings, "split")
    of = " ".join(part for part in (task, "examples a setting") if part)
    where = f" ({split} split)" if split else ""
    return f"n = {n} {of}{where} · bars, bands: 95 % intervals · faint: seldom on its group's front"
