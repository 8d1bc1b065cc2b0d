"""Which settings may be compared: those equal in everything but AXON, their trade-off parameter and the seed.

A *cohort* holds such settings. Its *sides* are the base decoder alone and every configuration of AXON, its variants;
along the trade-off parameter each side is a line. Seeds are replicates of one setting, and so are several runs of it.
Settings that differ in anything else (the generation length, the temperature, ...) belong to other cohorts, and no
line passes through both.

Settings that decode identically count as one, and so do variants: a configuration of AXON that differs on paper but
decodes every example as another variant does counts once, and one that decodes as the base alone does not count at
all. Neither does an empty one, in most of whose settings no candidate had support in most of AXON's steps: it is no
evidence about AXON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting
from pipeline.report.data.labels import short_names, value_text

Indices = NDArray[np.intp]
Decode = tuple[str, ...]  # the decode hashes of a setting's seeds

MOST = 0.5  # a fraction above it is "most"


@dataclass(frozen=True)
class Side:
    """One configuration of AXON, or none: per distinct setting the rows of the points that are its seeds."""

    rows: Mapping[Decode, Indices]
    by_trade_off: Mapping[str, Decode]  # value of the trade-off parameter, as JSON -> setting
    members: tuple[Indices, ...]  # all its rows, then those of each variant that decodes identically


@dataclass(frozen=True)
class Cohort:
    """Settings that may be compared. `variants` are distinct; the counts are of variants as the sweep named them."""

    decoder: str
    apart: str  # what distinguishes it from other cohorts of the decoder, `gen_length=64`; often empty
    base: Side
    variants: tuple[Side, ...]
    asked: int
    idle: int  # of those, how many decoded every example as the base alone did,
    empty: int  # and how many others had no support to select anchors by
    rows: frozenset[int]  # of the points that belong to it

    @property
    def name(self) -> str:
        return f"{self.decoder} ({self.apart})" if self.apart else self.decoder


def cohorts(settings: Sequence[Setting], points: pd.DataFrame) -> list[Cohort]:
    """The cohorts with a scored base setting and a scored AXON one, in the order of the settings.

    `points`: a row per setting, of which the columns `complete`, `decode` and `axon_empty` are used.
    """
    frames = [setting.frame for setting in settings]
    groups: dict[str, list[int]] = {}
    for row in np.flatnonzero(points["complete"]).tolist():
        groups.setdefault(as_key(frames[row]), []).append(row)
    both = [own for own in groups.values() if len({settings[row].uses_axon for row in own}) == 2]
    decodes = [(setting.id, str(decode)) for setting, decode in zip(settings, points["decode"], strict=True)]
    values = [as_key(trade_off_of(setting)) for setting in settings]
    empty_S = points["axon_empty"].to_numpy(dtype=np.float64) > MOST  # unknown is not empty
    found = []
    for own in both:
        ways: dict[str, list[int]] = {}
        for row in own:
            way = as_key(settings[row].identity["axon"]) if settings[row].uses_axon else ""
            ways.setdefault(way, []).append(row)
        base, *variants = (make_side(ways[way], decodes, values) for way in sorted(ways, key=bool))
        decoder = _decoder(settings[own[0]])
        rivals = [frames[other[0]] for other in both if _decoder(settings[other[0]]) == decoder]
        found.append(_cohort(decoder, apart_by(frames[own[0]], rivals), base, variants, empty_S, own))
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


def make_side(rows: Sequence[int], decodes: Sequence[tuple[str, str]], values: Sequence[str]) -> Side:
    """`decodes`: of every row the setting's id and its decode hash; a run that repeats both is not counted again."""
    seeds: dict[str, dict[tuple[str, str], int]] = {}
    for row in rows:
        seeds.setdefault(values[row], {}).setdefault(decodes[row], row)
    distinct: dict[Decode, Indices] = {}
    by_trade_off: dict[str, Decode] = {}
    for value, own in seeds.items():
        decode = tuple(sorted(hashed for _, hashed in own))
        distinct.setdefault(decode, np.array(list(own.values()), dtype=np.intp))
        by_trade_off[value] = decode
    return Side(distinct, by_trade_off, (np.array(rows, dtype=np.intp),))


def _decoder(setting: Setting) -> str:
    return setting.decode.decoder.name


def trade_off_of(setting: Setting) -> Any:
    """The value of the setting's trade-off parameter; None where it has none."""
    return flatten(setting.identity).get(setting.trade_off) if setting.trade_off else None


def as_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def apart_by(own: Mapping[str, Any], rivals: Iterable[Mapping[str, Any]]) -> str:
    """The values in which a cohort differs from the decoder's others, by their short names."""
    others = list(rivals)
    keys = [key for key in own if any(other.get(key) != own[key] for other in others)]
    names = short_names(keys)
    return " ".join(f"{names[key]}={value_text(own[key])}" for key in keys)
