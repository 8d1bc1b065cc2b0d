"""The fronts that a report compares: a group's settings of one decoder, and which of them is compared with which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.planning.setting import Setting


@dataclass(frozen=True)
class Side:
    """`rows`: of the points, those of complete settings whose quality and NFE are known; there is at least one."""

    name: str  # the group, and in brackets what tells it from the group's others
    group: str
    decoder: str
    run: str
    axon: bool
    ours: bool  # decoded here, not imported
    rows: NDArray[np.intp]
    frame: Mapping[
        str, Any
    ]  # what its first setting is in all but AXON, the trade-off parameter and the seed


def sides_of(points: pd.DataFrame, settings: Sequence[Setting]) -> list[Side]:
    """A group's settings of one decoder each, in the order of the settings. `settings`: one per point."""
    return make_sides(points, settings, [setting.decode.decoder.name for setting in settings])


def make_sides(points: pd.DataFrame, settings: Sequence[Setting], ways: Sequence[str]) -> list[Side]:
    """`ways`: what tells each setting's side from the others of its group."""
    found: dict[tuple[str, str], list[int]] = {}
    known = points["complete"] & points[["quality", "nfe"]].notna().all(axis=1)
    for row in np.flatnonzero(known).tolist():
        found.setdefault((settings[row].group, ways[row]), []).append(row)
    groups = [group for group, _ in found]
    return [
        Side(
            f"{group} ({way})" if groups.count(group) > 1 else group,
            group,
            settings[rows[0]].decode.decoder.name,
            str(points["run"].iloc[rows[0]]),
            any(settings[row].uses_axon for row in rows),
            all("foreign" not in settings[row].identity for row in rows),
            np.array(rows, dtype=np.intp),
            settings[rows[0]].frame,
        )
        for (group, way), rows in found.items()
    ]


def pairs_of(sides: Sequence[Side], against: str | None = None) -> list[tuple[Side, Side]]:
    """Each front with the one it is compared with.

    `against`: the run, the group, or its part of one decoder, that all others are compared with. Without it the fronts
    with AXON are compared with those without, each with its own decoder's; where there is only one kind of them, all
    others with the first. Of several that one could be compared with, it is its own decoder's, then one that differs
    in as little as possible (a front under a cache has its base under that cache), and then its own run's.
    """
    references = _called(sides, against)
    chosen = {side.name for side in references}
    others = [side for side in sides if side.name not in chosen]
    alike = False
    if against is None:
        references = [side for side in sides if side.ours and not side.axon]
        others = [side for side in sides if side.axon]
        alike = bool(references and others)
        if not alike:
            references, others = list(sides[:1]), list(sides[1:])
    found = []
    for side in others:
        own = [other for other in references if other.decoder == side.decoder or not alike]
        if own:
            found.append((side, min(own, key=partial(_distance, side))))
    return found


def _called(sides: Sequence[Side], name: str | None) -> list[Side]:
    """Those of that group, or of its part of one decoder, `base (dawn)`; of that run where no group is called so."""
    own = [side for side in sides if name in (side.group, f"{side.group} ({side.decoder})")]
    return own or [side for side in sides if side.run == name]


def _distance(side: Side, other: Side) -> tuple[bool, int, bool]:
    keys = side.frame.keys() | other.frame.keys()
    differ = sum(side.frame.get(key) != other.frame.get(key) for key in keys)
    return other.decoder != side.decoder, differ, other.run != side.run
