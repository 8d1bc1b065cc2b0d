"""Whether AXON moves a base decoder's front, in words: short, with its numbers, and as a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from pipeline.report.comparison import MIN_EXAMPLES, QUALITY_MARGIN, Comparison, Pick
from pipeline.report.labels import NO_VALUE, knob_columns, value_text
from pipeline.report.stats import Interval


class Row(NamedTuple):
    """One measured quantity: without AXON, with it, and the difference."""

    what: str
    base: str
    axon: str
    difference: str


@dataclass(frozen=True)
class Answer:
    """Whether AXON moves one decoder's front: in short, with its numbers, and for the setting one would pick.

    `rows` holds the same numbers for a table headed by `sides`, the names of the base and the AXON side, and
    explained by `caption`.
    """

    short: str
    evidence: str = ""
    pick: str = ""
    sides: tuple[str, str] = ("", "")
    rows: tuple[Row, ...] = ()
    caption: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.short, self.evidence, self.pick) if part)


def no_answer(points: pd.DataFrame) -> Answer:
    unknown = "Whether AXON moves the front cannot be said"
    if not points["axon"].any():
        return Answer(f"{unknown}: no setting uses AXON.")
    if not points.loc[points["complete"], "axon"].any():
        return Answer(f"{unknown}: no AXON setting was scored.")
    return Answer(f"{unknown}: no base setting equals an AXON one in all but AXON.")


def answer(points: pd.DataFrame, found: Comparison) -> Answer:
    short = f"AXON moves the front of {found.decoder}: {found.answer}"
    short = f"{short}, it lowers it." if found.answer == "no" else f"{short}."
    if found.pick is None:
        return Answer(short, f"Too few examples to tell: a half needs at least {MIN_EXAMPLES}.")
    variant = variant_text(points, found)
    best = f"{variant}, the best of {found.variants} variants" if found.variants > 1 else variant
    start = f"AXON with {best} on {found.chosen_on} examples, measured on the other {found.reported_on}: "
    return Answer(
        short=short,
        evidence=start + _measured(found),
        pick=pick_sentence(points, found.pick),
        sides=(f"{found.decoder} alone", f"AXON, {variant}"),
        rows=tuple(_rows(found, found.pick)),
        caption=f"Measured on {found.reported_on} examples. This variant of AXON "
        f"({found.variants} were tried) and the settings were chosen on {found.chosen_on} others.",
    )


def _measured(found: Comparison) -> str:
    if not found.has_front:
        return "it and the base decoder alone have no range of passes in common, so no fronts to compare."
    lo, hi = found.budgets
    return (
        f"over {lo:.1f} to {hi:.1f} passes, which {counted(len(found.base), 'matched setting')} on either side "
        f"reach, mean quality is {found.axon_quality:.3f} with it and {found.base_quality:.3f} without, "
        f"difference {signed(found.difference, 3)}."
    )


def _rows(found: Comparison, pick: Pick) -> Iterator[Row]:
    if found.has_front:
        lo, hi = found.budgets
        yield Row(
            f"mean quality over {lo:.1f} to {hi:.1f} passes",
            f"{found.base_quality:.3f}",
            f"{found.axon_quality:.3f}",
            signed(found.difference, 3),
        )
    aim = "to hold the base's best quality" if pick.holds else "of the best setting of each"
    yield Row(
        f"passes {aim}",
        f"{pick.base_nfe:.1f}",
        f"{pick.axon_nfe:.1f} ({_change(pick)})",
        signed(pick.nfe.difference, 1),
    )
    yield Row(
        "quality of these two settings",
        f"{pick.base_quality:.3f}",
        f"{pick.axon_quality:.3f}",
        signed(pick.quality.difference, 3),
    )


def _change(pick: Pick) -> str:
    return f"{(pick.axon_nfe / pick.base_nfe - 1) * 100:+.0f} %"


def variant_text(points: pd.DataFrame, found: Comparison) -> str:
    """The knobs in which the variant differs from the base settings it is matched with."""
    axon, base = points.iloc[found.axon[0]], points.iloc[found.base[0]]
    texts = {name: (value_text(axon[name]), value_text(base[name])) for name in knob_columns(points)}
    own = [
        f"{name.removeprefix('knob.')}={with_it}"
        for name, (with_it, without) in texts.items()
        if with_it not in (NO_VALUE, without)
    ]
    return " ".join(own) or str(axon["arm"])


def pick_sentence(points: pd.DataFrame, pick: Pick) -> str:
    """The two settings one would have picked, and how they differ on the examples that had no say in it."""
    base, axon = points["label"].iloc[pick.base], points["label"].iloc[pick.axon]
    aim = f"the base decoder's best quality (within {QUALITY_MARGIN:g})"
    start = f"To hold {aim}" if pick.holds else f"None of these AXON settings holds {aim}"
    other = "AXON" if pick.holds else "the best AXON setting"
    return (
        f"{start}: base ({base}) takes {pick.base_nfe:.1f} passes at quality {pick.base_quality:.3f}, "
        f"{other} ({axon}) {pick.axon_nfe:.1f} at {pick.axon_quality:.3f}, {_change(pick)} passes; "
        f"paired on {counted(pick.quality.n, 'example')}, AXON minus base is "
        f"{signed(pick.nfe.difference, 1)} passes and {signed(pick.quality.difference, 3)} quality."
    )


def signed(interval: Interval, digits: int) -> str:
    """`+0.041 [+0.018, +0.066]`"""
    return "{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]".format(*interval, d=digits)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
