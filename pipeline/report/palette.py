"""One look per group, the same in the picture and on the page: told apart by colour, marker and dash.

Colours: Okabe and Ito's palette, safe for the common colour-vision deficiencies; dark enough for white paper and
light enough for a dark screen. How sure a point's place on its group's front is, its opacity says.
"""

from typing import NamedTuple

import pandas as pd


class Look(NamedTuple):
    colour: str
    marker: str  # matplotlib
    symbol: str  # plotly
    dash: str  # plotly; matplotlib draws "dot" as ":" and so on


FAINTEST = 0.3  # of a point that is on no front: faint, but there
BAND = 0.13  # of the band behind a group's steps
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
BASE_LOOKS = (
    Look("#0072B2", "o", "circle", "solid"),
    Look("#009E73", "^", "triangle-up", "dash"),
    Look("#56B4E9", "v", "triangle-down", "dot"),
    Look("#7A7A7A", "P", "cross", "dashdot"),
)
AXON_LOOKS = (
    Look("#D55E00", "D", "diamond", "solid"),
    Look("#CC79A7", "s", "square", "dash"),
    Look("#E69F00", "p", "pentagon", "dot"),
    Look("#A0522D", "X", "x", "dashdot"),
)


def looks(points: pd.DataFrame) -> dict[str, Look]:
    """Base groups first, cold colours; AXON groups after them, warm ones. Further groups start over."""
    chosen: dict[str, Look] = {}
    for axon, choices in ((False, BASE_LOOKS), (True, AXON_LOOKS)):
        groups = points.loc[points["axon"] == axon, "group"].unique()
        for index, group in enumerate(groups):
            chosen.setdefault(str(group), choices[index % len(choices)])
    return chosen


def opacities(on_front: "pd.Series[float]") -> list[float]:
    """From FAINTEST for a probability of 0 (or none) to 1."""
    return [round(FAINTEST + (1 - FAINTEST) * float(share), 3) for share in on_front.fillna(0.0)]
