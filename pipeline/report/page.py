"""report.html: one file that opens from disk, without a network: the findings, the fronts, every setting.

The frame is page.html, a facet's part facet.html, both beside this file; here they are filled, with every text from
outside escaped. The page's own Content-Security-Policy forbids it to load anything.
"""

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from pipeline.report import stats
from pipeline.report.expected import Check
from pipeline.report.facet import Facet
from pipeline.report.figure import figure_json
from pipeline.report.findings import Findings
from pipeline.report.labels import NO_VALUE
from pipeline.report.palette import styles
from pipeline.report.phrases import number
from pipeline.report.points import MIN_COVERAGE
from pipeline.report.reliability import calibration_section
from pipeline.report.rows import dot, interval, settings_table
from pipeline.report.verdict import Verdict
from pipeline.report.views import View


def render(findings: Findings, pictures: Sequence[bytes], notes: Sequence[str]) -> str:
    """`pictures`: a PNG per facet, shown where no script runs."""
    facets = [
        _facet(number, facet, picture, several=len(findings.facets) > 1)
        for number, (facet, picture) in enumerate(zip(findings.facets, pictures, strict=True))
    ]
    return _template("page.html").substitute(
        title=escape(findings.title),
        contents=_contents(findings) if len(facets) > 1 else "",
        checks="\n".join(_check(check) for check in findings.checks),
        facets="\n".join(facets),
        notes=_list(notes),
        replicates=f"{stats.REPLICATES:,}",
        seed=stats.SEED,
        coverage=f"{MIN_COVERAGE:.0%}",
        plotly=(files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8"),
    )


def _template(name: str) -> Template:
    return Template((files("pipeline.report") / name).read_text(encoding="utf-8"))


def _contents(findings: Findings) -> str:
    """The facets with their headlines."""
    items = "".join(
        f'<li><a href="#facet-{number}">{escape(facet.name)}</a>'
        + "".join(f"<p>{escape(verdict.short)}</p>" for verdict in facet.summary.verdicts)
        + "</li>"
        for number, facet in enumerate(findings.facets)
    )
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _check(check: Check) -> str:
    """A recipe's published figures beside the run's."""
    recipe = check.recipe
    head = "".join(f"<th>{text}</th>" for text in ("expected", "got", "[95 %]", ""))
    body = "".join(
        f'<tr><td class="text">{escape(figure.texts[0])}</td>'
        + "".join(f"<td>{escape(text)}</td>" for text in figure.texts[1:])
        + "</tr>"
        for figure in check.figures
    )
    figures = f'<table class="evidence"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'
    silent = "<p>No figure is known for it: the recipe repeats settings only.</p>"
    parts = [
        f"<h3>{escape(recipe.title)}</h3>",
        figures if check.figures else silent if recipe.expected.silent else "",
        f'<p class="soft">Published: {escape(recipe.source)}</p>',
        _list(check.remarks) if check.remarks else "",
    ]
    return f'<section class="recipe" aria-label="Published figures">{"".join(parts)}</section>'


def _facet(place: int, facet: Facet, picture: bytes, several: bool) -> str:
    summary = facet.summary
    return _template("facet.html").substitute(
        place=place,
        heading=f"<h2>{escape(facet.name)}</h2>" if several else "",
        swept=escape(summary.swept),
        inert="\n".join(f'<p class="inert">{escape(warning)}</p>' for warning in summary.inert),
        verdicts="\n".join(_verdict(verdict) for verdict in summary.verdicts),
        front=escape(summary.front),
        warnings="\n".join(f'<p class="warn">{escape(warning)}</p>' for warning in summary.warnings),
        picture=f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}",
        axes=_axes(facet.views),
        groups=_groups(facet),
        reference=f"{facet.reference_nfe:g}",
        calibration=calibration_section(facet.calibrations),
        table=settings_table(facet.points, facet.settings),
        figure=figure_json(facet.views),
    )


def _verdict(verdict: Verdict) -> str:
    """The headlines, the numbers as a table, and the evidence in sentences (folded where there is a table)."""
    parts = [f'<p class="verdict">{escape(part)}</p>' for part in (verdict.short, verdict.saved) if part]
    if verdict.rows:
        head = "".join(f"<th>{escape(text)}</th>" for text in (*verdict.sides, "difference [95 %]"))
        body = "".join(
            f'<tr><td class="text">{escape(row.what)}</td>'
            + "".join(f"<td>{escape(text)}</td>" for text in row[1:])
            + "</tr>"
            for row in verdict.rows
        )
        parts.append(
            f'<div class="scroll"><table class="evidence"><thead><tr><th></th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
    sentences = "".join(f"<p>{escape(part)}</p>" for part in (verdict.evidence, verdict.pick) if part)
    if verdict.rows:
        parts.append(f'<p class="soft">{escape(verdict.caption)}</p>')
        sentences = f"<details><summary>In sentences</summary>{sentences}</details>"
    return "".join([*parts, sentences])


def _list(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else "<p>None.</p>"


def _axes(views: Sequence[View]) -> str:
    """A button for each measure of cost; nothing where there is only one."""
    if len(views) == 1:
        return ""
    buttons = "".join(
        f'<button type="button" data-view="{place}" aria-pressed="{"false" if place else "true"}">'
        f"{escape(view.cost.name)}</button>"
        for place, view in enumerate(views)
    )
    return f'<div class="tools axes" role="group" aria-label="Measure of cost">against {buttons}</div>'


def _groups(facet: Facet) -> str:
    """A line per group: its settings, and what it achieves."""
    lines = []
    for group, style in styles(facet.points).items():
        own = facet.points[facet.points["group"] == group]
        front = own[own["group_front"]].sort_values(["quality", "nfe"], ascending=[False, True])
        best = front.iloc[0] if len(front) else None
        area = facet.hypervolumes[group]
        cells = [
            f'<td class="text">{dot(style.colour)}{escape(group)}</td>',
            f"<td>{len(own)}</td><td>{own['decode'].nunique()}</td>",
            f"<td>{front['decode'].nunique()}</td><td>{own.loc[own['front'], 'decode'].nunique()}</td>",
            f"<td>{number(area.estimate, 3)} {interval(area.lo, area.hi, 3)}</td>",
            f"<td>{best['quality']:.3f} at {best['nfe']:.1f}</td>"
            if best is not None
            else f"<td>{NO_VALUE}</td>",
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<table class="groups"><thead><tr><th class="text">group</th><th>settings</th><th>distinct decodes</th>'
        "<th>on its own front</th><th>on the common front</th><th>hypervolume</th>"
        "<th>best quality, at NFE</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
