"""What AXON does to single settings, in words, where no front can be drawn."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.report.comparisons.comparison import NO_FRONT, Comparison
from pipeline.report.comparisons.effects import MIN_EXAMPLES
from pipeline.report.comparisons.pairs import Pair
from pipeline.report.statistics.stats import LEVEL, fewest, holds, replicates_of_pair, tail
from pipeline.report.words.lacking import all_agree, too_few, too_few_replicates
from pipeline.report.words.phrases import counted, label_phrase, signed
from pipeline.report.words.told import Row, Verdict, step_words


def pair_verdict(points: pd.DataFrame, found: Comparison, comparisons: int) -> Verdict:
    name = found.cohort.name
    if not found.pairs:
        return Verdict(
            f"AXON with {name}: {NO_FRONT}, because one side has a single distinct setting, or the two sides have the "
            "same NFE or too few common examples; and no two settings have the same trade-off value and "
            f"{MIN_EXAMPLES} common examples."
        )
    pairs = sorted(found.pairs, key=lambda pair: pair.p)
    first = pairs[0]
    which = f" with {label_phrase(points, first.axon)}" if len(pairs) > 1 else ""
    many = comparisons > 1 or len(pairs) > 1
    jointly = ["The intervals and p-values of quality are adjusted for all pairs (Holm)."] if many else []
    closing = (*_unknown_pairs(pairs), *step_words(points, found))
    return Verdict(
        short=f"AXON with {name}: {signed(first.quality.difference, 3)} quality, {signed(first.nfe, 1)} NFE"
        f"{which}; {NO_FRONT}.",
        evidence=" ".join([*(_pair_text(points, pair) for pair in pairs), *closing]),
        sides=(f"{name} alone", "with AXON"),
        rows=tuple(row for pair in pairs for row in _pair_rows(points, pair, len(pairs) > 1)),
        caption="Pairs of settings that are equal in everything but AXON, on their common examples, with 95 % "
        + " ".join(["intervals.", *jointly, *closing]),
    )


def _unknown_pairs(pairs: Sequence[Pair]) -> Iterator[str]:
    """Why differences have no interval, where they have none."""
    few = [pair for pair in pairs if pair.quality.n < fewest(pair.level)]
    enough = [pair for pair in pairs if pair.quality.n >= fewest(pair.level)]
    if what := [*_quality(few, pairs), *_nfe(few, pairs)]:
        level = max(pair.level for pair in few)
        yield too_few(what, level, " (Holm)" if level > LEVEL else "")
    if what := _quality(enough, pairs):  # one that all agree on has an interval even so (stats.alike)
        level = max(pair.level for pair in enough)
        yield too_few_replicates(what, 1 - level, 1 - level)
    undrawn = [pair for pair in enough if not _drawn(pair)]
    if what := _nfe(undrawn, pairs):
        share, level = min((tail(pair.quality.n, pair.level), pair.level) for pair in undrawn)
        yield too_few_replicates(what, 1 - level, share)
    if what := _nfe([pair for pair in enough if _drawn(pair)], pairs):
        yield all_agree(what)


def _drawn(pair: Pair) -> bool:
    """Whether the replicates of its NFE are enough for its level."""
    n = pair.quality.n
    return holds(replicates_of_pair(n, pair.level), tail(n, pair.level))


def _quality(some: Sequence[Pair], pairs: Sequence[Pair]) -> list[str]:
    return _counted("quality", sum(math.isnan(pair.quality.difference.lo) for pair in some), pairs)


def _nfe(some: Sequence[Pair], pairs: Sequence[Pair]) -> list[str]:
    return _counted("NFE", sum(math.isnan(pair.nfe.lo) for pair in some), pairs)


def _counted(name: str, count: int, pairs: Sequence[Pair]) -> list[str]:
    """Of so many without an interval: `quality`, or of more than one pair `quality (2 pairs)`."""
    if not count:
        return []
    return [f"{name} ({counted(count, 'pair')})" if len(pairs) > 1 else name]


def _pair_text(points: pd.DataFrame, pair: Pair) -> str:
    quality = pair.quality
    counts = ""
    if quality.first_only is not None and quality.second_only is not None:
        counts = f": {quality.first_only} correct only with it, {quality.second_only} only without"
    test = "bootstrap" if quality.p is None else "exact McNemar" if counts else "score test"
    return (
        f"{label_phrase(points, pair.axon)}: quality {pair.quality_axon:.3f} at {pair.nfe_axon:.1f} NFE with AXON, "
        f"{pair.quality_base:.3f} at {pair.nfe_base:.1f} without, on {counted(quality.n, 'example')}{counts} "
        f"({test} p = {pair.p:.2g}, adjusted for all comparisons)."
    )


def _pair_rows(points: pd.DataFrame, pair: Pair, many: bool) -> Iterator[Row]:
    where = f" ({points['label'].iloc[pair.axon]})" if many else ""
    yield Row(
        f"quality{where}",
        f"{pair.quality_base:.3f}",
        f"{pair.quality_axon:.3f}",
        signed(pair.quality.difference, 3),
    )
    yield Row(f"NFE{where}", f"{pair.nfe_base:.1f}", f"{pair.nfe_axon:.1f}", signed(pair.nfe, 1))
