"""What a forest plot draws: what AXON does to each decoder's front, and how other fronts lie to one that is named."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.report.comparisons import axes
from pipeline.report.comparisons.comparison import Comparison
from pipeline.report.comparisons.effect import Effect
from pipeline.report.facet import Facet
from pipeline.report.statistics.stats import Interval
from pipeline.report.words.phrases import counted, listed, reduction, signed, variant_text

MOST = 8  # variants of a comparison that are drawn, the leading one and those of the largest gains
QUALITY, NFE = "difference in mean quality", "NFE at equal quality"
BARS = (
    "A bar that doesn't touch the line of no difference is blue where {better}, orange where it is worse, grey where "
    "settings lie too far apart to tell. {bold}An "
    "arrow: the interval goes on. Quality is that of lines between neighbouring settings (the verdict says what is "
    "left where settings may be mixed), NFE that of mixes."
)


@dataclass(frozen=True)
class Row:
    """`saved`: a change in NFE as a fraction, below 0 where AXON, or the front, saves. None: not measured."""

    label: str
    leading: bool
    quality: Interval | None = None
    saved: Interval | None = None
    texts: tuple[str, str] = ("", "")  # of quality and NFE
    good: tuple[int, int] = (1, -1)  # the signs of better ones; 0 where the settings themselves don't show it


@dataclass(frozen=True)
class Forest:
    """One plot: its words, the file it becomes, and its rows. `directions`: what less and more of each column mean."""

    file: str
    title: str
    told: str
    caption: str
    directions: tuple[tuple[str, str], tuple[str, str]]
    rows: tuple[Row, ...]
    undrawn: str  # how many rows were left out, in a sentence; empty where none was

    @property
    def barless(self) -> str:
        values = [own for row in self.rows for own in (row.quality, row.saved) if own]
        lacking = any(math.isnan(own.lo) for own in values)
        return "Without a bar: no interval; the verdict says why." if lacking else ""


def forests(facets: Sequence[Facet]) -> list[Forest]:
    """Those with a figure to draw, over all facets: of AXON, and of fronts against one that is named."""
    made = [_of_axon(facets)]
    if references := list(dict.fromkeys(found.reference for facet in facets for found in facet.rivals)):
        made.append(_of_rivals(facets, references))
    return [own for own in made if any(row.quality for row in own.rows)]


def _of_axon(facets: Sequence[Facet]) -> Forest:
    """One row per comparison and drawn variant, or pair; one without figures where a comparison has none."""
    rows = tuple(
        row
        for facet in facets
        for found in facet.comparisons
        for row in _rows(facet, found, _prefix(facet, facets))
    )
    bold = "Bold: the variant of the verdict. "
    return Forest(
        "forest.svg",
        "What AXON does to each front",
        "A row is a variant of AXON: how much higher its front lies than the base decoder's on average, and by how "
        "much fewer or more model calls it takes to the same quality.",
        "Dots: estimates; bars: 95 % intervals, which hold simultaneously over the variants and comparisons of this "
        f"report. {BARS.format(better='AXON is better', bold=bold)}",
        (("lower", "higher with AXON"), ("fewer with AXON", "more")),
        rows,
        _undrawn(facets),
    )


def _of_rivals(facets: Sequence[Facet], references: Sequence[str]) -> Forest:
    several = len(references) > 1
    rows = tuple(
        _row(
            f"{_prefix(facet, facets)}{name}{f' against {found.reference}' if several else ''}",
            effect,
            leading=False,
        )
        for facet in facets
        for found in facet.rivals
        if found.axis is axes.NFE
        for name, effect in sorted(found.effects, key=lambda own: -own[1].difference.estimate)
    )
    return Forest(
        "forest_against.svg",
        f"How the fronts lie to {'each other' if several else f'that of {references[0]}'}",
        "A row is a front beside the one it is compared with: how much higher it lies on average, and by how much "
        "fewer or more model calls it takes to the same quality.",
        "Dots: estimates; bars: 95 % intervals, which hold simultaneously over the fronts of this report. "
        f"{BARS.format(better='the first front is better', bold='')}",
        (("lower", "higher"), ("fewer", "more")),
        rows,
        "",
    )


def _prefix(facet: Facet, facets: Sequence[Facet]) -> str:
    return f"{facet.name} · " if len(facets) > 1 else ""


def _rows(facet: Facet, found: Comparison, prefix: str) -> Iterator[Row]:
    name = f"{prefix}{found.cohort.name}"
    if found.effects:
        leading = found.leading
        others = sorted(
            (own for own in found.effects if own is not leading), key=lambda own: -own.difference.estimate
        )
        for effect in (leading, *others[: MOST - 1]):
            variant = variant_text(facet.points, effect.variant, found.cohort.base)
            yield _row(f"{name}: {variant}", effect, effect is leading)
    for pair in found.pairs[:MOST]:
        yield Row(
            f"{name}: {facet.points['label'].iloc[pair.axon]}",
            True,
            pair.quality.difference,
            None,
            (signed(pair.quality.difference, 3), f"{signed(pair.nfe, 1)} at this setting"),
        )
    if not found.effects and not found.pairs:
        yield Row(name, True, texts=(found.outcome if found.enough else "too few examples", ""))


def _row(label: str, effect: Effect, leading: bool) -> Row:
    saving = effect.saving
    known = saving.quality > 0
    change = Interval(-saving.fraction.estimate, -saving.fraction.hi, -saving.fraction.lo)
    return Row(
        label,
        leading,
        effect.difference,
        change if known else None,
        (signed(effect.difference, 3), reduction(saving.fraction) if known else "no common quality"),
        good=(0 if effect.between_alone else 1, 0 if effect.saved_between_alone else -1),
    )


def _undrawn(facets: Sequence[Facet]) -> str:
    """How many there is no row of, in a sentence; empty where there are none."""
    found = [found for facet in facets for found in facet.comparisons]
    variants = sum(max(0, len(own.effects) - MOST) for own in found)
    pairs = sum(max(0, len(own.pairs) - MOST) for own in found)
    told = listed(
        [counted(*own) for own in ((variants, "further variant"), (pairs, "further pair")) if own[0]]
    )
    return f"Not drawn: {told}." if told else ""
