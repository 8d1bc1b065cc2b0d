"""Lines: settings that differ in the trade-off parameter alone, where one's decode may repeat another's step by step.

A decode says under which other values it would be the same (axon/leeway.py). So an example whose decode under a
neighbour's value holds under this one's, too, need not be decoded again, and a fine grid costs little more than what
differs in it.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Mapping
from itertools import islice

from pipeline.inputs.dotted import flatten
from pipeline.planning.setting import Setting

NEAREST = 4  # neighbours on either side that are looked at: some may have no results yet


def tells_leeway(setting: Setting) -> bool:
    """Whether its decodes can tell their leeway along its line."""
    return not setting.foreign and setting.trade_off == f"decoder.{setting.decode.decoder.leeway_of}"


def place_of(setting: Setting) -> tuple[str, float] | None:
    """What names a setting's line, and its value there; None where no decode can tell its leeway along it."""
    if not tells_leeway(setting):
        return None
    keys = flatten(setting.identity)
    value = float(keys.pop(str(setting.trade_off)))
    return json.dumps(keys, sort_keys=True), value


class Lines:
    """Of the settings of a plan that grows; worked out when it is first asked for."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self._settings = settings
        self._known = 0
        self._places: dict[str, tuple[str, float]] = {}
        self._lines: dict[str, list[tuple[float, str]]] = {}  # ascending

    def neighbours(self, setting_id: str) -> tuple[str, ...]:
        """The nearest settings of its line, the nearest first."""
        for sid, setting in islice(self._settings.items(), self._known, None):
            if (place := place_of(setting)) is not None:
                line, value = self._places[sid] = place
                insort(self._lines.setdefault(line, []), (value, sid))
        self._known = len(self._settings)
        if setting_id not in self._places:
            return ()
        line, value = self._places[setting_id]
        own = self._lines[line]
        at = bisect_left(own, (value, setting_id))
        near = [*own[max(0, at - NEAREST) : at], *own[at + 1 : at + 1 + NEAREST]]
        return tuple(sid for _, sid in sorted(near, key=lambda other: abs(other[0] - value)))
