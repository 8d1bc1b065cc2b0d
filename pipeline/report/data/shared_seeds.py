"""One setting's seeds in several runs or groups: where the points are averaged, each seed counts once.

Means over {1, 2} and {2, 3} do not tell that over {1, 2, 3}: it takes what each seed came to by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.planning.seeds import SEED, way
from pipeline.report.entries import Entry, Part
from pipeline.report.statistics.sample import BySeed, Sample
from pipeline.report.statistics.stats import Floats


def by_seed(part: Part, sample: Sample) -> dict[int, BySeed]:
    """Of the points whose setting has seeds at others, too; none where no mean over the points could go wrong."""
    points = _sharing(part.entries)
    if not points:
        return {}
    place = {name: number for number, (_, name) in enumerate(sample.examples)}
    columns = {name: "score" if name == "quality" else name for name in sample.measures}
    found: dict[int, dict[str, dict[str, Floats]]] = {point: {} for point in points}
    rows = part.scored[part.scored["point"].isin(points)]
    for (point, sid), own in rows.groupby(["point", "setting_id"], observed=True):
        at = own["example_id"].astype(str).map(place).to_numpy()
        outcomes = found[int(str(point))][str(sid)] = {}
        for name, column in columns.items():
            outcomes[name] = np.full(sample.n, np.nan)
            outcomes[name][at] = own[column].to_numpy(dtype=np.float64)
    return {**found}


def _sharing(entries: Sequence[Entry]) -> list[int]:
    if len({member.seed for entry in entries for member in entry.members}) < 2:
        return []  # spares the common report its identities' texts
    ways: dict[str, list[int]] = {}
    for point, entry in enumerate(entries):
        if not entry.setting.foreign and entry.setting.identity.get(SEED) is not None:
            ways.setdefault(way(entry.setting), []).append(point)
    return [point for own in ways.values() if _unequal([entries[point] for point in own]) for point in own]


def _unequal(entries: Sequence[Entry]) -> bool:
    """Whether a mean over these points would weigh some seed more than others."""
    ids = [member.id for entry in entries for member in entry.members]
    return len(entries) > 1 and (len(ids) > len(entries) or len(set(ids)) < len(ids))
