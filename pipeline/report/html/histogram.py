"""How the NFE of single examples is distributed under the settings that the verdicts compare: SVG, without a script."""

import math
from html import escape

import numpy as np

from pipeline.report.comparisons.matchups import Matchup, chosen_as, matchups
from pipeline.report.facet import Facet
from pipeline.report.figures.scale import Scale
from pipeline.report.html.web import read
from pipeline.report.statistics.stats import Floats
from pipeline.report.words.percent import percent

MOST = 12  # pairs of settings
BARS = 40  # at most about so many
HEIGHT = 120  # of the bars, in pixels
KINDS = ("first", "second")
TOLD = (
    "How many model calls each example took, under {settings}. Height: the share of examples with so many. Dashed: the "
    "median."
)


def section(facet: Facet) -> str:
    """The facet's part: the two settings of each comparison over each other. Empty where there are no two."""
    drawn = [_drawn(facet, own) for own in matchups(facet)[:MOST]]
    if not any(drawn):
        return ""
    return (
        f'<section class="histograms" aria-label="NFE of single examples"><style>{read("histogram.css")}</style>'
        f'<h3>NFE of single examples</h3><p class="soft">{TOLD.format(settings=chosen_as(facet))}</p>'
        f'<div class="multiples">{"".join(drawn)}</div>'
        "</section>"
    )


def _drawn(facet: Facet, own: Matchup) -> str:
    """A figure, its legend as text; empty where one of the two has no scored example."""
    rows = (own.first, own.second)
    taken = [nfe_N[~np.isnan(nfe_N)] for nfe_N in (facet.sample.nfe_SN[row] for row in rows)]
    if not all(len(nfe_n) for nfe_n in taken):
        return ""
    edges = bins(taken)
    scale = Scale(float(edges[0]), float(edges[-1]), "count")
    shares = [np.histogram(nfe_n, edges)[0] / len(nfe_n) for nfe_n in taken]
    highest = max(float(share.max()) for share in shares)
    marks = "".join(
        f'<g class="{kind}">{_bars(share, edges, scale, highest)}{_median(nfe_n, scale)}</g>'
        for kind, share, nfe_n in zip(KINDS, shares, taken, strict=True)
    )
    names = [_name(facet, row) for row in rows]
    legend = "".join(
        f'<li class="{kind}"><i></i>{escape(name)}: median {np.median(nfe_n):g}, mean {nfe_n.mean():.1f}</li>'
        for kind, name, nfe_n in zip(KINDS, names, taken, strict=True)
    )
    return (
        f'<figure><figcaption>{escape(own.name)}</figcaption><svg width="100%" height="{HEIGHT + 36}" role="img" '
        f'aria-label="{escape(f"NFE of {names[0]} and of {names[1]}")}">{marks}'
        f'<svg y="{HEIGHT + 3}" width="100%" height="16">{scale.axis()}</svg>'
        f'<text x="50%" y="{HEIGHT + 33}" class="tick" text-anchor="middle">NFE; the highest bar: '
        f"{percent(highest)} of the examples</text></svg><ul>{legend}</ul></figure>"
    )


def bins(taken: list[Floats]) -> Floats:
    """Edges of bins that are equally wide, and of whole numbers of steps."""
    low, high = int(min(nfe_n.min() for nfe_n in taken)), int(max(nfe_n.max() for nfe_n in taken))
    width = math.ceil((high - low + 1) / BARS)
    return np.arange(low, high + width + 1, width, dtype=np.float64) - 0.5


def _bars(share: Floats, edges: Floats, scale: Scale, highest: float) -> str:
    return "".join(
        f'<rect x="{scale.place(left)}" width="{scale.wide(right - left)}" y="{HEIGHT * (1 - own / highest):.1f}" '
        f'height="{HEIGHT * own / highest:.1f}"/>'
        for own, left, right in zip(share.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if own
    )


def _median(nfe_n: Floats, scale: Scale) -> str:
    place = scale.place(float(np.median(nfe_n)))
    return f'<line x1="{place}" x2="{place}" y1="0" y2="{HEIGHT}"/>'


def _name(facet: Facet, row: int) -> str:
    group, label = facet.points.loc[row, ["group", "label"]]
    return str(group) if group == label else f"{group} {label}"
