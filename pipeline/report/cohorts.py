"""Which settings may be compared: those equal in everything but AXON, the sweep's trade-off parameter and the seed.

A *cohort* holds such settings. Its *sides* are the base decoder alone and every way of setting AXON, its variants;
along the trade-off parameter each side is a line. Seeds are replicates of one setting. What differs in more (the
length, the model, the temperature, ...) is another cohort: no line runs through both.

Settings that decode alike are one, and so are variants: what sets AXON otherwise on paper but decodes every example
as another variant does counts once, and one that decodes as the base alone does not count at all. Nor does one that
was empty, in most of whose settings no candidate had support in most of AXON's steps: it says nothing about AXON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.labels import Setting, decoder_name, fact, short_names, uses_axon, value_text

Indices = NDArray[np.intp]
Decode = tuple[str, ...]  # the decode hashes of a setting's seeds

MOST = 0.5  # a share above it is "most"


@dataclass(frozen=True)
class Side:
    """A way of setting AXON, or none: per distinct setting the rows of the points that are its seeds."""

    rows: Mapping[Decode, Indices]
    speeds: Mapping[str, Decode]  # value of the trade-off parameter, as JSON -> setting
    members: tuple[Indices, ...]  # all its rows, then those of each variant that decodes alike


@dataclass(frozen=True)
class Cohort:
    """Settings that may be compared. `variants` are distinct; the counts are of variants as the sweep named them."""

    decoder: str
    apart: str  # what tells it from the decoder's other cohorts, `gen_length=64`; often nothing
    base: Side
    variants: tuple[Side, ...]
    asked: int
    idle: int  # of those, how many decoded every example as the base alone did,
    empty: int  # and how many others had no support to choose anchors by
    rows: frozenset[int]  # of the points that it holds

    @property
    def name(self) -> str:
        return f"{self.decoder} ({self.apart})" if self.apart else self.decoder


def cohorts(settings: Mapping[str, Setting], points: pd.DataFrame, trade_off: str | None) -> list[Cohort]:
    """The cohorts with a scored base setting and a scored AXON one, in the order of the settings.

    Of `points` the columns `complete`, `decode` and `axon_empty`; `trade_off` is a dotted key, or None where nothing
    was swept along a speed.
    """
    whole = list(settings.values())
    frames = [_frame(setting, trade_off) for setting in whole]
    groups: dict[str, list[int]] = {}
    for row in np.flatnonzero(points["complete"]).tolist():
        groups.setdefault(_key(frames[row]), []).append(row)
    both = [own for own in groups.values() if len({uses_axon(whole[row]) for row in own}) == 2]
    decodes = [str(decode) for decode in points["decode"]]
    speeds = [_key(_at(setting, trade_off)) for setting in whole]
    empty_S = points["axon_empty"].to_numpy(dtype=np.float64) > MOST  # unknown is not empty
    found = []
    for own in both:
        ways: dict[str, list[int]] = {}
        for row in own:
            ways.setdefault(_key(fact(whole[row], "axon")) if uses_axon(whole[row]) else "", []).append(row)
        base, *variants = (_side(ways[way], decodes, speeds) for way in sorted(ways, key=bool))
        decoder = decoder_name(whole[own[0]])
        rivals = [frames[other[0]] for other in both if decoder_name(whole[other[0]]) == decoder]
        found.append(_cohort(decoder, _apart(frames[own[0]], rivals), base, variants, empty_S, own))
    return found


def _cohort(
    decoder: str,
    apart: str,
    base: Side,
    variants: Sequence[Side],
    empty_S: NDArray[np.bool_],
    own: Sequence[int],
) -> Cohort:
    moving = [side for side in variants if not set(side.rows) <= set(base.rows)]
    active = [side for side in moving if empty_S[side.members[0]].mean() <= MOST]
    distinct: dict[frozenset[Decode], Side] = {}
    for side in active:
        alike = distinct.get(frozenset(side.rows))
        joint = replace(alike, members=alike.members + side.members) if alike else side
        distinct[frozenset(side.rows)] = joint
    idle, empty = len(variants) - len(moving), len(moving) - len(active)
    sides = tuple(distinct.values())
    return Cohort(decoder, apart, base, sides, len(variants), idle, empty, frozenset(own))


def _side(rows: Sequence[int], decodes: Sequence[str], speeds: Sequence[str]) -> Side:
    seeds: dict[str, list[int]] = {}
    for row in rows:
        seeds.setdefault(speeds[row], []).append(row)
    distinct: dict[Decode, Indices] = {}
    at: dict[str, Decode] = {}
    for speed, own in seeds.items():
        decode = tuple(sorted(decodes[row] for row in own))
        distinct.setdefault(decode, np.array(own, dtype=np.intp))
        at[speed] = decode
    return Side(distinct, at, (np.array(rows, dtype=np.intp),))


def _frame(setting: Setting, trade_off: str | None) -> dict[str, Any]:
    """What two settings must share to be compared. AXON goes at every depth, since its version is noted too."""
    path = tuple(trade_off.split(".")) if trade_off else None

    def kept(part: Setting, above: tuple[str, ...]) -> dict[str, Any]:
        return {
            key: kept(value, (*above, key)) if isinstance(value, Mapping) else value
            for key, value in part.items()
            if key != "axon" and (*above, key) != path and (*above, key) != ("seed",)
        }

    return kept(setting, ())


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _at(setting: Setting, path: str | None) -> Any:
    value: Any = setting
    for key in path.split(".") if path else ():
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if path else None


def _apart(own: Mapping[str, Any], rivals: Iterable[Mapping[str, Any]]) -> str:
    """The values in which a cohort differs from the decoder's others, by their short names."""
    flat, others = _flat(own), [_flat(rival) for rival in rivals]
    keys = [key for key in flat if any(other.get(key) != flat[key] for other in others)]
    # A hash of contents says nothing to a reader where a name tells the same.
    told = [key for key in keys if not key.endswith(".content")] or keys
    names = short_names(told)
    return " ".join(f"{names[key]}={_text(flat[key])}" for key in told)


def _flat(part: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in part.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _text(value: Any) -> str:
    return (
        ",".join(value_text(part) for part in value)
        if isinstance(value, (list, tuple))
        else value_text(value)
    )
