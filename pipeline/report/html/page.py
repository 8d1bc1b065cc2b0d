"""report.html: one file that opens from disk, without a network: the findings, the fronts, every setting.

The frame, the style and the scripts are in web/; here they are filled, with every text from outside escaped. The page's
own Content-Security-Policy forbids it to load anything but the details that lie in the folder beside it.
"""

import itertools
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from pipeline.report.data.points import MIN_COVERAGE
from pipeline.report.figures.axes import make_axes
from pipeline.report.findings import Findings
from pipeline.report.html import examples, forest, payload
from pipeline.report.html.details import Details
from pipeline.report.html.section import facet_section
from pipeline.report.html.toggles import toggle_bar
from pipeline.report.html.web import read, scripts
from pipeline.report.statistics import stats
from pipeline.report.words.expected import Check
from pipeline.report.words.percent import percent


def render(
    findings: Findings, pictures: Callable[[], Sequence[bytes]], notes: Sequence[str], details: Details
) -> str:
    """`pictures`: gives a PNG per facet, asked for late; `details`: what lies beside the page."""
    axes = make_axes([setting for facet in findings.facets for setting in facet.settings])
    starts = list(itertools.accumulate((len(facet.settings) for facet in findings.facets), initial=0))
    several = len(findings.facets) > 1
    whole = {"task and model": [facet.name for facet in findings.facets]} if several else {}
    toggles = toggle_bar({**whole, **{axis.name: axis.values for axis in axes}}, findings.facets)
    drawn = forest.sections(findings.facets)
    facets = [
        facet_section(
            number,
            facet,
            pictures,
            [axis.part(starts[number], len(facet.settings)) for axis in axes],
            details,
            heading=f"<h2>{escape(facet.name)}</h2>" if several else "",
            forest="" if several else drawn,
            toggles="" if several else toggles,
        )
        for number, facet in enumerate(findings.facets)
    ]
    return Template(read("page.html")).substitute(
        title=escape(findings.title),
        source=payload.SOURCE,
        style=read("page.css") + examples.style(),
        contents=_contents(findings) if several else "",
        checks="\n".join(_check(check) for check in findings.checks),
        forest=drawn if several else "",
        toggles=toggles if several else "",
        facets="\n".join(facets),
        notes=_list(notes),
        replicates=f"{stats.REPLICATES:,}",
        fewest=stats.FEWEST,
        seed=stats.SEED,
        coverage=percent(MIN_COVERAGE),
        plotly=(files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8"),
        script=scripts(),
        examples=examples.script(),
    )


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
    figures = (
        f'<div class="scroll"><table class="evidence"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    silent = "<p>No figure is known for it: the recipe repeats settings only.</p>"
    parts = [
        f"<h3>{escape(recipe.title)}</h3>",
        figures if check.figures else silent if recipe.expected.silent else "",
        f'<p class="soft">Published: {escape(recipe.source)}</p>',
        _list(check.remarks) if check.remarks else "",
    ]
    return f'<section class="recipe" aria-label="Published figures">{"".join(parts)}</section>'


def _list(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else "<p>None.</p>"
