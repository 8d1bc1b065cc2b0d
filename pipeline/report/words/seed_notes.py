"""What a report says of seeds: how many there are, and where settings' means over them are not of the same draws."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from pipeline.planning.seeds import SEED, way
from pipeline.report.entries import Part
from pipeline.report.words.phrases import counted, label_phrase, listed, quoted

MOST = 8  # seeds that are named


def over_seeds(part: Part) -> Iterator[str]:
    """`3 seeds each (0, 1, 2)`, where a group has several."""
    sizes = {len(entry.seeds) for entry in part.entries}
    if max(sizes) > 1:
        named = [str(seed) for seed in sorted({own.seed for entry in part.entries for own in entry.seeds})]
        shown = ", ".join(named) if len(named) <= MOST else f"{named[0]} … {named[-1]}"
        yield f"{'' if len(sizes) == 1 else 'up to '}{counted(max(sizes), 'seed')} each ({shown})"


def seed_warnings(part: Part, points: pd.DataFrame) -> Iterator[str]:
    """Where a mean is of fewer draws than others, and where luck is not averaged at all."""
    yield from _unlike(part, points)
    yield from _fewer(part, points)
    yield from _apart(part)


def _unlike(part: Part, points: pd.DataFrame) -> Iterator[str]:
    unlike = [point for point, sizes in part.seed_examples.items() if len(set(sizes)) > 1]
    if unlike:
        first = unlike[0]
        sizes = zip(part.entries[first].seeds, part.seed_examples[first], strict=True)
        each = ", ".join(f"seed {setting.seed}: {size}" for setting, size in sizes)
        yield (
            f"{counted(len(unlike), 'setting')} with seeds of different numbers of examples (for example "
            f"{label_phrase(points, first)}: {each}): an example counts once, with the mean over the seeds that have "
            "it."
        )


def _fewer(part: Part, points: pd.DataFrame) -> Iterator[str]:
    groups = {point: part.entries[point].setting.group for point in part.seed_examples}
    most: dict[str, int] = {}
    for point, group in groups.items():
        most[group] = max(most.get(group, 0), len(part.entries[point].seeds))
    fewer = [point for point, group in groups.items() if len(part.entries[point].seeds) < most[group]]
    if fewer:
        yield (
            f"{counted(len(fewer), 'setting')} with fewer seeds than others of the group (for example "
            f"{label_phrase(points, fewer[0])}): such means vary more, so that a front takes the luckier of them."
        )


def _apart(part: Part) -> Iterator[str]:
    """Other groups, or other runs, are compared and not pooled."""
    if len({entry.setting.seed for entry in part.entries}) < 2:
        return
    ways: dict[str, dict[str, set[int]]] = {}
    for entry in part.entries:
        if entry.setting.identity.get(SEED) is not None and not entry.setting.foreign:
            own = ways.setdefault(way(entry.setting), {}).setdefault(entry.setting.group, set())
            own.update(member.seed for member in entry.members)
    apart = [own for own in ways.values() if len({frozenset(seeds) for seeds in own.values()}) > 1]
    if apart:
        names = [quoted(name) for name in dict.fromkeys(group for own in apart for group in own)]
        yield (
            f"Groups that differ in the seed alone ({listed(names)}) are not pooled: the common front takes the "
            "luckier. The verdict on AXON averages them, each seed once."
        )
