"""The report's files: points.csv, front.png, report.html, and recipe.csv for runs that repeat a published result,
calibration.csv where AXON's anchors can be compared with a reference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import RenderableType

from pipeline.report import page, picture, terminal
from pipeline.report.expected import table
from pipeline.report.facet import Facet
from pipeline.report.findings import Findings, find
from pipeline.report.reliability import calibration_table
from pipeline.runs.run import Run


@dataclass(frozen=True)
class Report:
    """The findings and the files that show them."""

    findings: Findings
    table: Path
    picture: Path  # the first facets, at most picture.MOST_PANELS
    page: Path

    def terminal(self) -> RenderableType:
        return terminal.render(self.findings)


def write_report(
    folder: Path,
    runs: Sequence[Run],
    records: pd.DataFrame,
    notes: Sequence[str],
    folders: Sequence[str] = (),
) -> Report:
    """Writes the files into `folder` (made if missing); arguments and errors as of `find`.

    Beyond picture.MOST_PANELS facets each gets a file of its own too, front-<task>-<model>.png.
    """
    findings = find(runs, records, folders)
    folder.mkdir(parents=True, exist_ok=True)
    facets = findings.facets
    report = Report(findings, folder / "points.csv", folder / "front.png", folder / "report.html")
    findings.points.to_csv(report.table, index=False)
    if findings.checks:
        table(findings.checks).to_csv(folder / "recipe.csv", index=False)
    calibrated = [(facet.task, facet.model, one) for facet in facets for one in facet.calibrations]
    if calibrated:
        calibration_table(calibrated).to_csv(folder / "calibration.csv", index=False)
    title = findings.title if len(facets) == 1 else ""
    images = [picture.draw([(title or facet.name, facet)]) for facet in facets]
    first = [(facet.name, facet) for facet in facets[: picture.MOST_PANELS]]
    report.picture.write_bytes(images[0] if len(facets) == 1 else picture.draw(first))
    if len(facets) > picture.MOST_PANELS:
        for facet, image in zip(facets, images, strict=True):
            (folder / _picture_name(facet)).write_bytes(image)
    report.page.write_text(page.render(findings, images, notes), encoding="utf-8")
    return report


def _picture_name(facet: Facet) -> str:
    task, model = (re.sub(r"[^\w.=-]+", "_", part) for part in (facet.task, facet.model))
    return f"front-{task}-{model}.png"
