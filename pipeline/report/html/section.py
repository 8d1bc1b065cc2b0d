"""A facet's part of the page: its findings, its figures, its table, and what further parts it has."""

import base64
from collections.abc import Callable, Sequence
from html import escape
from string import Template

from pipeline.report.data.labels import NO_VALUE
from pipeline.report.data.views import View
from pipeline.report.facet import Facet
from pipeline.report.figures.axes import Axis
from pipeline.report.figures.palette import styles
from pipeline.report.html import examples, histogram
from pipeline.report.html.aup_table import aup_section
from pipeline.report.html.details import Details
from pipeline.report.html.figure import figure_json
from pipeline.report.html.reliability import calibration_section
from pipeline.report.html.rows import fronts_table, interval, settings_json
from pipeline.report.html.toggles import swatch
from pipeline.report.html.web import read
from pipeline.report.words.inline import unbroken
from pipeline.report.words.matched_table import matched_section
from pipeline.report.words.phrases import number
from pipeline.report.words.told import UNFOLDED, Verdict


def facet_section(
    place: int,
    facet: Facet,
    pictures: Callable[[], Sequence[bytes]],
    axes: Sequence[Axis],
    details: Details,
    heading: str,
    forest: str,
    toggles: str,
) -> str:
    """`pictures`: gives a PNG per facet, of which that at `place` is shown where no script runs and on paper; it may
    still be drawn, and is asked for last. The last three: html or nothing."""
    summary = facet.summary
    return Template(read("facet.html")).substitute(
        place=place,
        name=escape(facet.name),
        heading=heading,
        forest=forest,
        toggles=toggles,
        swept=escape(summary.swept),
        inert="\n".join(f'<p class="inert">{escape(warning)}</p>' for warning in summary.inert),
        verdicts=_verdicts(summary.verdicts),
        front=escape(summary.front),
        warnings="\n".join(f'<p class="warn">{escape(warning)}</p>' for warning in summary.warnings),
        lacking="".join(f'<p class="soft lacking">{escape(sentence)}</p>' for sentence in summary.lacking),
        axes=_axes(facet.views),
        mixes="" if _mixed(facet) else "hidden",
        groups=_groups(facet),
        reference=f"{facet.reference_nfe:g}",
        matched=matched_section(facet),
        aup=aup_section(facet),
        histogram=histogram.section(facet),
        calibration=calibration_section(facet.calibrations),
        examples=examples.section(facet, details),
        fronts=fronts_table(facet),
        settings=settings_json(facet),
        figure=figure_json(facet, axes),
        picture=f"data:image/png;base64,{base64.b64encode(pictures()[place]).decode('ascii')}",
    )


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    """Of several, the headlines alone at first: what comes next is the figure."""
    if len(verdicts) <= UNFOLDED:
        return "\n".join(_headlines(own) + _evidence(own) for own in verdicts)
    parts = (
        f"<div>{_headlines(own)}<details><summary>Figures and evidence</summary>{_evidence(own)}</details></div>"
        for own in verdicts
    )
    return f'<div class="verdicts">{"".join(parts)}</div>'


def _headlines(verdict: Verdict) -> str:
    return "".join(
        f'<p class="verdict">{unbroken(part)}</p>' for part in (verdict.short, verdict.saved) if part
    )


def _evidence(verdict: Verdict) -> str:
    """The numbers as a table, which settings one would run, and the evidence in sentences (folded where a table is)."""
    evidence, pick = (f"<p>{escape(part)}</p>" if part else "" for part in (verdict.evidence, verdict.pick))
    if not verdict.rows:
        return evidence + pick
    headings = (*verdict.sides, "difference [95 %]")
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        f'<tr><td class="text">{escape(row.what)}</td>'
        + "".join(
            f'<td data-label="{unbroken(label)}">{escape(text)}</td>'
            for label, text in zip(headings, row[1:], strict=True)
        )
        + "</tr>"
        for row in verdict.rows
    )
    return (
        f'<div class="scroll"><table class="evidence"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f'<p class="soft">{escape(verdict.caption)}</p>'
        f"{pick}<details><summary>In sentences</summary>{evidence}</details>"
    )


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


def _mixed(facet: Facet) -> bool:
    """Whether any group has two settings, of which one may be run on some examples."""
    return bool((facet.points.groupby("group", observed=True)["decode"].nunique() > 1).any())


def _groups(facet: Facet) -> str:
    """A line per group: its settings, and what it achieves."""
    lines = []
    for group, style in styles(facet.points).items():
        own = facet.points[facet.points["group"] == group]
        front = own[own["group_front"]].sort_values(["quality", "nfe"], ascending=[False, True])
        best = front.iloc[0] if len(front) else None
        area = facet.hypervolumes[group]
        cells = [
            f'<td class="text">{swatch(style)}{escape(group)}</td>',
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
