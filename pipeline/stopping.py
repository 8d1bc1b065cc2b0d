"""Which settings can't be on their comparison's front, so that evaluating more of them would be wasted.

A *comparison* holds the settings of one group that differ in AXON, the trade-off parameter and the seed alone. One of
them, its *witness*, covers another if over all examples the other is better by no more than a margin and needs no
fewer passes. A setting stops once the examples that both have are enough evidence for that, at any time that anyone
looks (evidence.py). The probability that a sweep stops any setting wrongly is at most `alpha`: it is shared out among
all ordered pairs, whatever the search asks for later (the nth ask gets 1 / (n (n + 1)) of it).

What is decided is a function of the plan and the records alone, not of who was faster:

- A setting is looked at after 1, 2, 3, 4, 6, 9, ... slices, once all settings of its ask and comparison that still run
  have their examples up to there; and then only those examples count. So the looks of a comparison follow each other
  as if nothing ran side by side. Slices beyond that (of an earlier sweep, or of another rule) change no decision.
- Nothing is asked for before all settings of the ask before are whole or stopped.
- A witness never stops, so that for every stopped setting one that covers it is known on all examples.

A setting that can't be evaluated takes no part from the look on that it misses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import StopSettings
from pipeline.evidence import Floats, log_evidence
from pipeline.setting import Setting, Stop

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Standing:
    """Where a plan stands: what has stopped, and up to which example every setting is to be evaluated by now."""

    stopped: dict[str, Stop] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)


def stand(
    asks: Sequence[Sequence[Setting]],
    records: pd.DataFrame,
    sizes: Mapping[str, int],
    slice_size: int,
    rule: StopSettings,
    gone: Collection[str] = (),
) -> Standing:
    """`asks`: the distinct new settings of each ask; `sizes`: how many examples a setting has when whole, by id;
    `gone`: settings that get no more records than they have.
    """
    standing = Standing()
    for size, own in _comparisons(asks, sizes):
        table = _Table.of([setting for ask in own for setting in ask], records, size)
        _follow(own, [len(ask) for ask in asks], table, slice_size, rule, gone, standing)
    return standing


@dataclass(frozen=True)
class _Table:
    """The scores and passes of a comparison's settings, a row each; NaN where an example has none."""

    settings: Sequence[Setting]
    place: Mapping[str, int]
    quality_SN: Floats
    nfe_SN: Floats
    known_S: Mapping[str, int]  # how many examples a setting has without a gap
    most: float  # passes that an example can take

    @classmethod
    def of(cls, settings: Sequence[Setting], records: pd.DataFrame, size: int) -> _Table:
        place = {setting.id: row for row, setting in enumerate(settings)}
        rows = records[records["setting_id"].isin(place.keys()) & (records["position"] < size)]
        at = rows["setting_id"].map(place).to_numpy(dtype=np.intp), rows["position"].to_numpy(dtype=np.intp)
        quality_SN, nfe_SN = (np.full((len(place), size), np.nan) for _ in range(2))
        scored = (rows["score"].notna() & rows["nfe"].notna()).to_numpy(dtype=np.bool_)
        quality_SN[at] = np.where(scored, rows["score"].to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
        nfe_SN[at] = np.where(scored, rows["nfe"].to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
        there_SN = np.zeros((len(place), size + 1), dtype=np.bool_)
        there_SN[at] = True
        known = {sid: int(np.argmin(there_SN[row])) for sid, row in place.items()}
        return cls(settings, place, quality_SN, nfe_SN, known, max(map(_most_passes, settings)))


def _follow(
    asks: Sequence[Sequence[Setting]],
    asked: Sequence[int],
    table: _Table,
    slice_size: int,
    rule: StopSettings,
    gone: Collection[str],
    standing: Standing,
) -> None:
    """One comparison, ask by ask and look by look, as far as the records go. Adds to the standing."""
    size = table.quality_SN.shape[1]
    running: list[Setting] = []  # all that have not stopped
    witnesses: set[str] = set()
    for number, (new, among) in enumerate(zip(asks, asked, strict=True), 1):
        running += new
        pairs = among * max(1, len(running) - 1)
        needed = math.log(number * (number + 1) * pairs / rule.alpha)
        for look in looks(slice_size, size):
            own = [setting for setting in new if setting in running]
            standing.due.update({setting.id: look for setting in own})
            lacking = [setting for setting in own if table.known_S[setting.id] < look]
            if any(setting.id not in gone for setting in lacking):
                return
            running = [setting for setting in running if setting not in lacking]
            if look < size:
                here = [setting for setting in own if setting in running and setting.id not in witnesses]
                found = _stops(table, running, here, look, needed, rule.margin)
                for sid, stop in found.items():
                    standing.stopped[sid] = stop
                    witnesses.add(stop.by)
                running = [setting for setting in running if setting.id not in found]


def _stops(
    table: _Table,
    running: Sequence[Setting],
    candidates: Sequence[Setting],
    n: int,
    needed: float,
    margin: float,
) -> dict[str, Stop]:
    """Those of the candidates that one of the running settings covers, by the first n examples."""
    if len(running) < 2 or not candidates:
        return {}
    rivals = [table.place[setting.id] for setting in running]
    own = np.array([table.place[setting.id] for setting in candidates])
    front = [row for row, best in zip(rivals, _front(table, rivals, n), strict=True) if best]
    evidence_RK = np.array([_covering(table, row, own, n, margin) for row in front])
    found: dict[str, Stop] = {}
    chosen: set[str] = set()
    for place, setting in enumerate(candidates):
        if setting.id in chosen:
            continue
        # The strongest evidence first, the setting asked for first among equals.
        for rival in np.argsort(-evidence_RK[:, place], kind="stable"):
            witness = table.settings[front[rival]]
            if evidence_RK[rival, place] < needed:
                break
            if witness.id not in found:
                found[setting.id] = _stop(table, own[place], front[rival], n)
                chosen.add(witness.id)
                break
    return found


def _covering(table: _Table, witness: int, own_K: Indices, n: int, margin: float) -> Floats:
    """The evidence that the witness covers each of the settings, the weaker of its two halves."""
    size = table.quality_SN.shape[1]
    better_KN = _filled(
        table.quality_SN[witness, :n] - table.quality_SN[own_K, :n], table, witness, own_K, -1.0
    )
    most = table.most
    saved_KN = _filled(table.nfe_SN[own_K, :n] - table.nfe_SN[witness, :n], table, witness, own_K, 1 - most)
    quality_K = log_evidence(better_KN, -margin, -1.0, 1.0, size)
    passes_K = log_evidence(saved_KN, 0.0, 1 - most, most - 1, size)
    evidence_K: Floats = np.minimum(quality_K, passes_K)
    replicas = [_way(table.settings[row]) == _way(table.settings[witness]) for row in own_K]
    evidence_K[np.array(replicas)] = -np.inf
    return evidence_K


def _filled(values_KN: Floats, table: _Table, witness: int, own_K: Indices, worst: float) -> Floats:
    """An example that only one of the two has a score for counts against stopping, and for nothing if none has."""
    n = values_KN.shape[1]
    neither_KN = np.isnan(table.quality_SN[own_K, :n]) & np.isnan(table.quality_SN[witness, :n])
    return np.where(np.isnan(values_KN), np.where(neither_KN, 0.0, worst), values_KN)


def _front(table: _Table, rows: Sequence[int], n: int) -> NDArray[np.bool_]:
    """Which of the rows no other one dominates, by the means of the first n examples."""
    scored_S = ~np.isnan(table.quality_SN[rows, :n]).all(axis=1)
    quality, nfe = (_means(values_SN[rows, :n]) for values_SN in (table.quality_SN, table.nfe_SN))
    as_good = (quality[:, None] >= quality) & (nfe[:, None] <= nfe)
    better = as_good & ((quality[:, None] > quality) | (nfe[:, None] < nfe))
    best: NDArray[np.bool_] = scored_S & ~np.any(better, axis=0)
    return best


def _means(values_SN: Floats) -> Floats:
    known_S = (~np.isnan(values_SN)).sum(axis=1)
    means: Floats = np.nansum(values_SN, axis=1) / np.where(known_S == 0, np.nan, known_S)
    return means


def _stop(table: _Table, row: int, witness: int, n: int) -> Stop:
    quality, nfe = (
        _means(values_SN[[row], :n] - values_SN[[witness], :n])[0]
        for values_SN in (table.quality_SN, table.nfe_SN)
    )
    return Stop(table.settings[witness].id, n, round(float(quality), 6), round(float(nfe), 6))


def looks(slice_size: int, size: int) -> Iterator[int]:
    """After 1, 2, 3, 4, 6, 9, 13, ... slices, and at the end."""
    slices = 1
    while slices * slice_size < size:
        yield slices * slice_size
        slices = max(slices + 1, slices * 3 // 2)
    yield size


def _comparisons(
    asks: Sequence[Sequence[Setting]], sizes: Mapping[str, int]
) -> Iterator[tuple[int, list[list[Setting]]]]:
    """Each comparison's settings, ask by ask, with the number of examples that they have."""
    keys = [
        {
            setting.id: (setting.group, json.dumps(setting.frame, sort_keys=True, default=str))
            for setting in ask
        }
        for ask in asks
    ]
    for key in dict.fromkeys(key for own in keys for key in own.values()):
        parts = [[s for s in ask if own[s.id] == key] for ask, own in zip(asks, keys, strict=True)]
        yield next(sizes[setting.id] for part in parts for setting in part), parts


def _way(setting: Setting) -> str:
    """The setting without its seed: its replicates have the same."""
    return json.dumps(
        {key: value for key, value in setting.identity.items() if key != "seed"}, sort_keys=True
    )


def _most_passes(setting: Setting) -> float:
    """A pass reveals at least one token; to fill an absolute block a few more are generated."""
    decode = setting.decode
    return float(decode.gen_length + decode.block * (decode.block_alignment == "absolute"))
