"""Which settings can't be on their comparison's front, so that evaluating more of them would be wasted.

A *comparison* holds the settings of one group that differ in AXON, the trade-off parameter and the seed alone. One of
them, its *witness*, covers another if over all examples the other is better by no more than a margin and needs no
fewer passes. Those that look best after the first slice run ahead to the end; the others then go on look by look, and
stop once their examples are enough evidence that one of the whole settings covers them, whenever anyone looks
(evidence.py): for quality the differences on common examples, for passes their own against the witness's mean, which
is known. (Passes differ by up to the generation length, which leaves a difference of two unknown means open almost
to the end.) The probability that a sweep stops any setting wrongly is at most `alpha`: the nth ask gets 1 / (n (n + 1))
of it, whatever the search asks for later, and shares that out among its settings that don't run ahead, each with every
witness. Who runs ahead is chosen by the first slice, so that evidence begins after it.

What is decided is a function of the plan and the records alone, not of who was faster:

- A setting is looked at after 1, 2, 3, 4, 6, 9, ... slices, once all settings of its ask and comparison that still run
  have their examples up to there; and then only those examples count. So the looks of a comparison follow each other
  as if nothing ran side by side. Slices beyond that (of an earlier sweep, or of another rule) change no decision.
- Nothing is asked for before all settings of the ask before are whole or stopped.
- A witness is whole, so that what it covers is known on all examples.

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

from pipeline.inputs.config import StopSettings
from pipeline.planning.evidence import Floats, log_evidence
from pipeline.planning.seeds import way
from pipeline.planning.setting import Setting, Stop

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
    first = min(slice_size, size)
    whole: list[Setting] = []

    def reach(own: Sequence[Setting], look: int) -> list[Setting] | None:
        """Those that have their examples up to there; None while some may still get them."""
        standing.due.update({setting.id: look for setting in own})
        lacking = [setting for setting in own if table.known_S[setting.id] < look]
        if any(setting.id not in gone for setting in lacking):
            return None
        return [setting for setting in own if setting not in lacking]

    for number, (new, among) in enumerate(zip(asks, asked, strict=True), 1):
        running = reach(new, first)
        if running is None:
            return
        ahead = _front(table, [*whole, *running], first)
        leaders = [setting for setting in running if setting in ahead]
        running = [setting for setting in running if setting not in ahead]
        led = reach(leaders, size)
        if led is None:
            return
        whole += led
        witnesses = _front(table, whole, size)
        share = len(new) / among if new else 1.0  # of what the ask may be wrong, for this comparison
        pairs = max(1, len(running) * len(witnesses))
        needed = math.log(number * (number + 1) * pairs / (share * rule.alpha))
        for look in looks(slice_size, size):
            found = reach(running, look)
            if found is None:
                return
            stops = {}
            if first < look < size:
                stops = _stops(table, witnesses, found, look, first, needed, rule.margin)
            standing.stopped.update(stops)
            running = [setting for setting in found if setting.id not in stops]
        whole += running


def _stops(
    table: _Table,
    witnesses: Sequence[Setting],
    candidates: Sequence[Setting],
    n: int,
    seen: int,
    needed: float,
    margin: float,
) -> dict[str, Stop]:
    """Those of the candidates that a witness covers, by the candidates' examples from `seen` to n."""
    if not witnesses or not candidates:
        return {}
    own_K = np.array([table.place[setting.id] for setting in candidates])
    evidence_WK = np.array(
        [_covering(table, table.place[witness.id], own_K, n, seen, margin) for witness in witnesses]
    )
    found = {}
    for place, setting in enumerate(candidates):
        best = int(np.argmax(evidence_WK[:, place]))  # the first asked for among equals
        if evidence_WK[best, place] >= needed:
            found[setting.id] = _stop(table, own_K[place], table.place[witnesses[best].id], n)
    return found


def _covering(table: _Table, witness: int, own_K: Indices, n: int, seen: int, margin: float) -> Floats:
    """The evidence that the witness covers each of the settings, the weaker of its two halves."""
    size = table.quality_SN.shape[1]
    known = float(_means(table.nfe_SN[[witness]])[0])
    better_KN = table.quality_SN[witness, :n] - table.quality_SN[own_K, :n]
    better_KN = _filled(better_KN, table, witness, own_K, 0.0, -1.0)
    passes_KN = _filled(table.nfe_SN[own_K, :n], table, witness, own_K, known, 1.0)
    quality_K = log_evidence(better_KN, -margin, -1.0, 1.0, size, seen)
    passes_K = log_evidence(passes_KN, known, 1.0, table.most, size, seen)
    evidence_K: Floats = np.minimum(quality_K, passes_K)
    replicas = [way(table.settings[row]) == way(table.settings[witness]) for row in own_K]
    evidence_K[np.array(replicas)] = -np.inf
    return evidence_K


def _filled(
    values_KN: Floats, table: _Table, witness: int, own_K: Indices, neutral: float, worst: float
) -> Floats:
    """An example that only one of the two has a score for counts against stopping, and for nothing if none has."""
    n = values_KN.shape[1]
    own_KN = np.isnan(table.quality_SN[own_K, :n])
    other_N = np.isnan(table.quality_SN[witness, :n])
    return np.where(own_KN & other_N, neutral, np.where(own_KN | other_N, worst, values_KN))


def _front(table: _Table, settings: Sequence[Setting], n: int) -> list[Setting]:
    """Those that no other one dominates, by the means of the first n examples."""
    rows = [table.place[setting.id] for setting in settings]
    quality, nfe = (_means(values_SN[rows, :n]) for values_SN in (table.quality_SN, table.nfe_SN))
    as_good = (quality[:, None] >= quality) & (nfe[:, None] <= nfe)
    better = as_good & ((quality[:, None] > quality) | (nfe[:, None] < nfe))
    best_S = ~np.isnan(quality) & ~np.any(better, axis=0)
    return [setting for setting, best in zip(settings, best_S, strict=True) if best]


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


def _most_passes(setting: Setting) -> float:
    """To fill an absolute block a few more tokens are generated."""
    decode = setting.decode
    blocks = decode.gen_length // decode.block + (decode.block_alignment == "absolute")
    return float(blocks * decode.most_steps(all_open=False))
