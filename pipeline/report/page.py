"""report.html: one file that opens from disk, with no network: the findings, the fronts, every setting.

The frame is page.html beside this file; here its parts are made, every text from outside escaped. The page's
own Content-Security-Policy forbids it to load anything.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import pandas as pd

from pipeline.report import stats
from pipeline.report.figure import figure_json
from pipeline.report.labels import Setting
from pipeline.report.palette import looks
from pipeline.report.points import MIN_COVERAGE
from pipeline.report.rows import between, dot, settings_table
from pipeline.report.stats import Interval
from pipeline.report.summary import Summary
from pipeline.report.verdict import Answer
from pipeline.report.views import View


def write(
    path: Path,
    title: str,
    points: pd.DataFrame,
    views: Sequence[View],
    hypervolumes: Mapping[str, Interval],
    reference_nfe: float,
    summary: Summary,
    settings: Mapping[str, Setting],
    notes: Sequence[str],
    picture: Path,
) -> Path:
    """Fill the frame and write it."""
    frame = Template((files("pipeline.report") / "page.html").read_text(encoding="utf-8"))
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    html = frame.substitute(
        title=escape(title),
        inert="\n".join(f'<p class="inert">{escape(warning)}</p>' for warning in summary.inert),
        answers="\n".join(_answer(answer) for answer in summary.answers),
        front=escape(summary.front),
        swept=escape(summary.swept),
        warnings="\n".join(f'<p class="warn">{escape(warning)}</p>' for warning in summary.warnings),
        picture=f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}",
        axes=_axes(views),
        groups=_groups(points, hypervolumes),
        table=settings_table(points, settings),
        notes=_list(notes),
        replicates=f"{stats.REPLICATES:,}",
        seed=stats.SEED,
        reference=f"{reference_nfe:g}",
        coverage=f"{MIN_COVERAGE:.0%}",
        plotly=plotly,
        figure=figure_json(views),
    )
    path.write_text(html, encoding="utf-8")
    return path


def _answer(answer: Answer) -> str:
    """The answer, its numbers as a table, and the same in full sentences (folded where there is a table)."""
    parts = [f'<p class="answer">{escape(part)}</p>' for part in (answer.short, answer.saved) if part]
    if answer.rows:
        head = "".join(f"<th>{escape(text)}</th>" for text in (*answer.sides, "difference [95 %]"))
        body = "".join(
            f'<tr><td class="text">{escape(row.what)}</td>'
            + "".join(f"<td>{escape(text)}</td>" for text in row[1:])
            + "</tr>"
            for row in answer.rows
        )
        parts.append(
            f'<div class="scroll"><table class="evidence"><thead><tr><th></th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
    sentences = "".join(f"<p>{escape(part)}</p>" for part in (answer.evidence, answer.pick) if part)
    if answer.rows:
        parts.append(f'<p class="soft">{escape(answer.caption)}</p>')
        sentences = f"<details><summary>The same in sentences</summary>{sentences}</details>"
    return "".join([*parts, sentences])


def _list(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else "<p>None were given.</p>"


def _axes(views: Sequence[View]) -> str:
    """A button for each axis of cost; nothing where there is but one."""
    if len(views) == 1:
        return ""
    buttons = "".join(
        f'<button type="button" data-view="{place}" aria-pressed="{"false" if place else "true"}">'
        f"{escape(view.cost.name)}</button>"
        for place, view in enumerate(views)
    )
    return f'<div class="tools axes" role="group" aria-label="Measure of cost">against {buttons}</div>'


def _groups(points: pd.DataFrame, hypervolumes: Mapping[str, Interval]) -> str:
    """A line per group: how much it was given, and what it reached."""
    lines = []
    for group, look in looks(points).items():
        own = points[points["group"] == group]
        front = own[own["group_front"]].sort_values(["quality", "nfe"], ascending=[False, True])
        best = front.iloc[0] if len(front) else None
        cells = [
            f'<td class="text">{dot(look.colour)}{escape(group)}</td>',
            f"<td>{len(own)}</td><td>{own['decode'].nunique()}</td>",
            f"<td>{front['decode'].nunique()}</td><td>{own.loc[own['front'], 'decode'].nunique()}</td>",
            f"<td>{hypervolumes[group].estimate:.3f} {between(*hypervolumes[group][1:], 3)}</td>",
            f"<td>{best['quality']:.3f} in {best['nfe']:.1f}</td>" if best is not None else "<td>-</td>",
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<table id="groups"><thead><tr><th class="text">group</th><th>settings</th><th>distinct decodes</th>'
        "<th>on its front</th><th>on the common front</th><th>hypervolume</th>"
        "<th>best quality, in steps</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
