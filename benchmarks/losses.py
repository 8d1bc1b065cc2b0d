"""What a search on a recorded grid has missed of its fronts, and what no search could do better than.

A point is as far from another as quality may be lower and NFE higher, relatively, for that one to take its place (the
epsilon indicator of Zitzler et al., IEEE Trans. Evol. Comput. 7, 2003, 117). Every group has a front of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from benchmarks.recorded import Recorded
from pipeline.planning.setting import Stop
from pipeline.report.statistics.pareto import non_dominated
from pipeline.report.statistics.stats import paired_difference

EXACT = 1e-9


def farthest(recorded: Recorded, among: Sequence[int], known: Sequence[int]) -> float:
    """Of the points of the groups' fronts among those rows, the largest distance to a known one of the group."""
    return max((float(gaps.min()) for _, _, gaps in _distances(recorded, among, known)), default=0.0)


def from_mixes(run: Recorded, known: Sequence[int], truth: Recorded) -> float:
    """Of the points of the run's fronts, the largest distance to a known one of the group or a mix of two, in truth."""
    quality, nfe = truth.quality_SN.mean(axis=1), truth.nfe_SN.mean(axis=1)
    far = 0.0
    for row, others, _ in _distances(run, range(len(run.settings)), known):
        worse_K, slower_K = quality[row] - quality[others], nfe[others] / nfe[row] - 1
        # By the share that the second of a pair takes, one rises and the other falls on straight lines: they are equal
        # at `over / slope`. At any share a mix is reached, so where they don't cross, one of the two alone is as good.
        over_KK = np.broadcast_to((worse_K - slower_K)[:, None], (len(others), len(others)))
        slope_KK = over_KK - over_KK.T
        share_KK = np.divide(over_KK, slope_KK, out=np.zeros_like(slope_KK), where=slope_KK != 0).clip(0, 1)
        mixes = [own[:, None] + share_KK * (own[None, :] - own[:, None]) for own in (worse_K, slower_K)]
        far = max(far, float(np.maximum(0.0, np.maximum(*mixes)).min()))
    return far


def surely(recorded: Recorded, known: Sequence[int], margin: float) -> bool:
    """Whether a point is lost beyond what the examples leave open: it is farther than the margin from every known one
    of its group, and the paired 95 % interval of its quality lies above that of each whose NFE is within the margin.
    """
    quality_SN, nfe = recorded.quality_SN, recorded.nfe_SN.mean(axis=1)
    return any(
        all(
            paired_difference(quality_SN[row], quality_SN[other]).difference.lo > 0
            for other in others
            if nfe[other] <= nfe[row] * (1 + margin) + EXACT
        )
        for row, others, gaps in _distances(recorded, range(len(recorded.settings)), known)
        if gaps.min() > margin + EXACT
    )


def fewest(recorded: Recorded, margin: float) -> float:
    """The model calls of the cheapest settings that are within the margin of every point of the groups' fronts."""
    rows = list(range(len(recorded.settings)))
    near = np.zeros((0, len(rows)))
    for _, others, gaps in _distances(recorded, rows, rows):
        near = np.vstack([near, np.isin(rows, np.array(others)[gaps <= margin + EXACT])])
    calls = recorded.nfe_SN.sum(axis=1)
    found = milp(calls, constraints=LinearConstraint(near, 1, np.inf), integrality=1, bounds=Bounds(0, 1))
    return float(found.fun)


def excluding(recorded: Recorded, margin: float) -> float:
    """The model calls of the cheapest settings between which nothing farther than the margin can be hidden, for one who
    knows all points of the fronts, but not that there are no others.

    Taken for granted: along a line quality and NFE rise or fall together. Then the farthest that may be hidden between
    two neighbours has the lower NFE of the two and the higher quality. A line needs its cheap end, and its costly end
    unless a quality of 1 at its last setting's NFE would be no farther.
    """
    quality, nfe = recorded.quality_SN.mean(axis=1), recorded.nfe_SN.mean(axis=1)
    calls = recorded.nfe_SN.sum(axis=1)
    groups = np.array([setting.group for setting in recorded.settings])
    total = 0.0
    for values in recorded.lines.values():
        line = sorted(values.values(), key=lambda row: nfe[row])
        group = np.flatnonzero(groups == groups[line[0]])

        def open_at(most: float, least: float, group: np.ndarray = group) -> bool:
            gaps = np.maximum(most - quality[group], nfe[group] / least - 1)
            return float(gaps.min()) > margin + EXACT

        spent = {line[0]: float(calls[line[0]])}  # up to a setting that is evaluated: the least
        for place, row in enumerate(line[1:], 1):
            before = [
                one
                for one in line[:place]
                if one == line[place - 1] or not open_at(max(quality[one], quality[row]), nfe[one])
            ]
            spent[row] = min(spent[one] for one in before) + float(calls[row])
        total += min(spent[row] for row in line if row == line[-1] or not open_at(1.0, nfe[row]))
    return total


def _distances(
    recorded: Recorded, among: Sequence[int], known: Sequence[int]
) -> Iterator[tuple[int, list[int], np.ndarray]]:
    """Each point of a group's front among those rows, the known rows of the group, and its distances to them."""
    quality, nfe = recorded.quality_SN.mean(axis=1), recorded.nfe_SN.mean(axis=1)
    groups = [setting.group for setting in recorded.settings]
    for group in dict.fromkeys(groups):
        own = np.array([row for row in among if groups[row] == group])
        others = [row for row in known if groups[row] == group]
        for row in own[non_dominated(quality[own], nfe[own])]:
            worse, slower = quality[row] - quality[others], nfe[others] / nfe[row] - 1
            yield row, others, np.maximum(0.0, np.maximum(worse, slower))


def wrongly(recorded: Recorded, stopped: Mapping[str, Stop], margin: float) -> bool:
    """Whether any setting was stopped by one that does not cover it."""
    place = {setting.id: row for row, setting in enumerate(recorded.settings)}
    quality, nfe = recorded.quality_SN.mean(axis=1), recorded.nfe_SN.mean(axis=1)
    pairs = [(place[sid], place[stop.by]) for sid, stop in stopped.items()]
    return any(quality[a] - quality[b] > margin + EXACT or nfe[a] < nfe[b] for a, b in pairs)
