"""One style per group, the same in the picture and on the page: distinguished by colour, marker and dash.

Colours: Okabe and Ito's palette, safe for the common colour-vision deficiencies; dark enough for white paper and
light enough for a dark screen. A point's opacity shows how likely it is on its group's front.
"""

from typing import Literal, NamedTuple

import pandas as pd


class Style(NamedTuple):
    colour: str
    marker: str  # matplotlib
    symbol: str  # plotly
    dash: str  # plotly; DASHES has matplotlib's


FAINTEST = 0.3  # opacity of a point that is on no front
BAND, CLEAR = 0.13, 4  # opacity of the band behind a group's front, and of how many bands at most
DASHES: dict[str, Literal["-", "--", ":", "-."]] = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
BASE_STYLES = (
    Style("#0072B2", "o", "circle", "solid"),
    Style("#009E73", "^", "triangle-up", "dash"),
    Style("#56B4E9", "v", "triangle-down", "dot"),
    Style("#7A7A7A", "P", "cross", "dashdot"),
)
AXON_STYLES = (
    Style("#D55E00", "D", "diamond", "solid"),
    Style("#CC79A7", "s", "square", "dash"),
    Style("#E69F00", "p", "pentagon", "dot"),
    Style("#A0522D", "X", "x", "dashdot"),
)
FOREIGN_STYLES = (  # hollow; matplotlib knows a hollow square by its character, not by a name
    Style("#3B3B3B", "$\\circ$", "circle-open", "dot"),
    Style("#7B4FA3", "$\\diamond$", "diamond-open", "dashdot"),
    Style("#3B7A57", "$\u25a1$", "square-open", "dash"),
    Style("#8C6D1F", "$\\bigtriangleup$", "triangle-up-open", "solid"),
)


def styles(points: pd.DataFrame) -> dict[str, Style]:
    """Base groups in cold colours, AXON groups in warm ones, those from elsewhere hollow.

    After four the colours repeat with other markers and dashes, after sixteen all does.
    """
    chosen: dict[str, Style] = {}
    foreign = points["foreign"]
    kinds = (
        (~foreign & ~points["axon"], BASE_STYLES),
        (points["axon"], AXON_STYLES),
        (foreign, FOREIGN_STYLES),
    )
    for rows, choices in kinds:
        groups = points.loc[rows, "group"].unique()
        for index, group in enumerate(groups):
            own, other = choices[index % 4], choices[(index + index // 4) % 4]
            chosen.setdefault(str(group), other._replace(colour=own.colour))
    return chosen


def band_opacity(bands: int) -> float:
    """Of each one. Many on top of each other are together about as dark as CLEAR of them: lines stay visible."""
    return round(BAND * min(1.0, CLEAR / max(bands, 1)), 4)


def likely(points: pd.DataFrame) -> "pd.Series[float]":
    """How likely each point is on its group's front; where nobody can tell, whether it is."""
    return points["on_front"].fillna(points["group_front"].astype(float))


def opacities(points: pd.DataFrame) -> list[float]:
    """From FAINTEST for a probability of 0 to 1."""
    return [round(FAINTEST + (1 - FAINTEST) * share, 3) for share in likely(points)]
