"""What a comparison came to as a reader gets it: its headlines, the evidence, and the same numbers as a table."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from pipeline.report.comparisons.comparison import Comparison


class Row(NamedTuple):
    """One measured quantity: without AXON, with it, and the difference."""

    what: str
    base: str
    axon: str
    difference: str


UNFOLDED = 2  # verdicts whose evidence is shown without being asked for


@dataclass(frozen=True)
class Verdict:
    """The outcome of one comparison. `short` and `saved` are its headlines, each with its interval.

    `rows` holds the same numbers for a table headed by `sides`, the names of the base and the AXON side, and
    explained by `caption`.
    """

    short: str
    saved: str = ""
    evidence: str = ""
    pick: str = ""
    sides: tuple[str, str] = ("", "")
    rows: tuple[Row, ...] = ()
    caption: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.short, self.saved, self.evidence, self.pick) if part)


def step_words(points: pd.DataFrame, found: Comparison) -> Iterator[str]:
    """What a step of these settings is, where it isn't a pass over the canvas."""
    own = points.loc[sorted(found.cohort.rows)]
    cache, share = own["cache"].iloc[0], own["computed_positions"].sum() / own["nfe"].sum()
    computed = "" if math.isnan(share) else f": for each, {share:.0f} positions are computed"
    if cache != "none":
        yield f"NFE counts steps under cache {cache}, which are not whole passes{computed}."
    if wider := own["wider"].iloc[0]:
        yield f"NFE counts a step as one, though {wider}{computed}."
