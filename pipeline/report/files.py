"""The report's files: points.csv, front.png, report.html, and recipe.csv for runs that repeat a published result,
calibration.csv where AXON's anchors can be compared with a reference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import RenderableType

from pipeline.beside import beside
from pipeline.report.asked import NOTHING, Asked
from pipeline.report.data.whole import Whole, columns_of, in_memory
from pipeline.report.entries import run_names
from pipeline.report.facet import Facet
from pipeline.report.figures import picture
from pipeline.report.findings import Findings, find
from pipeline.report.html import details, forest, page
from pipeline.report.html.details import Words
from pipeline.report.html.forest_rows import forests
from pipeline.report.html.reliability import calibration_table
from pipeline.report.paper.formats import write_formats
from pipeline.report.words import terminal
from pipeline.report.words.expected import table
from pipeline.report.words.matched_table import matched_table
from pipeline.report.words.verdict_table import verdict_table
from pipeline.runs.run import RUN_FILE, Run


@dataclass(frozen=True)
class Report:
    """The findings of some runs and the files that show them."""

    findings: Findings
    table: Path
    picture: Path  # the first facets, at most picture.MOST_PANELS
    page: Path
    tables: tuple[Path, ...]  # of the formats asked for
    runs: tuple[Run, ...]

    def terminal(self) -> RenderableType:
        return terminal.render(self.findings)


def write_report(
    folder: Path,
    runs: Sequence[Run],
    records: pd.DataFrame,
    notes: Sequence[str],
    names: Sequence[str] = (),
    words: Words | None = None,
    asked: Asked = NOTHING,
    whole: Whole | None = None,
) -> Report:
    """Writes the files into `folder` (made if missing); arguments and errors as of `find`.

    `words`: questions and token texts for the page's examples; without it tokens are numbers.

    Beyond picture.MOST_PANELS facets each gets a file of its own too, front-<task>-<model>.png.
    """
    whole = whole or in_memory(records)
    names = names or run_names(runs)
    findings = find(runs, records, names, asked, whole)
    folder.mkdir(parents=True, exist_ok=True)
    facets = findings.facets
    with beside(lambda: _pictures(findings)) as pictures:
        tables = write_formats(folder, facets, asked.formats)
        points, front, shown = (folder / name for name in ("points.csv", "front.png", "report.html"))
        report = Report(findings, points, front, shown, tables, tuple(runs))
        findings.points.to_csv(report.table, index=False)
        if any(facet.matched for facet in facets):
            matched_table(facets).to_csv(folder / "matched_nfe.csv", index=False)
        if len(verdicts := verdict_table(facets)):
            verdicts.to_csv(folder / "verdicts.csv", index=False)
        if findings.checks:
            table(findings.checks).to_csv(folder / "recipe.csv", index=False)
        calibrated = [(facet.task, facet.model, one) for facet in facets for one in facet.calibrations]
        if calibrated:
            calibration_table(calibrated).to_csv(folder / "calibration.csv", index=False)
        for own in forests(facets):
            (folder / own.file).write_text(forest.draw(own), encoding="utf-8")
        told = details.write(
            folder,
            findings,
            lambda run, setting: columns_of(whole(names.index(run), setting), details.READ),
            words,
            in_run=len(runs) == 1 and (folder / RUN_FILE).is_file(),
        )
        html = page.render(findings, pictures, notes, told)
        *images, front_image = pictures()
        front.write_bytes(front_image)
        if len(facets) > picture.MOST_PANELS:
            for facet, image in zip(facets, images, strict=True):
                (folder / _picture_name(facet)).write_bytes(image)
        shown.write_text(html, encoding="utf-8")
    return report


def _pictures(findings: Findings) -> list[bytes]:
    """Of each facet; and last front.png, which has the first of them side by side."""
    facets = findings.facets
    if len(facets) == 1:
        own = picture.draw([(findings.title or facets[0].name, facets[0])])
        return [own, own]
    titled = [(facet.name, facet) for facet in facets]
    return [*(picture.draw([one]) for one in titled), picture.draw(titled[: picture.MOST_PANELS])]


def _picture_name(facet: Facet) -> str:
    task, model = (re.sub(r"[^\w.=-]+", "_", part) for part in (facet.task, facet.model))
    return f"front-{task}-{model}.png"
